//! Tokens of another library, in another language, and what it made of ours.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_license::{
    Algorithm, Claims, KeySet, SigningKey, VerifyError, VerifyingKey, sign, verify,
};
use serde_json::{Value, json};

use crate::common::{EXPECTED, SIGNED_AT, claims};

const VECTORS: &str = include_str!("fixtures/tokens_of_joserfc.json");

/// The vectors of algorithms that are built in.
fn vectors() -> Vec<(Algorithm, Value)> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    let all = all["vectors"].as_array().unwrap().clone();
    let known = all.into_iter().filter_map(|vector| {
        let algorithm = Algorithm::named(vector["alg"].as_str().unwrap())?;
        Some((algorithm, vector))
    });
    known.collect()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap()
}

fn secret(algorithm: Algorithm, vector: &Value) -> SigningKey {
    let secret = URL_SAFE_NO_PAD.decode(text(vector, "secret")).unwrap();
    SigningKey::from_secret(algorithm, &secret).unwrap()
}

fn published(vector: &Value) -> KeySet {
    KeySet::from_jwks(&json!({ "keys": [vector["jwk"]] }).to_string()).unwrap()
}

#[test]
fn every_algorithm_has_two_vectors() {
    assert_eq!(vectors().len(), 2 * Algorithm::ALL.len());
}

#[test]
fn tokens_of_another_library_are_read() {
    for (_, vector) in vectors() {
        let wanted = match text(&vector, "name") {
            "monthly" => claims(),
            _ => Claims {
                exp: None,
                ..claims()
            },
        };
        let read = verify(
            text(&vector, "token"),
            &published(&vector),
            &EXPECTED,
            SIGNED_AT,
        );
        assert_eq!(read, Ok(wanted), "{vector}");
    }
}

#[test]
fn keys_are_those_of_another_library() {
    for (algorithm, vector) in vectors() {
        let key = secret(algorithm, &vector);
        assert_eq!(key.kid(), text(&vector, "kid"));
        assert_eq!(key.algorithm(), algorithm);
        let ours: Value =
            serde_json::from_str(&KeySet::from_iter([key.verifying_key().clone()]).to_jwks())
                .unwrap();
        for (member, value) in vector["jwk"].as_object().unwrap() {
            assert_eq!(&ours["keys"][0][member], value);
        }
        assert_eq!(ours["keys"][0]["alg"], vector["alg"]);
        let bytes = key.verifying_key().to_bytes();
        let read = VerifyingKey::from_bytes(algorithm, &bytes).unwrap();
        assert_eq!(&read, key.verifying_key());
    }
}

#[test]
fn tokens_of_ours_are_those_that_another_library_read() {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    for (algorithm, vector) in vectors() {
        let token = sign(&claims(), &secret(algorithm, &vector)).unwrap();
        assert_eq!(token, text(&all["ours"], algorithm.as_str()));
    }
}

#[test]
fn a_token_names_the_algorithm_of_its_key_or_is_refused() {
    for (_, vector) in vectors() {
        let (head, rest) = text(&vector, "token").split_once('.').unwrap();
        let head = URL_SAFE_NO_PAD.decode(head).unwrap();
        let mut head: Value = serde_json::from_slice(&head).unwrap();
        for other in ["EdDSA", "ES512", "HS256", "none"] {
            if other == text(&vector, "alg") {
                continue;
            }
            head["alg"] = other.into();
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(head.to_string()));
            let refused = verify(&forged, &published(&vector), &EXPECTED, SIGNED_AT);
            assert_eq!(refused, Err(VerifyError::Algorithm), "{other}");
        }
    }
}

#[test]
fn a_token_changed_in_one_character_is_refused_by_every_algorithm() {
    for (_, vector) in vectors() {
        let token = text(&vector, "token");
        let keys = published(&vector);
        // Every place of an ES512 token takes minutes unoptimized; each part is changed alike.
        for place in (0..token.len()).step_by(7) {
            let mut changed = token.to_owned();
            let other = if &token[place..=place] == "A" {
                "B"
            } else {
                "A"
            };
            changed.replace_range(place..=place, other);
            let refused = verify(&changed, &keys, &EXPECTED, SIGNED_AT);
            assert!(refused.is_err(), "{place}");
        }
    }
}

#[test]
fn a_secret_of_another_length_is_none() {
    for algorithm in Algorithm::ALL {
        for length in [0, 31, 33, 65, 67] {
            let refused = SigningKey::from_secret(*algorithm, &vec![1; length]);
            assert!(refused.is_err(), "{algorithm} {length}");
        }
    }
}

#[cfg(feature = "es512")]
#[test]
fn a_number_outside_the_group_and_a_point_beside_the_curve_are_no_keys() {
    const NUMBER: [u8; 66] = [1; 66];
    let es512 = |bytes: &[u8]| SigningKey::from_secret(Algorithm::Es512, bytes);
    assert!(es512(&[0; 66]).is_err());
    assert!(es512(&[0xff; 66]).is_err());
    let one = es512(&NUMBER).unwrap().verifying_key().to_bytes();
    assert_eq!(one.len(), 133);
    let read = |bytes: &[u8]| VerifyingKey::from_bytes(Algorithm::Es512, bytes);
    let mut beside = one.clone();
    beside[132] ^= 1;
    let compressed = [&[2], &one[1..67]].concat();
    for wrong in [&beside[..], &compressed, &one[1..], &[0; 133], &[]] {
        assert!(read(wrong).is_err(), "{} bytes", wrong.len());
    }
    let mut jwks: Value =
        serde_json::from_str(&KeySet::from_iter([read(&one).unwrap()]).to_jwks()).unwrap();
    jwks["keys"][0]["d"] = "AA".into();
    assert!(KeySet::from_jwks(&jwks.to_string()).is_err(), "a secret");
}

#[cfg(not(feature = "es512"))]
#[test]
fn keys_of_what_is_not_built_in_are_left_out() {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    let keys: Vec<&Value> = all["vectors"].as_array().unwrap().iter().collect();
    let es512 = keys.iter().find(|vector| vector["alg"] == "ES512").unwrap();
    assert!(published(es512).is_empty());
    let refused = verify(
        text(es512, "token"),
        &published(es512),
        &EXPECTED,
        SIGNED_AT,
    );
    assert_eq!(refused, Err(VerifyError::Algorithm));
}
