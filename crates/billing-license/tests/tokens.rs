//! Tokens as a client application meets them: genuine, made up, changed, ended, of others.
#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_license::{
    CLOCK_TOLERANCE, Claims, Expected, KeySet, MAX_TOKEN_BYTES, SignError, SigningKey, VerifyError,
    read, sign, verify,
};
use proptest::collection::btree_map;
use proptest::prelude::*;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::common::{ENDS_AT, EXPECTED, SIGNED_AT, claims};

const SEED: [u8; 32] = [7; 32];

fn key() -> SigningKey {
    SigningKey::from_seed(&SEED)
}

fn trusting(keys: &[&SigningKey]) -> KeySet {
    keys.iter().map(|key| key.verifying_key().clone()).collect()
}

fn token() -> String {
    sign(&claims(), &key()).unwrap()
}

fn outcome(token: &str) -> Result<Claims, VerifyError> {
    verify(token, &trusting(&[&key()]), &EXPECTED, SIGNED_AT)
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().unwrap()
}

/// A token of any header and payload, signed by somebody who has the key.
fn forge(header: &Value, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn payload() -> String {
    serde_json::to_string(&claims()).unwrap()
}

#[test]
fn a_genuine_token_says_what_was_signed() {
    assert_eq!(outcome(&token()), Ok(claims()));
}

#[test]
fn the_token_is_a_jwt_to_the_letter() {
    let token = token();
    let [header, payload, _] = parts(&token);
    let text = |part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let kid = key().kid().to_owned();
    assert_eq!(
        text(header),
        format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"}}"#)
    );
    assert_eq!(
        text(payload),
        r#"{"iss":"https://billing.example","aud":"harbor","sub":"cus_ana","jti":"lic_1","iat":1767225600,"exp":1769817600,"serial":3,"plan":"bosun","seats":5,"entitlements":{"quota":1024,"sso":true},"refresh_url":"https://billing.example/v1/licenses/refresh"}"#
    );
}

#[test]
fn another_implementation_makes_and_accepts_the_same_signature() {
    let token = token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let public = key().verifying_key().to_bytes();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ED25519, &public)
        .verify(signed.as_bytes(), &signature)
        .unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    assert_eq!(pair.public_key().as_ref(), public);
    assert_eq!(pair.sign(signed.as_bytes()).as_ref(), signature);
}

#[test]
fn a_token_of_another_language_is_read() {
    // Signed by joserfc 1.6.5 (Python) with the key of RFC 8037, appendix A.1.
    let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsifQ.\
     eyJpc3MiOiJodHRwczovL2JpbGxpbmcuZXhhbXBsZSIsImF1ZCI6ImhhcmJvciIsInN1YiI6ImN1c19hbmEiLCJq\
     dGkiOiJsaWNfMSIsImlhdCI6MTc2NzIyNTYwMCwiZXhwIjoxNzY5ODE3NjAwLCJzZXJpYWwiOjMsInBsYW4iOiJi\
     b3N1biIsInNlYXRzIjo1LCJlbnRpdGxlbWVudHMiOnsicXVvdGEiOjEwMjQsInNzbyI6dHJ1ZX0sInJlZnJlc2hf\
     dXJsIjoiaHR0cHM6Ly9iaWxsaW5nLmV4YW1wbGUvdjEvbGljZW5zZXMvcmVmcmVzaCJ9.\
     QEraZCztDjsGK9FOD8qrk_FDfe4vZiXOqdUBvtlTkaifVlhR-yCXR8sLNNMol2e2hvQFDJ86bTt30AdNxkUkBQ";
    let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let keys = KeySet::from_jwks(jwks).unwrap();
    assert_eq!(verify(token, &keys, &EXPECTED, SIGNED_AT), Ok(claims()));
}

#[test]
fn a_header_may_be_spelled_as_other_libraries_do() {
    let kid = key().kid().to_owned();
    let header = json!({"typ": "JWT", "alg": "EdDSA", "kid": kid, "jku": "https://evil.example"});
    assert_eq!(outcome(&forge(&header, &payload())), Ok(claims()));
}

#[test]
fn claims_of_a_later_server_are_ignored() {
    let mut later: Value = serde_json::from_str(&payload()).unwrap();
    later["machines"] = json!(3);
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": key().kid()});
    assert_eq!(outcome(&forge(&header, &later.to_string())), Ok(claims()));
}

