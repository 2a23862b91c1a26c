//! Refunds that an operator orders: where the provider sends them, and where it takes no
//! such orders.

use serde_json::{Value, json};

use crate::bent::sending;
use crate::licenses::{bought, harbor};
use crate::rig::{Making, READ, Rig, WRITE, text};

#[tokio::test]
async fn a_refund_that_is_sent_is_answered_with_how_it_stands_and_once_for_a_key() {
    let rig = Rig::made(Making {
        sells: Box::new(sending),
        ..Making::default()
    })
    .await;
    let ana = rig.customer("ana").await;
    rig.buys(&ana, "personal-monthly").await;
    let invoices = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    let invoice = &invoices["data"][0];
    let path = format!("/v1/invoices/{}/refund", text(&invoice["id"]));
    let currency = &invoice["amount"]["currency"];
    let part = json!({ "amount": { "amount": 100, "currency": currency } });
    let mut told: Vec<Value> = Vec::new();
    for _ in 0..2 {
        let asked = rig.post(&path).by(WRITE).header("idempotency-key", "one");
        told.push(asked.json(part.clone()).send().await.ok(201));
    }
    assert_eq!(told[0], told[1], "the same request is the same refund");
    assert_eq!(told[0]["state"], "done");
    assert_eq!(told[0]["amount"], part["amount"]);
    assert!(text(&told[0]["id"]).starts_with("re-refund:"), "{told:?}");
    assert!(told[0].get("url").is_none_or(Value::is_null), "{told:?}");
    let back = || async {
        let invoices = rig.get("/v1/invoices").by(READ).send().await.ok(200);
        invoices["data"][0]["returned"].clone()
    };
    let returned = back().await;
    assert_eq!(returned.as_array().unwrap().len(), 1, "{returned}");
    assert_eq!(returned[0]["id"], told[0]["id"]);
    assert_eq!(returned[0]["state"], "done");

    // Without a key, the same amount once more is another refund.
    let again = rig.post(&path).by(WRITE).json(part).send().await.ok(201);
    assert_ne!(again["id"], told[0]["id"]);
    let rest = rig.post(&path).by(WRITE).json(json!({})).send().await;
    rest.ok(201);
    assert_eq!(back().await.as_array().unwrap().len(), 3);
    let none = rig.post(&path).by(WRITE).json(json!({})).send().await;
    none.refused(409, "nothing_to_refund");
}

#[tokio::test]
async fn refunds_are_made_elsewhere_where_a_provider_makes_no_links() {
    let rig = harbor().await;
    bought(&rig, "deck-monthly").await;
    let invoices = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    let id = text(&invoices["data"][0]["id"]);
    let path = format!("/v1/invoices/{id}/refund");
    let before = rig.store.snapshot();
    let got = rig.post(&path).by(WRITE).json(json!({})).send().await;
    let refusal = got.refused(409, "refund_elsewhere");
    let words = text(&refusal["detail"]);
    assert!(words.contains("dashboard"), "{words}");
    let after = rig.store.snapshot();
    assert_eq!(after.accounts, before.accounts);
    assert_eq!(after.journal, before.journal);
    assert_eq!(after.outbox, before.outbox);
    let none = rig.post("/v1/invoices/x/refund").by(WRITE);
    let got = none.json(json!({})).send().await;
    got.refused(404, "not_found");
}
