//! Negotiated terms: noted by an operator, taken up at a checkout.

use serde_json::{Value, json};

use crate::rig::{Got, READ, Rig, WRITE, text};
use crate::shop::{PAGES, shop, usd};

/// Terms of so many seats, paid by invoices that are sent by hand.
fn seats() -> Value {
    json!({
        "plan": "team", "amount": 900, "currency": "usd", "interval": "month",
        "first_cycle": 500, "quantity": { "min": 3, "max": 50 }, "provider": "manual",
    })
}

async fn agreed(rig: &Rig, customer: &str, body: Value) -> Got {
    let path = format!("/v1/customers/{customer}/negotiated-terms");
    rig.post(&path).by(WRITE).json(body).send().await
}

async fn buys(rig: &Rig, by: &str, body: Value) -> Got {
    rig.post("/v1/checkouts").by(by).json(body).send().await
}

#[tokio::test]
async fn terms_are_noted_shown_and_taken_up_by_a_manual_invoice() {
    let rig = shop(PAGES).await;
    let ana = rig.customer("ana").await;
    let terms = agreed(&rig, "ana", seats()).await.ok(201);
    assert!(text(&terms["id"]).starts_with("trm_"));
    let shown = json!({
        "id": terms["id"], "plan": "team", "unit": usd(900), "interval": "month",
        "first_cycle": usd(500), "quantity": { "min": 3, "max": 50, "step": 1 },
        "provider": "manual", "expires_at": null, "created_at": "2026-03-01T12:00:00Z",
    });
    assert_eq!(terms, shown);
    let customer = rig.get("/v1/customers/ana").by(READ).send().await.ok(200);
    assert_eq!(customer["negotiated_terms"], json!([shown]));

    let body = json!({ "customer": ana, "terms": terms["id"], "quantity": 4 });
    let opened = buys(&rig, WRITE, body).await.ok(201);
    assert_eq!(opened["status"], "pending");
    assert_eq!(opened["url"], Value::Null);
    rig.state.billing.work_until_idle().await.unwrap();
    let owed = rig.get("/v1/invoices").by(READ).send().await.ok(200);
    let owed = &owed["data"][0];
    assert_eq!(owed["status"], "open");
    assert_eq!(owed["provider"], "manual/main");
    assert_eq!(owed["amount"], usd(2000));
    let lines = owed["lines"].as_array().unwrap();
    assert_eq!(lines[0]["explanation"], "9.00 USD × 4 = 36.00 USD");

    let path = format!("/v1/invoices/{}/payments", text(&owed["id"]));
    let paid = json!({ "reference": "bank 17", "paid_at": "2026-03-01T12:00:00Z" });
    let paid = rig.post(&path).by(WRITE).json(paid).send().await.ok(200);
    assert_eq!(paid["status"], "settled");
    rig.state.billing.work_until_idle().await.unwrap();
    let held = rig
        .get("/v1/subscriptions?customer=ana")
        .by(READ)
        .send()
        .await
        .ok(200);
    let held = &held["data"][0];
    assert_eq!(held["status"], "active");
    assert_eq!(held["plan"], "team");
    assert_eq!(held["price"], Value::Null);
    assert_eq!(held["unit"], usd(900));
    assert_eq!(held["quantity"], 4);
}

#[tokio::test]
async fn terms_are_for_operators_and_for_their_own_customer() {
    let rig = shop(PAGES).await;
    let ana = rig.customer("ana").await;
    let bob = rig.customer("bob").await;
    let terms = agreed(&rig, "ana", seats()).await.ok(201);
    let id = || terms["id"].clone();
    let session = rig.session(&ana).await;
    let before = rig.store.snapshot().accounts;
    let own = json!({ "customer": ana, "terms": id() });
    buys(&rig, &session, own.clone())
        .await
        .refused(403, "insufficient_scope");
    buys(&rig, READ, own.clone())
        .await
        .refused(403, "insufficient_scope");
    let guest = rig.post("/v1/checkouts").json(own).send().await;
    guest.refused(401, "unauthorized");
    let table = [
        (json!({ "customer": bob, "terms": id() }), "terms"),
        (json!({ "customer": ana, "terms": "x" }), "terms"),
        (
            json!({ "customer": ana, "terms": format!("trm_{}", "0".repeat(32)) }),
            "terms",
        ),
        (json!({ "terms": id() }), "customer"),
        (
            json!({ "customer": ana, "terms": id(), "plan": "team" }),
            "plan",
        ),
        (
            json!({ "customer": ana, "terms": id(), "price": "team-monthly" }),
            "price",
        ),
        (
            json!({ "customer": ana, "terms": id(), "provider": "manual" }),
            "provider",
        ),
        (
            json!({ "customer": ana, "terms": id(), "quantity": 2 }),
            "quantity",
        ),
        (
            json!({ "customer": ana, "terms": id(), "quantity": 51 }),
            "quantity",
        ),
        (
            json!({ "customer": ana, "terms": id(), "quantity": 0 }),
            "quantity",
        ),
    ];
    for (body, field) in table {
        buys(&rig, WRITE, body).await.wrong(field);
    }
    assert_eq!(rig.store.snapshot().accounts, before);
}

#[tokio::test]
async fn terms_that_ran_out_are_not_taken_up() {
    let rig = shop(PAGES).await;
    let ana = rig.customer("ana").await;
    let mut body = seats();
    body["expires_at"] = json!("2026-03-10T00:00:00Z");
    let terms = agreed(&rig, "ana", body).await.ok(201);
    rig.clock.set("2026-03-10T00:00:00Z".parse().unwrap());
    let body = json!({ "customer": ana, "terms": terms["id"], "quantity": 4 });
    buys(&rig, WRITE, body).await.wrong("terms");
}

#[tokio::test]
async fn what_is_wrong_with_terms_is_named() {
    let rig = shop(PAGES).await;
    rig.customer("ana").await;
    let before = rig.store.snapshot().accounts;
    let table = [
        ("plan", Value::Null, "plan"),
        ("plan", json!("nosuch"), "plan"),
        ("plan", json!("../etc"), "plan"),
        ("plan", json!("pro"), "quantity"),
        ("amount", Value::Null, "amount"),
        ("amount", json!(-1), "amount"),
        ("amount", json!(1.5), "amount"),
        ("amount", json!("900"), "amount"),
        ("currency", Value::Null, "currency"),
        ("currency", json!("dollars"), "currency"),
        ("interval", Value::Null, "interval"),
        ("interval", json!("fortnight"), "interval"),
        ("first_cycle", json!(-1), "first_cycle"),
        ("quantity", json!(3), "quantity"),
        ("quantity", json!({ "min": 3 }), "quantity.max"),
        ("quantity", json!({ "min": 0, "max": 3 }), "quantity.min"),
        ("quantity", json!({ "min": 4, "max": 3 }), "quantity"),
        (
            "quantity",
            json!({ "min": 1, "max": 3, "most": 3 }),
            "quantity.most",
        ),
        ("provider", json!("nosuch"), "provider"),
        ("expires_at", json!("soon"), "expires_at"),
        ("discount", json!(1), "discount"),
    ];
    for (field, value, wrong) in table {
        let mut body = seats();
        body[field] = value;
        agreed(&rig, "ana", body).await.wrong(wrong);
    }
    agreed(&rig, "nobody", seats())
        .await
        .refused(404, "customer_not_found");
    assert_eq!(rig.store.snapshot().accounts, before);
    for _ in 0..16 {
        agreed(&rig, "ana", seats()).await.ok(201);
    }
    agreed(&rig, "ana", seats())
        .await
        .refused(422, "unprocessable");
}