#[test]
fn every_other_algorithm_is_refused() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "RS256", "ES256", "ES512", "eddsa", "Ed448",
    ] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": key().kid()});
        let forged = forge(&header, &payload());
        assert_eq!(outcome(&forged), Err(VerifyError::Algorithm), "{alg}");
        let [header, payload, _] = parts(&forged);
        let bare = format!("{header}.{payload}.");
        assert_eq!(outcome(&bare), Err(VerifyError::Algorithm), "{alg}");
    }
}

#[test]
fn the_public_key_is_no_secret_to_sign_with() {
    let kid = key().kid().to_owned();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": kid}).to_string();
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload())
    );
    let public = key().verifying_key().to_bytes();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
    let tag = ring::hmac::sign(&secret, signed.as_bytes());
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(outcome(&forged), Err(VerifyError::Algorithm));
}

#[test]
fn what_is_no_license_token_is_malformed() {
    let token = token();
    let [header, payload_part, signature] = parts(&token);
    let kid = key().kid().to_owned();
    let with = |header: Value| forge(&header, &payload());
    let header_of = |kid: &str| json!({"alg": "EdDSA", "typ": "JWT", "kid": kid});
    let table = [
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("two parts", format!("{header}.{payload_part}")),
        ("four parts", format!("{token}.{signature}")),
        ("five parts", format!("{token}.{signature}.{signature}")),
        ("white space around", format!(" {token}\n")),
        (
            "padded header",
            format!("{header}=.{payload_part}.{signature}"),
        ),
        (
            "padded payload",
            format!("{header}.{payload_part}=.{signature}"),
        ),
        ("padded signature", format!("{token}==")),
        (
            "short signature",
            format!("{header}.{payload_part}.{}", &signature[..84]),
        ),
        ("long signature", format!("{token}AA")),
        ("not ASCII", token.replacen('.', ".é", 1)),
        ("header no JSON", format!("AAAA.{payload_part}.{signature}")),
        (
            "header without alg",
            with(json!({"typ": "JWT", "kid": kid})),
        ),
        (
            "alg no text",
            with(json!({"alg": 1, "typ": "JWT", "kid": kid})),
        ),
        (
            "another type",
            with(json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid})),
        ),
        ("no type", with(json!({"alg": "EdDSA", "kid": kid}))),
        (
            "unknown extension",
            with(json!({"alg": "EdDSA", "typ": "JWT", "kid": kid, "crit": ["b64"]})),
        ),
        ("genuine, no JSON", forge(&header_of(&kid), "text")),
        (
            "genuine, no license",
            forge(&header_of(&kid), r#"{"sub":"cus_ana"}"#),
        ),
        (
            "genuine, a claim twice",
            forge(
                &header_of(&kid),
                &payload().replacen('{', r#"{"sub":"cus_eve","#, 1),
            ),
        ),
    ];
    for (what, wrong) in table {
        assert_eq!(outcome(&wrong), Err(VerifyError::Malformed), "{what}");
    }
}

#[test]
fn a_token_too_long_is_refused_whatever_it_says() {
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": key().kid()});
    // White space after the claims changes nothing but the length: three bytes are four more.
    let padded = |spaces: usize| forge(&header, &format!("{}{}", payload(), " ".repeat(spaces)));
    let room = (MAX_TOKEN_BYTES - padded(0).len()) / 4 * 3;
    assert!(padded(room).len() <= MAX_TOKEN_BYTES);
    assert_eq!(outcome(&padded(room)), Ok(claims()));
    assert!(padded(room + 3).len() > MAX_TOKEN_BYTES);
    assert_eq!(outcome(&padded(room + 3)), Err(VerifyError::Malformed));
}

#[test]
fn a_token_cut_off_anywhere_is_refused() {
    let token = token();
    for length in 0..token.len() {
        assert_eq!(
            outcome(&token[..length]),
            Err(VerifyError::Malformed),
            "{length}"
        );
    }
}

#[test]
fn a_token_changed_in_any_character_is_refused() {
    let token = token();
    let original: Vec<char> = token.chars().collect();
    let header_ends = token.find('.').unwrap();
    for place in 0..original.len() {
        for other in ['A', 'w', '_', '.'] {
            if original[place] == other {
                continue;
            }
            let mut changed = original.clone();
            changed[place] = other;
            let changed: String = changed.into_iter().collect();
            let refused = outcome(&changed).unwrap_err();
            // A header can become any header; past it, a change is noticed as what it is.
            let mut fitting = vec![VerifyError::Malformed, VerifyError::BadSignature];
            if place < header_ends {
                fitting.extend([VerifyError::UnknownKey, VerifyError::Algorithm]);
            }
            assert!(fitting.contains(&refused), "{place} {other}: {refused:?}");
        }
    }
}

