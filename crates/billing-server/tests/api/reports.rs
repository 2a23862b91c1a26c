//! Reports over HTTP: what is counted, and for how long that is believed.

use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{READ, Rig, WRITE};
use crate::shop::{PAGES, shop, usd};

async fn report(rig: &Rig, name: &str) -> Value {
    let path = format!("/v1/reports/{name}");
    rig.get(&path).by(READ).send().await.ok(200)
}

#[tokio::test]
async fn what_recurs_is_told_by_price_and_summed_by_currency() {
    let rig = shop(PAGES).await;
    let empty = report(&rig, "mrr").await;
    let now = "2026-03-01T12:00:00Z";
    let none = json!({ "as_of": now, "totals": [], "data": [] });
    assert_eq!(empty, none);
    for (name, price) in [
        ("ana", "pro-monthly"),
        ("ben", "pro-monthly"),
        ("cleo", "pro-yearly"),
        ("dora", "pro-euro"),
        ("eve", "pro-once"),
    ] {
        let customer = rig.customer(name).await;
        rig.buys(&customer, price).await;
    }
    let granted = rig.post("/v1/customers/ana/grants").by(WRITE);
    granted.json(json!({ "plan": "team" })).send().await.ok(201);
    assert_eq!(report(&rig, "mrr").await, none, "counted a moment ago");
    rig.clock.advance(SignedDuration::from_mins(5));
    let mrr = report(&rig, "mrr").await;
    let row = |price: &str, interval: &str, mrr: Value, subscriptions: u64| {
        json!({
            "plan": "pro", "price": price, "interval": interval, "mrr": mrr,
            "subscriptions": subscriptions,
            "past_due": 0, "ending": 0, "trialing": 0, "paused": 0,
        })
    };
    let eur = json!({ "amount": 2800, "currency": "eur" });
    assert_eq!(
        mrr,
        json!({
            "as_of": "2026-03-01T12:05:00Z",
            "totals": [eur, usd(6000 + 2500)],
            "data": [
                row("pro-euro", "month", eur.clone(), 1),
                row("pro-monthly", "month", usd(6000), 2),
                row("pro-yearly", "year", usd(2500), 1),
            ],
        })
    );
}

#[tokio::test]
async fn who_came_left_and_stayed_is_told_by_month() {
    let rig = shop(PAGES).await;
    for name in ["ana", "ben"] {
        let customer = rig.customer(name).await;
        rig.buys(&customer, "pro-monthly").await;
    }
    rig.clock.advance(SignedDuration::from_hours(24 * 60));
    rig.state.billing.work_until_idle().await.unwrap();
    rig.clock.advance(SignedDuration::from_hours(24 * 30));
    rig.state.billing.work_until_idle().await.unwrap();
    let cleo = rig.customer("cleo").await;
    rig.buys(&cleo, "basic-monthly").await;
    let churn = report(&rig, "churn?months=4").await;
    let months = churn["data"].as_array().unwrap();
    assert_eq!(months.len(), 4);
    assert_eq!(months[0]["month"], "2026-02");
    let march = &months[1];
    assert_eq!((&march["new"], &march["at_start"]), (&json!(2), &json!(0)));
    assert_eq!(march["new_mrr"], json!([usd(6000)]));
    assert_eq!(march["churn_basis_points"], Value::Null);
    let lost: u64 = months.iter().map(|row| row["lost"].as_u64().unwrap()).sum();
    assert_eq!(lost, 2, "unpaid beyond their grace");
    assert_eq!(months[3]["at_end"], 1);
    let cohorts = report(&rig, "cohorts?months=3").await;
    let march = &cohorts["data"][0];
    assert_eq!(
        (&march["month"], &march["began"]),
        (&json!("2026-03"), &json!(2))
    );
    assert_eq!(march["left"].as_array().unwrap().len(), 3);
    assert_eq!(march["left"][2], 0);
    let all = report(&rig, "churn").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 13);
    for path in ["churn?months=0", "cohorts?months=61", "churn?months=x"] {
        let got = rig.get(&format!("/v1/reports/{path}")).by(READ);
        got.send().await.wrong("months");
    }
}

#[tokio::test]
async fn what_was_not_counted_to_its_end_is_not_kept() {
    let rig = shop(PAGES).await;
    rig.store.fail_next(Call::Read, Fault::Before);
    let got = rig.get("/v1/reports/mrr").by(READ).send().await;
    got.refused(503, "unavailable");
    report(&rig, "mrr").await;
    // What is kept for a while is told while the store is away.
    rig.store.fail_next(Call::Read, Fault::Before);
    report(&rig, "cohorts").await;
}
