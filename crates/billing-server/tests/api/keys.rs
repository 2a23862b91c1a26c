//! Keys that take the place of others.

use billing_domain::ids::IdSeq;
use billing_ports::Clock as _;
use billing_ports::store::{Credentials as _, OperatorKey, Scope};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{ADMIN, Got, READ, Rig, text};

async fn made(rig: &Rig, scope: &str) -> (String, String) {
    let body = json!({ "name": "deploy", "scope": scope });
    let made = rig.post("/v1/keys").by(ADMIN).json(body).send().await;
    let made = made.ok(201);
    (text(&made["key"]["id"]), text(&made["secret"]))
}

async fn rotates(rig: &Rig, id: &str, body: Value) -> Got {
    let path = format!("/v1/keys/{id}/rotate");
    rig.post(&path).by(ADMIN).json(body).send().await
}

async fn listed(rig: &Rig, id: &str) -> Value {
    let keys = rig.get("/v1/keys").by(ADMIN).send().await.ok(200);
    let mut keys = keys["data"].as_array().unwrap().iter();
    keys.find(|key| key["id"] == id).unwrap().clone()
}

async fn works(rig: &Rig, secret: &str) -> bool {
    let got = rig.get("/v1/customers").by(secret).send().await;
    if got.status == 200 {
        return true;
    }
    got.refused(401, "unauthorized");
    false
}

#[tokio::test]
async fn a_rotated_key_works_for_a_while_and_the_new_one_from_now_on() {
    let rig = Rig::new().await;
    let (old, old_secret) = made(&rig, "read").await;
    assert!(works(&rig, &old_secret).await);
    let got = rotates(&rig, &old, json!({ "old_until": "2026-03-01T13:00:00Z" })).await;
    assert_eq!(got.header("cache-control"), "no-store");
    let got = got.ok(201);
    let (new, secret) = (text(&got["key"]["id"]), text(&got["secret"]));
    assert_ne!(new, old);
    assert_eq!(got["key"]["name"], "deploy");
    assert_eq!(got["key"]["scope"], "read");
    assert_eq!(got["key"]["expires_at"], Value::Null);
    let until = "2026-03-01T13:00:00Z";
    assert_eq!(listed(&rig, &old).await["expires_at"], until);
    assert!(works(&rig, &old_secret).await && works(&rig, &secret).await);
    rig.clock.set("2026-03-01T12:59:59Z".parse().unwrap());
    assert!(works(&rig, &old_secret).await && works(&rig, &secret).await);
    // However lately it was believed, it ends on the second.
    rig.clock.set(until.parse().unwrap());
    assert!(!works(&rig, &old_secret).await && works(&rig, &secret).await);
    let scope = rig.post("/v1/customers").by(&secret).json(json!({}));
    scope.send().await.refused(403, "insufficient_scope");
}

#[tokio::test]
async fn without_a_word_the_old_key_works_for_a_day() {
    let rig = Rig::new().await;
    let (old, secret) = made(&rig, "write").await;
    rotates(&rig, &old, json!({})).await.ok(201);
    assert_eq!(
        listed(&rig, &old).await["expires_at"],
        "2026-03-02T12:00:00Z"
    );
    rig.clock.advance(SignedDuration::from_hours(24));
    assert!(!works(&rig, &secret).await);
}

#[tokio::test]
async fn a_key_is_rotated_however_many_were_made_since() {
    /// More than are listed.
    const MANY: usize = 501;
    let rig = Rig::new().await;
    let (old, _) = made(&rig, "read").await;
    rig.clock.advance(SignedDuration::from_hours(1));
    let mut drawn = IdSeq::new(rig.clock.now(), 9);
    for number in 0..MANY {
        let key = OperatorKey {
            id: drawn.draw(),
            name: "ci".to_owned(),
            scope: Scope::Read,
            created_at: rig.clock.now(),
            revoked_at: None,
            expires_at: None,
        };
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        rig.store.add_key(key, secret).await.unwrap();
    }
    rotates(&rig, &old, json!({})).await.ok(201);
}

#[tokio::test]
async fn what_cannot_be_rotated_is_named_and_stays_as_it_was() {
    let rig = Rig::new().await;
    let (old, secret) = made(&rig, "read").await;
    for wrong in ["2026-03-01T11:59:59Z", "2026-03-31T12:00:01Z", "tomorrow"] {
        let got = rotates(&rig, &old, json!({ "old_until": wrong })).await;
        got.wrong("old_until");
    }
    assert_eq!(listed(&rig, &old).await["expires_at"], Value::Null);
    for unknown in ["x".to_owned(), format!("key_{}", "0".repeat(32))] {
        let got = rotates(&rig, &unknown, json!({})).await;
        got.refused(404, "not_found");
    }
    let now = json!({ "old_until": "2026-03-01T12:00:00Z" });
    rotates(&rig, &old, now).await.ok(201);
    assert!(
        !works(&rig, &secret).await,
        "at once, where that is asked for"
    );
    let again = rotates(&rig, &old, json!({})).await;
    again.refused(409, "illegal_transition");
    let (revoked, _) = made(&rig, "read").await;
    let path = format!("/v1/keys/{revoked}");
    assert_eq!(rig.delete(&path).by(ADMIN).send().await.status, 204);
    let got = rotates(&rig, &revoked, json!({})).await;
    got.refused(409, "illegal_transition");
    let got = rig.post(&format!("/v1/keys/{old}/rotate")).by(READ);
    got.send().await.refused(403, "insufficient_scope");
}