#[test]
fn a_signature_over_something_else_does_not_fit() {
    let mut dearer = claims();
    dearer.seats = Some(500);
    let dearer = sign(&dearer, &key()).unwrap();
    let token = token();
    let [header, payload, _] = parts(&dearer);
    let [_, _, signature] = parts(&token);
    let grafted = format!("{header}.{payload}.{signature}");
    assert_eq!(outcome(&grafted), Err(VerifyError::BadSignature));
}

#[test]
fn keys_rotate_and_a_removed_key_is_unknown() {
    let (old, new) = (key(), SigningKey::from_seed(&[8; 32]));
    let by_old = sign(&claims(), &old).unwrap();
    let by_new = sign(&claims(), &new).unwrap();
    let check = |token: &str, keys: &KeySet| verify(token, keys, &EXPECTED, SIGNED_AT);

    let mut keys = trusting(&[&old]);
    assert_eq!(check(&by_new, &keys), Err(VerifyError::UnknownKey));
    keys.insert(new.verifying_key().clone());
    assert!(check(&by_old, &keys).is_ok() && check(&by_new, &keys).is_ok());
    assert_eq!(keys.remove(old.kid()).as_ref(), Some(old.verifying_key()));
    assert_eq!(check(&by_old, &keys), Err(VerifyError::UnknownKey));
    assert!(check(&by_new, &keys).is_ok());
    assert_eq!(check(&by_new, &KeySet::new()), Err(VerifyError::UnknownKey));
}

#[test]
fn a_token_names_its_key() {
    let unnamed = forge(&json!({"alg": "EdDSA", "typ": "JWT"}), &payload());
    assert_eq!(outcome(&unnamed), Err(VerifyError::UnknownKey));
    let eve = SigningKey::from_seed(&[9; 32]);
    let misnamed = forge(
        &json!({"alg": "EdDSA", "typ": "JWT", "kid": eve.kid()}),
        &payload(),
    );
    assert_eq!(outcome(&misnamed), Err(VerifyError::UnknownKey));
    // The name is trusted, and the signature another key's.
    let keys = trusting(&[&key(), &eve]);
    let refused = verify(&misnamed, &keys, &EXPECTED, SIGNED_AT);
    assert_eq!(refused, Err(VerifyError::BadSignature));
}

#[test]
fn what_the_claims_say_is_told_apart() {
    let with = |change: fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        sign(&claims, &key()).unwrap()
    };
    let future = SIGNED_AT + CLOCK_TOLERANCE + 1;
    let table = [
        (
            with(|claims| claims.iss.push('/')),
            VerifyError::WrongIssuer,
        ),
        (
            with(|claims| claims.aud.clear()),
            VerifyError::WrongAudience,
        ),
        (
            with(|claims| claims.sub = "cus_eve".to_owned()),
            VerifyError::WrongCustomer,
        ),
        (
            with(|claims| claims.exp = Some(SIGNED_AT)),
            VerifyError::Expired { at: SIGNED_AT },
        ),
        (
            with(|claims| claims.iat = SIGNED_AT + CLOCK_TOLERANCE + 1),
            VerifyError::NotYetValid,
        ),
        // Whose it is goes before how long.
        (
            with(|claims| {
                claims.sub.clear();
                claims.exp = Some(0);
            }),
            VerifyError::WrongCustomer,
        ),
    ];
    for (token, refused) in table {
        assert_eq!(outcome(&token), Err(refused));
    }
    let keys = trusting(&[&key()]);
    let anybody = Expected {
        audience: None,
        customer: None,
        ..EXPECTED
    };
    let other = with(|claims| {
        claims.aud.clear();
        claims.sub.clear();
    });
    assert!(verify(&other, &keys, &anybody, future).is_ok());
}

#[test]
fn a_token_ends_in_its_last_second_and_one_without_end_never() {
    let keys = trusting(&[&key()]);
    let token = token();
    assert!(verify(&token, &keys, &EXPECTED, ENDS_AT - 1).is_ok());
    let ended = Err(VerifyError::Expired { at: ENDS_AT });
    assert_eq!(verify(&token, &keys, &EXPECTED, ENDS_AT), ended);
    assert_eq!(verify(&token, &keys, &EXPECTED, i64::MAX), ended);

    let mut perpetual = claims();
    perpetual.exp = None;
    let token = sign(&perpetual, &key()).unwrap();
    assert_eq!(verify(&token, &keys, &EXPECTED, i64::MAX), Ok(perpetual));
}

