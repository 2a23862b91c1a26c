//! Signatures that were made by Stripe's own libraries (stripe-node 23.1.0
//! `generateTestHeaderString`, cross-checked with stripe-python 16.1.0), valid and
//! not; the future ones are refused here, where those libraries accept them.

use billing_domain::time::Timestamp;
use billing_ports::{WebhookDecoder, WebhookRequest};
use billing_stripe::{StripeDecoder, TIMESTAMP_TOLERANCE};
use bytes::Bytes;
use jiff::SignedDuration;

use crate::support::{options, signed};

const BODY: &str = r#"{"id":"evt_test_1","object":"event","type":"customer.subscription.updated"}"#;
const WITH_SPACE: &str =
    "{\"id\":\"evt_test_1\",\"object\":\"event\",\"type\":\"customer.subscription.updated\"} ";
const ROTATED: &str = "t=1700000000,v1=2bc8189736661c3e3e131442715f4df4d54a870b3c1332f2e118509b94701512,v1=e56594afb6564aa761acee62e3ecc89e0cffd924c50c829edfcc3e98cfdfffe4";
const SHORT: &str =
    "t=1700000000,v1=bc491cdd4de9a4f5044029ad9b79add160063e4230daf21e0d76159e643bae9c";

/// What is tried, the header, the secret, when, and whether it is believed.
type Vector = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    i64,
    bool,
);

const VECTORS: [Vector; 9] = [
    (
        "ok",
        BODY,
        "t=1700000000,v1=6d1695090a29031f4a635fba8776b80e9058dddec671fd5bdf1d7c278222cf63",
        "whsec_test_secret",
        1_700_000_010,
        true,
    ),
    (
        "old secret second",
        BODY,
        ROTATED,
        "whsec_old",
        1_700_000_010,
        true,
    ),
    (
        "new secret first",
        BODY,
        ROTATED,
        "whsec_new",
        1_700_000_010,
        true,
    ),
    (
        "v0 is no signature",
        BODY,
        "t=1700000000,v1=a1ddcccfda258169ba58272e2605b91a7798afed475426d39bcee7292c6d8af4,v0=6d1695090a29031f4a635fba8776b80e9058dddec671fd5bdf1d7c278222cf63",
        "whsec_test_secret",
        1_700_000_010,
        false,
    ),
    ("at the tolerance", BODY, SHORT, "s", 1_700_000_300, true),
    ("a second past it", BODY, SHORT, "s", 1_700_000_301, false),
    (
        "in the future",
        BODY,
        "t=1700000400,v1=32e7267c62a48777c4ab3a5a2566e36549a098a1621dabd6d7294d428fc406da",
        "s",
        1_700_000_000,
        false,
    ),
    (
        "beyond ASCII",
        "{\"name\":\"Zo\u{eb} \u{6f22}\u{5b57}\"}",
        "t=1700000000,v1=31da63befb4f513ad002a7e9907a4d946afe335fe480df589b58338520feac3c",
        "s",
        1_700_000_000,
        true,
    ),
    (
        "one space more",
        WITH_SPACE,
        SHORT,
        "s",
        1_700_000_000,
        false,
    ),
];

#[test]
fn every_published_vector() {
    for (name, body, header, secret, now, believed) in VECTORS {
        let decoder = StripeDecoder::new(&options(&[secret])).unwrap();
        let request = WebhookRequest {
            headers: vec![("stripe-signature".to_owned(), header.to_owned())],
            body: Bytes::from(body),
        };
        let now = Timestamp::from_second(now).unwrap();
        assert_eq!(decoder.decode(&request, now).is_ok(), believed, "{name}");
    }
}

#[test]
fn any_secret_is_believed_and_no_other() {
    let decoder = StripeDecoder::new(&options(&["whsec_new", "whsec_old"])).unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let believed = |secret: &str| decoder.decode(&signed(BODY, now, secret), now).is_ok();
    assert!(believed("whsec_new"));
    assert!(believed("whsec_old"));
    assert!(!believed("whsec_"));
    assert!(StripeDecoder::new(&options(&[])).is_err());
    assert!(StripeDecoder::new(&options(&["whsec_new", ""])).is_err());
}

#[test]
fn time_is_held_to_on_both_sides() {
    let decoder = StripeDecoder::new(&options(&["s"])).unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let second = SignedDuration::from_secs(1);
    let beyond = TIMESTAMP_TOLERANCE.saturating_add(second);
    for (distance, believed) in [
        (TIMESTAMP_TOLERANCE, true),
        (-TIMESTAMP_TOLERANCE, true),
        (beyond, false),
        (-beyond, false),
    ] {
        let request = signed(BODY, now.checked_add(distance).unwrap(), "s");
        assert_eq!(
            decoder.decode(&request, now).is_ok(),
            believed,
            "{distance}"
        );
    }
}

#[test]
fn a_header_of_another_shape_is_not_believed() {
    let decoder = StripeDecoder::new(&options(&["s"])).unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let long = format!("{SHORT},v1={}", "a".repeat(4_096));
    for header in ["", "t=", "v1=ab", "t=x,v1=ab", "t=1700000000,v1=zz", &long] {
        let request = WebhookRequest {
            headers: vec![("stripe-signature".to_owned(), header.to_owned())],
            body: Bytes::from(BODY),
        };
        assert!(decoder.decode(&request, now).is_err(), "{header}");
    }
}
