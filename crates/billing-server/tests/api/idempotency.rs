//! The same request again.

use std::sync::Arc;

use billing_testkit::memory::{Call, Fault};
use serde_json::{Value, json};

use crate::rig::{ADMIN, READ, Rig, WRITE};

const KEY: &str = "idempotency-key";

fn checkout() -> Value {
    json!({ "price": "personal-monthly" })
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let rig = Rig::new().await;
    let ask = || {
        rig.post("/v1/checkouts")
            .header(KEY, "k-1-0123456789abc")
            .json(checkout())
    };
    let first = ask().send().await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = ask().send().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    assert_eq!(rig.store.snapshot().accounts.len(), 1, "it happened once");
    let other = rig
        .post("/v1/checkouts")
        .header(KEY, "k-1-0123456789abc")
        .json(json!({ "plan": "free" }));
    other.send().await.refused(409, "idempotency_conflict");
    let elsewhere = rig
        .post("/v1/customers")
        .by(WRITE)
        .header(KEY, "k-1-0123456789abc")
        .json(json!({}));
    elsewhere.send().await.ok(201);
}

#[tokio::test]
async fn eight_at_once_do_it_once() {
    let rig = Arc::new(Rig::new().await);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move {
                rig.post("/v1/checkouts")
                    .header(KEY, "k-8-0123456789abc")
                    .json(checkout())
                    .send()
                    .await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    let made: Vec<_> = answers.iter().filter(|got| got.status == 201).collect();
    assert!(!made.is_empty());
    assert!(made.iter().all(|got| got.bytes == made[0].bytes));
    for got in answers.iter().filter(|got| got.status != 201) {
        got.refused(409, "idempotency_conflict");
    }
    assert_eq!(rig.store.snapshot().accounts.len(), 1);
}

#[tokio::test]
async fn an_answer_that_held_a_secret_is_not_repeated() {
    let rig = Rig::new().await;
    let body = json!({ "name": "ci", "scope": "read" });
    let ask = || {
        rig.post("/v1/keys")
            .by(ADMIN)
            .header(KEY, "k-0123456789abcde")
            .json(body.clone())
    };
    ask().send().await.ok(201);
    ask().send().await.refused(409, "already_issued");
    rig.customer("ana").await;
    let body = json!({ "customer": "ana" });
    let ask = || {
        rig.post("/v1/billing-sessions")
            .by(WRITE)
            .header(KEY, "s-0123456789abcde")
            .json(body.clone())
    };
    ask().send().await.ok(201);
    ask().send().await.refused(409, "already_issued");
}

#[tokio::test]
async fn refusals_of_outcome_are_kept_and_failures_are_not() {
    let rig = Rig::new().await;
    let ask = || {
        rig.post("/v1/checkouts")
            .header(KEY, "bad-0123456789abc")
            .json(json!({ "plan": "nosuch" }))
    };
    ask().send().await.wrong("plan");
    let again = ask().send().await;
    assert_eq!(again.header("content-type"), "application/problem+json");
    assert_eq!(again.header("idempotent-replayed"), "true");
    again.json();

    rig.store.fail_next(Call::Commit, Fault::Before);
    let ask = || {
        rig.post("/v1/checkouts")
            .header(KEY, "down-0123456789ab")
            .json(checkout())
    };
    ask().send().await.refused(503, "unavailable");
    ask().send().await.ok(201);

    let path = "/v1/customers";
    let ask = |by: &str| {
        rig.post(path)
            .by(by)
            .header(KEY, "low-0123456789abc")
            .json(json!({}))
    };
    ask(READ).send().await.refused(403, "insufficient_scope");
    let none = rig
        .post(path)
        .header(KEY, "none-0123456789ab")
        .json(json!({}))
        .send()
        .await;
    none.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_key_is_visible_and_a_guest_s_is_hard_to_guess() {
    let rig = Rig::new().await;
    // A guest's must not be one that another guest happens on.
    let (short, long) = ("k".repeat(15), "k".repeat(256));
    for key in ["", " ", "a b", "a key with spaces", "é", &short, &long] {
        let got = rig
            .post("/v1/checkouts")
            .header(KEY, key)
            .json(checkout())
            .send()
            .await;
        got.wrong("Idempotency-Key");
    }
    let longest = "k".repeat(255);
    let got = rig
        .post("/v1/checkouts")
        .header(KEY, &longest)
        .json(checkout())
        .send()
        .await;
    got.ok(201);
}