#[test]
fn a_clock_may_be_a_little_behind() {
    let keys = trusting(&[&key()]);
    let at = |now| verify(&token(), &keys, &EXPECTED, now);
    assert!(at(SIGNED_AT - CLOCK_TOLERANCE).is_ok());
    let behind = SIGNED_AT - CLOCK_TOLERANCE - 1;
    assert_eq!(at(behind), Err(VerifyError::NotYetValid));
    assert_eq!(at(i64::MIN), Err(VerifyError::NotYetValid));
}

#[test]
fn reading_tells_the_end_and_refuses_the_rest() {
    let keys = trusting(&[&key()]);
    let token = token();
    let reading = read(&token, &keys, &EXPECTED, ENDS_AT + 1).unwrap();
    assert_eq!(reading.claims, claims());
    assert_eq!(reading.expired_at, Some(ENDS_AT));
    let reading = read(&token, &keys, &EXPECTED, ENDS_AT - 1).unwrap();
    assert_eq!(reading.expired_at, None);

    let eve = Expected {
        customer: Some("cus_eve"),
        ..EXPECTED
    };
    let refused = read(&token, &keys, &eve, ENDS_AT + 1);
    assert_eq!(refused, Err(VerifyError::WrongCustomer));
    let changed = token.replacen(".eyJ", ".eyK", 1);
    assert_ne!(changed, token);
    let refused = read(&changed, &keys, &EXPECTED, ENDS_AT + 1);
    assert_eq!(refused, Err(VerifyError::BadSignature));
}

#[test]
fn a_token_that_nobody_would_accept_is_not_signed() {
    let mut many = claims();
    many.plan = "p".repeat(MAX_TOKEN_BYTES);
    let refused = sign(&many, &key()).unwrap_err();
    assert!(matches!(refused, SignError::TooLong { bytes } if bytes > MAX_TOKEN_BYTES));
    many.plan = "p".repeat(MAX_TOKEN_BYTES / 2);
    let longest = sign(&many, &key()).unwrap();
    assert_eq!(outcome(&longest), Ok(many));
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(Value::Null),
    ];
    let text = ".{0,20}";
    (
        (text, text, text, text),
        any::<i64>(),
        any::<Option<i64>>(),
        any::<u32>(),
        text,
        any::<Option<u64>>(),
        btree_map(".{0,12}", value, 0..6),
        proptest::option::of(text),
    )
        .prop_map(
            |((iss, aud, sub, jti), iat, exp, serial, plan, seats, entitlements, refresh_url)| {
                Claims {
                    iss,
                    aud,
                    sub,
                    jti,
                    iat,
                    exp,
                    serial,
                    plan,
                    seats,
                    entitlements,
                    refresh_url,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_signed_is_what_is_verified(claims in any_claims(), seed: [u8; 32]) {
        let key = SigningKey::from_seed(&seed);
        let keys = KeySet::from_jwks(&trusting(&[&key]).to_jwks()).unwrap();
        let token = sign(&claims, &key).unwrap();
        let expected = Expected {
            issuer: &claims.iss,
            audience: Some(&claims.aud),
            customer: Some(&claims.sub),
        };
        let reading = read(&token, &keys, &expected, claims.iat).unwrap();
        prop_assert_eq!(&reading.claims, &claims);
        let verified = verify(&token, &keys, &expected, claims.iat);
        match claims.exp {
            Some(at) if at <= claims.iat => {
                prop_assert_eq!(verified, Err(VerifyError::Expired { at }));
            }
            _ => prop_assert_eq!(verified, Ok(claims)),
        }
    }

    #[test]
    fn no_text_is_accepted_or_breaks_anything(text in ".*", header in ".*", payload in ".*") {
        prop_assert!(outcome(&text).is_err());
        let dressed = format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload),
            URL_SAFE_NO_PAD.encode([0; 64])
        );
        prop_assert!(outcome(&dressed).is_err());
    }

    #[test]
    fn another_key_never_fits(seed: [u8; 32]) {
        prop_assume!(seed != SEED);
        let other = SigningKey::from_seed(&seed);
        // Even under the name of the trusted one.
        let jwks = trusting(&[&other]).to_jwks().replace(other.kid(), key().kid());
        let keys = KeySet::from_jwks(&jwks).unwrap();
        prop_assert_eq!(
            verify(&token(), &keys, &EXPECTED, SIGNED_AT),
            Err(VerifyError::BadSignature)
        );
    }
}
