//! Webhooks: signatures that others made, the limits, and what is hinted at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use billing_domain::fact::{Fact, Observed};
use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;
use billing_http::{SIGNATURE_HEADER_MAX_BYTES, SigningKeys};
use billing_ports::{DecodeError, Delivery, Reading, WebhookDecoder, WebhookRequest};
use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CUSTOMER, STORE, of_checkout, of_invoice, options};
use crate::wire::at;
use crate::{BtcPayDecoder, BtcPayOptions, HANDLED_EVENTS, SIGNATURE_HEADER};

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    body_b64: String,
    header: String,
    secret: String,
    expect: bool,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../tests/fixtures/webhook_vectors.json");
    let read: Vectors = serde_json::from_str(text).unwrap();
    assert_eq!(read.vectors.len(), 4);
    read.vectors
}

fn decode(secrets: &[&str], header: &str, body: impl Into<Bytes>) -> Result<Delivery, DecodeError> {
    let decoder = BtcPayDecoder::new(&BtcPayOptions {
        webhook_secrets: secrets.iter().copied().map(SecretString::from).collect(),
        ..options()
    });
    let request = WebhookRequest {
        headers: vec![(SIGNATURE_HEADER.to_owned(), header.to_owned())],
        body: body.into(),
    };
    decoder.decode(&request, Timestamp::UNIX_EPOCH)
}

fn signed(event: &Value) -> Delivery {
    let body = serde_json::to_vec_pretty(event).unwrap();
    let keys = SigningKeys::new(&["hush".into()]).unwrap();
    let header = format!("sha256={}", keys.sign(&body));
    decode(&["hush"], &header, body).unwrap()
}

fn event(kind: &str, metadata: &Value) -> Value {
    json!({
        "deliveryId": "second",
        "webhookId": "hook",
        "originalDeliveryId": "first",
        "isRedelivery": true,
        "type": kind,
        "timestamp": 1_700,
        "storeId": STORE,
        "invoiceId": "inv1",
        "metadata": metadata,
        "manuallyMarked": false,
        "overPaid": true,
    })
}

fn facts(delivery: &Delivery) -> &[Observed] {
    match &delivery.reading {
        Reading::Facts(facts) => facts,
        Reading::Unreadable { why, .. } => panic!("{why}"),
    }
}

#[test]
fn the_vectors_hold() {
    for vector in vectors() {
        let body = STANDARD.decode(&vector.body_b64).unwrap();
        let held = decode(&[&vector.secret], &vector.header, body);
        assert_eq!(held.is_ok(), vector.expect, "{}", vector.name);
    }
}

#[test]
fn any_of_several_secrets_is_believed_and_none_believes_nothing() {
    let vector = &vectors()[0];
    let body = STANDARD.decode(&vector.body_b64).unwrap();
    let genuine = |secrets: &[&str], header: &str| decode(secrets, header, body.clone()).is_ok();
    assert!(genuine(&["new", &vector.secret], &vector.header));
    assert!(!genuine(&["new"], &vector.header));
    assert!(!genuine(&[], &vector.header));
    assert!(!genuine(&[""], &vector.header));
    let hex = vector.header.strip_prefix("sha256=").unwrap();
    for bad in [
        String::new(),
        "sha256=".to_owned(),
        format!("sha1={hex}"),
        format!("sha256={}", &hex[2..]),
        format!("sha256={hex},sha256={hex}"),
        format!(
            "{}{}",
            vector.header,
            " ".repeat(SIGNATURE_HEADER_MAX_BYTES)
        ),
    ] {
        assert!(!genuine(&[&vector.secret], &bad), "{bad}");
    }
}

