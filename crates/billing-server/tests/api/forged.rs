//! Tokens and keys that somebody made up, altered or cut: one constant answer each, nothing
//! written, and not even looked for in the store, so that what there is and what there is
//! not take the same work.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use billing_domain::ids::LicenseId;
use billing_license::{Claims, MAX_TOKEN_BYTES, SigningKey, sign};
use billing_ports::LicenseSigner as _;
use billing_server::TokenSigner;
use billing_testkit::memory::{Call, Fault};
use ring::hmac;
use serde_json::{Value, json};

use crate::licenses::{bought, harbor, says};
use crate::rig::{AUDIENCE, Rig, text};

/// What the server of the tests signs with.
const SEED: [u8; 32] = [3; 32];

/// A license that there never was.
const NOBODY: &str = "lic_00000000000000000000000000000001";

/// `header.payload` of these.
fn unsigned(header: &Value, payload: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload))
}

/// `text` with another letter in its place `at`.
fn altered(text: &str, at: usize) -> String {
    let (before, rest) = text.split_at(at);
    let other = if rest.starts_with('A') { 'B' } else { 'A' };
    format!("{before}{other}{}", &rest[1..])
}

/// Tokens that are none of this server's, and what `/v1/validate` says of each.
async fn tokens(rig: &Rig, genuine: &str) -> Vec<(&'static str, String, &'static str)> {
    let claims = says(rig, genuine).await;
    let jwks = rig.get("/.well-known/jwks.json").send().await.ok(200);
    let jwk = &jwks["keys"][0];
    let kid = text(&jwk["kid"]);
    let ours = SigningKey::from_seed(&SEED);
    assert_eq!(
        ours.kid(),
        kid,
        "what is signed below is signed by the server's key"
    );
    let public = URL_SAFE_NO_PAD.decode(text(&jwk["x"])).unwrap();
    let payload = serde_json::to_string(&claims).unwrap();

    let none = unsigned(&json!({"alg": "none", "typ": "JWT", "kid": kid}), &payload);
    let by_public = unsigned(&json!({"alg": "HS256", "typ": "JWT", "kid": kid}), &payload);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &public);
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, by_public.as_bytes()));
    let parts: Vec<&str> = genuine.split('.').collect();
    let (head, said, signature) = (parts[0], parts[1], parts[2]);
    let with = |change: fn(&mut Claims), key: &SigningKey| {
        let mut claims = claims.clone();
        change(&mut claims);
        sign(&claims, key).unwrap()
    };
    let eve = SigningKey::from_seed(&[9; 32]);
    let of_nobody: fn(&mut Claims) = |claims| claims.jti = NOBODY.to_owned();
    let bad = "bad_signature";
    vec![
        ("alg none", format!("{none}."), bad),
        ("alg none, signed", format!("{none}.{signature}"), bad),
        ("HS256 by the public key", format!("{by_public}.{tag}"), bad),
        (
            "altered in what it says",
            format!("{head}.{}.{signature}", altered(said, said.len() / 2)),
            bad,
        ),
        (
            "altered in its signature",
            format!("{head}.{said}.{}", altered(signature, 40)),
            bad,
        ),
        (
            "of another server",
            with(
                |said| "https://eve.example".clone_into(&mut said.iss),
                &ours,
            ),
            bad,
        ),
        (
            "by a key that is unknown or retired",
            with(|_same| {}, &eve),
            bad,
        ),
        ("by such a key, of nobody", with(of_nobody, &eve), bad),
        (
            "cut in its signature",
            genuine[..genuine.len() - 4].to_owned(),
            "bad_format",
        ),
        (
            "cut in the middle",
            genuine[..genuine.len() / 2].to_owned(),
            "bad_format",
        ),
        (
            "too long",
            format!("{genuine}{}", "A".repeat(MAX_TOKEN_BYTES)),
            "bad_format",
        ),
        ("no token", "none".to_owned(), "bad_format"),
    ]
}

/// Keys that are none of this server's, and what `/v1/validate` says of each.
fn keys(id: &str, genuine: &str, token: &str) -> Vec<(&'static str, String, &'static str)> {
    let theirs = TokenSigner::new(&[7; 32], &[8; 32], "", AUDIENCE);
    let key_of = |id: &str| theirs.key_of(id.parse::<LicenseId>().unwrap().uuid());
    let last = genuine.len() - 1;
    let other = if genuine.ends_with('0') { "1" } else { "0" };
    vec![
        ("of another server", key_of(id), "bad_signature"),
        (
            "of another server, of nobody",
            key_of(NOBODY),
            "bad_signature",
        ),
        (
            "altered",
            format!("{}{other}", &genuine[..last]),
            "bad_signature",
        ),
        ("cut", genuine[..last].to_owned(), "bad_format"),
        (
            "too long",
            format!("{genuine}{}", "0".repeat(4096)),
            "bad_format",
        ),
        ("a token", token.to_owned(), "bad_format"),
        ("an id", id.to_owned(), "bad_format"),
    ]
}

#[tokio::test]
async fn forged_tokens_and_keys_have_one_answer_and_are_not_looked_for() {
    let rig = harbor().await;
    let held = bought(&rig, "deck-monthly").await;
    let tokens = tokens(&rig, &held.token).await;
    let keys = keys(&held.id, &held.key, &held.token);
    let before = rig.store.snapshot();
    // The first thing that is looked for from here on is not found: the store fails.
    rig.store.fail_next(Call::Load, Fault::Before);

    let mut refusals = Vec::new();
    for (field, forged) in [("token", &tokens), ("license_key", &keys)] {
        for (what, credential, reason) in forged {
            let body = json!({ field: credential });
            let told = rig.post("/v1/validate").json(body.clone()).send().await;
            let expected = json!({ "ok": false, "reason": reason });
            assert_eq!(told.ok(200), expected, "{field} {what}");
            let mut refused = Vec::new();
            if field == "token" {
                refused.push(rig.post("/v1/licenses/refresh").json(body).send().await);
            }
            for act in ["activate", "deactivate"] {
                let body = json!({ "license_key": credential, "machine": "m1" });
                let path = format!("/v1/machines/{act}");
                refused.push(rig.post(&path).json(body).send().await);
            }
            for got in refused {
                let mut body = got.refused(401, "unauthorized");
                body["instance"] = Value::Null;
                refusals.push(body);
            }
        }
    }
    assert_eq!(refusals.len(), 3 * tokens.len() + 2 * keys.len());
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    assert_eq!(rig.store.snapshot(), before);
    // The failure has waited for somebody whose token is genuine.
    let body = json!({ "token": held.token });
    let got = rig.post("/v1/validate").json(body.clone()).send().await;
    got.refused(503, "unavailable");
    let got = rig.post("/v1/validate").json(body).send().await;
    assert_eq!(got.ok(200)["ok"], true);
}
