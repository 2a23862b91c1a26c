//! Key sets as servers publish them and applications read them.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use billing_license::{JwksError, KeySet, MAX_JWKS_BYTES, SigningKey};
use serde_json::{Value, json};

/// The public key of RFC 8037, appendix A.2, and its thumbprint of A.3.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn of(keys: &[Value]) -> Result<KeySet, JwksError> {
    KeySet::from_jwks(&json!({ "keys": keys }).to_string())
}

/// The key of RFC 8037 with `changes` to its members; `null` takes one away.
fn jwk(changes: &Value) -> Value {
    let mut jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "x": X, "kid": KID, "use": "sig", "alg": "EdDSA",
    });
    for (member, value) in changes.as_object().unwrap() {
        jwk[member] = value.clone();
    }
    jwk.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    jwk
}

#[test]
fn a_set_is_written_as_rfc_8037_has_it_and_read_back() {
    let keys = of(&[jwk(&json!({}))]).unwrap();
    let written: Value = serde_json::from_str(&keys.to_jwks()).unwrap();
    assert_eq!(written, json!({ "keys": [jwk(&json!({}))] }));
    assert_eq!(KeySet::from_jwks(&keys.to_jwks()).unwrap(), keys);
}

#[test]
fn several_keys_are_shown_in_the_order_of_their_names() {
    let keys = (0..5).map(|seed| SigningKey::from_seed(&[seed; 32]));
    let set: KeySet = keys.map(|key| key.verifying_key().clone()).collect();
    assert_eq!(set.len(), 5);
    let names: Vec<&str> = set.iter().map(billing_license::VerifyingKey::kid).collect();
    assert!(names.is_sorted());
    assert_eq!(KeySet::from_jwks(&set.to_jwks()).unwrap(), set);
}

#[test]
fn an_empty_set_is_one() {
    let set = KeySet::new();
    assert!(set.is_empty());
    assert_eq!(set.to_jwks(), r#"{"keys":[]}"#);
    assert!(KeySet::from_jwks(&set.to_jwks()).unwrap().is_empty());
}

#[test]
fn a_key_may_be_unnamed_or_named_otherwise_and_say_less() {
    let changes = json!({"kid": null, "use": null, "alg": null, "x5c": ["of no interest"]});
    assert!(of(&[jwk(&changes)]).unwrap().get(KID).is_some());
    let named = of(&[jwk(&json!({"kid": "2026-01"}))]).unwrap();
    assert!(named.get(KID).is_none());
    assert_eq!(named.get("2026-01").unwrap().kid(), "2026-01");
}

#[test]
fn keys_for_something_else_are_left_out() {
    for other in [
        json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        json!({"kty": "RSA", "n": "AA", "e": "AQAB"}),
        jwk(&json!({"kty": "EC"})),
        jwk(&json!({"crv": "X25519"})),
        jwk(&json!({"crv": null})),
        jwk(&json!({"use": "enc"})),
        jwk(&json!({"alg": "ES512"})),
    ] {
        let keys = of(&[other.clone(), jwk(&json!({}))]).unwrap();
        assert_eq!(keys.len(), 1, "{other}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named() {
    let neutral = format!("AQ{}", "A".repeat(41));
    for x in [
        json!(null),
        json!(""),
        json!(format!("{X}=")),
        json!(X[..42]),
        json!(format!("{X}AA")),
        json!("A".repeat(43)),
        json!(neutral),
    ] {
        let refused = of(&[jwk(&json!({"kid": "fine"})), jwk(&json!({ "x": x }))]).unwrap_err();
        assert!(
            matches!(refused, JwksError::Key { index: 1, .. }),
            "{x}: {refused:?}"
        );
    }
}

#[test]
fn a_secret_among_public_keys_is_refused_and_not_repeated() {
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let refused = of(&[jwk(&json!({ "d": secret }))]).unwrap_err();
    assert!(matches!(refused, JwksError::Secret { index: 0 }));
    assert!(!format!("{refused:?} {refused}").contains(secret));
}

#[test]
fn one_name_for_two_keys_is_refused() {
    let refused = of(&[jwk(&json!({})), jwk(&json!({}))]).unwrap_err();
    assert!(matches!(refused, JwksError::Duplicate { kid } if kid == KID));
}

#[test]
fn what_is_no_key_set_is_refused() {
    for wrong in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[{"crv":"Ed25519"}]}"#,
    ] {
        let refused = KeySet::from_jwks(wrong).unwrap_err();
        assert!(matches!(refused, JwksError::Json(_)), "{wrong}");
    }
    let long = " ".repeat(MAX_JWKS_BYTES + 1);
    assert!(matches!(KeySet::from_jwks(&long), Err(JwksError::TooLong)));
    let padded = format!(r#"{{"keys":[]}}{}"#, " ".repeat(MAX_JWKS_BYTES - 11));
    assert!(KeySet::from_jwks(&padded).is_ok());
}
