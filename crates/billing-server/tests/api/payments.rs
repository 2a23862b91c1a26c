//! Payments that an operator records.

use serde_json::{Value, json};

use crate::rig::{Got, READ, Rig, WRITE, text};
use crate::shop::{PAGES, shop, usd};

async fn pays(rig: &Rig, invoice: &str, body: Value) -> Got {
    let path = format!("/v1/invoices/{invoice}/payments");
    rig.post(&path).by(WRITE).json(body).send().await
}

pub(crate) fn paid(reference: &str) -> Value {
    json!({ "reference": reference, "paid_at": "2026-03-01T12:00:00Z" })
}

/// An invoice that nobody collects; gives its id.
pub(crate) async fn owed(rig: &Rig) -> String {
    let ana = rig.customer("ana").await;
    let terms = rig
        .post("/v1/customers/ana/negotiated-terms")
        .by(WRITE)
        .json(json!({
            "plan": "pro", "amount": 2000, "currency": "usd", "interval": "month",
            "provider": "manual",
        }))
        .send()
        .await
        .ok(201);
    rig.post("/v1/checkouts")
        .by(WRITE)
        .json(json!({ "customer": ana, "terms": terms["id"] }))
        .send()
        .await
        .ok(201);
    rig.state.billing.work_until_idle().await.unwrap();
    let listed = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    text(&listed["data"][0]["id"])
}

#[tokio::test]
async fn a_payment_is_recorded_once_by_its_reference() {
    let rig = shop(PAGES).await;
    let invoice = owed(&rig).await;
    let first = pays(&rig, &invoice, paid("bank 1")).await.ok(200);
    assert_eq!(first["status"], "settled");
    assert_eq!(first["payments"][0]["reference"], "bank 1");
    assert_eq!(first["payments"][0]["amount"], usd(2000));
    let again = pays(&rig, &invoice, paid(" bank 1 ")).await.ok(200);
    assert_eq!(again, first, "the same payment is nothing new");
    pays(&rig, &invoice, paid("bank 2"))
        .await
        .refused(409, "illegal_transition");
}

#[tokio::test]
async fn a_renewal_that_is_paid_by_hand_leads_to_no_page() {
    let rig = shop(PAGES).await;
    let _mounted = billing_server::page_routes(&rig.state);
    let invoice = owed(&rig).await;
    pays(&rig, &invoice, paid("bank 1")).await.ok(200);
    rig.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    rig.state.billing.work_until_idle().await.unwrap();
    let journal = rig.get("/v1/customers/ana/journal?limit=100").by(READ);
    let journal = journal.send().await.ok(200);
    let told = journal["data"].as_array().unwrap().iter();
    let pending = told.filter(|row| row["event"] == "subscription.renewal_pending");
    let pages: Vec<&Value> = pending.map(|row| &row["renewal"]["pay_url"]).collect();
    assert_eq!(pages, [&Value::Null], "{journal}");
}

#[tokio::test]
async fn another_amount_settles_nothing() {
    let rig = shop(PAGES).await;
    let invoice = owed(&rig).await;
    let mut less = paid("bank 1");
    less["amount"] = usd(1999);
    let said = pays(&rig, &invoice, less).await.ok(200);
    assert_eq!(said["status"], "open");
    assert_eq!(said["payments"][0]["credited"], false);
}

#[tokio::test]
async fn a_renewal_that_is_not_paid_in_full_says_how_far_it_has_come() {
    let rig = shop(PAGES).await;
    let first = owed(&rig).await;
    let settled = pays(&rig, &first, paid("bank 1")).await.ok(200);
    assert_eq!(settled["collection"], Value::Null);
    rig.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    rig.state.billing.work_until_idle().await.unwrap();
    let open = rig.get("/v1/invoices?status=open").by(READ).send().await;
    let renewal = open.ok(200)["data"][0].clone();
    let less = json!({
        "reference": "bank 2", "amount": usd(1999), "paid_at": renewal["opened_at"],
    });
    let said = pays(&rig, &text(&renewal["id"]), less).await.ok(200);
    assert_eq!(said["status"], "open");
    assert_eq!(said["collection"]["retried_by"], "customer");
    assert_eq!(said["collection"], renewal["collection"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_payment_is_named() {
    let rig = shop(PAGES).await;
    let invoice = owed(&rig).await;
    let bob = rig.customer("bob").await;
    rig.buys(&bob, "basic-monthly").await;
    let collected = rig.get("/v1/invoices?customer=bob").by(READ).send().await;
    let collected = text(&collected.ok(200)["data"][0]["id"]);
    let before = rig.store.snapshot();
    for (field, value, wrong) in [
        ("reference", Value::Null, "reference"),
        ("reference", json!("   "), "reference"),
        ("reference", json!("x".repeat(201)), "reference"),
        ("paid_at", Value::Null, "paid_at"),
        ("paid_at", json!("yesterday"), "paid_at"),
        ("paid_at", json!("2026-03-01T12:00:01Z"), "paid_at"),
        ("amount", json!(2000), "amount"),
        ("amount", usd(-1), "amount.amount"),
        ("currency", json!("usd"), "currency"),
    ] {
        let mut body = paid("bank 1");
        body[field] = value;
        pays(&rig, &invoice, body).await.wrong(wrong);
    }
    pays(&rig, &collected, paid("bank 1"))
        .await
        .refused(422, "not_manual");
    for missing in ["x", &bob, &format!("inv_{}", "0".repeat(32))] {
        pays(&rig, missing, paid("bank 1"))
            .await
            .refused(404, "not_found");
    }
    let path = format!("/v1/invoices/{invoice}/payments");
    let got = rig.post(&path).by(READ).json(paid("bank 1")).send().await;
    got.refused(403, "insufficient_scope");
    assert_eq!(rig.store.snapshot(), before);
}
