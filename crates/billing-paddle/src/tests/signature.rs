//! Signatures: vectors that Paddle's own libraries agree on, and the limits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use billing_domain::time::Timestamp;
use billing_ports::{WebhookDecoder, WebhookRequest};
use billing_testkit::Canary;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde::Deserialize;

use super::options;
use crate::{DEFAULT_TOLERANCE, PaddleDecoder, PaddleOptions, SIGNATURE_HEADER};

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
    now: i64,
    tolerance: i64,
    expect: bool,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../tests/fixtures/webhook_vectors.json");
    let read: Vectors = serde_json::from_str(text).unwrap();
    assert_eq!(read.vectors.len(), 8);
    read.vectors
}

fn genuine(vector: &Vector, secrets: &[&str], header: &str, now: i64) -> bool {
    let _canary = Canary::over([vector.secret.as_str()]);
    let decoder = PaddleDecoder::new(&PaddleOptions {
        webhook_secrets: secrets.iter().copied().map(SecretString::from).collect(),
        tolerance: SignedDuration::from_secs(vector.tolerance),
        ..options()
    });
    let request = WebhookRequest {
        headers: vec![(SIGNATURE_HEADER.to_owned(), header.to_owned())],
        body: STANDARD.decode(&vector.body_b64).unwrap().into(),
    };
    let now = Timestamp::from_second(now).unwrap();
    decoder.decode(&request, now).is_ok()
}

#[test]
fn the_vectors_hold() {
    for vector in vectors() {
        let held = genuine(&vector, &[&vector.secret], &vector.header, vector.now);
        assert_eq!(held, vector.expect, "{}", vector.name);
    }
}

#[test]
fn any_of_several_secrets_is_believed_and_none_believes_nothing() {
    for vector in vectors().iter().filter(|vector| vector.expect) {
        let secrets = ["pdl_ntfset_other", vector.secret.as_str()];
        assert!(genuine(vector, &secrets, &vector.header, vector.now));
        assert!(!genuine(vector, &[], &vector.header, vector.now));
        assert!(!genuine(vector, &[""], &vector.header, vector.now));
    }
}

#[test]
fn headers_that_are_none_are_refused() {
    let vector = &vectors()[0];
    let good = vector.header.as_str();
    let long = format!("{good};{}", "x=y;".repeat(1_000));
    for header in ["", "ts=1700000000", "h1=00", "ts=;h1=", "ts=a;h1=zz", &long] {
        assert!(
            !genuine(vector, &[&vector.secret], header, vector.now),
            "{header}"
        );
    }
    // Unknown parts, and spaces, are no reason to refuse.
    let odd = format!("v9=1;{} ", good.replace(';', "; "));
    assert!(genuine(vector, &[&vector.secret], &odd, vector.now));
}

#[test]
fn the_tolerance_is_thirty_seconds_either_way_unless_told() {
    let mut vector = vectors().remove(0);
    vector.tolerance = DEFAULT_TOLERANCE.as_secs();
    for (distance, held) in [(30, true), (-30, true), (31, false), (-31, false)] {
        let now = 1_700_000_000 + distance;
        assert_eq!(
            genuine(&vector, &[&vector.secret], &vector.header, now),
            held
        );
    }
}
