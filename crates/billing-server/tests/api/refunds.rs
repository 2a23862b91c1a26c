//! Refunds that an operator orders, where the provider makes no links for them.

use serde_json::json;

use crate::licenses::{bought, harbor};
use crate::rig::{READ, WRITE, text};

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