#[test]
fn every_event_is_a_hint_at_its_invoice_and_nothing_else() {
    for kind in HANDLED_EVENTS {
        for (metadata, of) in [
            (of_invoice(), RefKind::Invoice),
            (of_checkout(), RefKind::Checkout),
        ] {
            let delivery = signed(&event(kind, &metadata));
            assert_eq!(
                (delivery.event_id.as_str(), delivery.kind.as_str()),
                ("first", kind)
            );
            let [hint] = facts(&delivery) else {
                panic!("{delivery:?}");
            };
            let Fact::Hinted { object } = &hint.fact else {
                panic!("{hint:?}");
            };
            assert_eq!((object.kind, object.id.as_str()), (of, "inv1"));
            assert_eq!(hint.at, at(1_700));
            assert_eq!(
                hint.link.customer.map(|id| id.to_string()).as_deref(),
                Some(CUSTOMER)
            );
            assert!(!hint.link.garbled);
        }
    }
}

#[test]
fn a_redelivery_is_the_same_event_however_it_is_spelled() {
    let mut event = event("InvoiceSettled", &of_invoice());
    assert_eq!(signed(&event).event_id, "first");
    event["orignalDeliveryId"] = json!("first");
    assert_eq!(signed(&event).event_id, "first");
    event["originalDeliveryId"] = Value::Null;
    assert_eq!(signed(&event).event_id, "first");
    event["orignalDeliveryId"] = Value::Null;
    assert_eq!(signed(&event).event_id, "second");
    event["originalDeliveryId"] = json!("x".repeat(129));
    assert_eq!(signed(&event).event_id, "second");
}

#[test]
fn what_is_not_about_an_invoice_of_ours_has_no_facts() {
    let mut elsewhere = event("InvoiceSettled", &of_invoice());
    elsewhere["storeId"] = json!("store2");
    let mut theirs = of_invoice();
    theirs["billing_operator"] = json!("there");
    for event in [
        elsewhere,
        event("InvoiceSettled", &theirs),
        event("InvoiceSettled", &json!({ "orderId": "167" })),
        event("InvoiceCreated", &of_invoice()),
        event("PayoutApproved", &of_invoice()),
        event("PayoutCreated", &of_invoice()),
        event("CakeBaked", &json!({})),
    ] {
        let delivery = signed(&event);
        assert!(facts(&delivery).is_empty(), "{event}");
    }
}

#[test]
fn a_payout_is_a_hint_at_what_it_is_claimed_from() {
    let mut event = event("PayoutUpdated", &Value::Null);
    event["pullPaymentId"] = json!("pull1");
    let delivery = signed(&event);
    let [hint] = facts(&delivery) else {
        panic!("{delivery:?}");
    };
    let Fact::Hinted { object } = &hint.fact else {
        panic!("{hint:?}");
    };
    assert_eq!(
        (object.kind, object.id.as_str()),
        (RefKind::Payment, "pull1")
    );
}

#[test]
fn without_metadata_the_invoice_says_whose_it_is() {
    let mut event = event("InvoiceSettled", &Value::Null);
    event.as_object_mut().unwrap().remove("metadata");
    let delivery = signed(&event);
    let [hint] = facts(&delivery) else {
        panic!("{delivery:?}");
    };
    assert!(matches!(&hint.fact, Fact::Hinted { object } if object.id == "inv1"));
    assert!(!hint.link.garbled);
}

#[test]
fn what_is_genuine_and_cannot_be_read_is_accepted_and_said_so() {
    for (name, value) in [("invoiceId", Value::Null), ("timestamp", Value::Null)] {
        let mut event = event("InvoiceSettled", &of_invoice());
        event[name] = value;
        let delivery = signed(&event);
        assert_eq!(delivery.event_id, "first");
        assert!(
            matches!(delivery.reading, Reading::Unreadable { .. }),
            "{name}"
        );
    }
    let odd = signed(&json!(["odd"]));
    assert!(odd.event_id.starts_with("unreadable:"));
    assert_eq!(odd.event_id, signed(&json!(["odd"])).event_id);
    assert_ne!(odd.event_id, signed(&json!(["even"])).event_id);
}
