//! Reports over HTTP: what is counted, and for how long that is believed.

use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rig::{READ, Rig, WRITE, text};
use crate::shop::{Holder, PAGES, shop, usd};

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

#[tokio::test]
async fn who_came_and_left_is_split_by_plan_and_by_price() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let change = ana.changes(json!({ "plan": "pro" })).await;
    rig.pays(&text(&change["checkout_url"])).await;
    for (name, price) in [("ben", "pro-monthly"), ("cleo", "pro-euro")] {
        let customer = rig.customer(name).await;
        rig.buys(&customer, price).await;
    }
    let march = |churn: Value| {
        let march = churn["data"][0].clone();
        assert_eq!((&march["new"], &march["lost"]), (&json!(3), &json!(0)));
        assert_eq!(march["at_end"], 3);
        march
    };
    let part = |plan: &str, price: Value, counts: [u64; 4], mrr: [Value; 3]| {
        let ([new, arrived, left, at_end], [new_mrr, arrived_mrr, left_mrr]) = (counts, mrr);
        json!({
            "plan": plan, "price": price, "at_start": 0, "new": new, "arrived": arrived,
            "left": left, "lost": 0, "at_end": at_end, "churn_basis_points": null,
            "new_mrr": new_mrr, "arrived_mrr": arrived_mrr, "left_mrr": left_mrr, "lost_mrr": [],
        })
    };
    let (none, basic, pro) = (json!([]), json!([usd(1000)]), json!([usd(3000)]));
    let eur = json!({ "amount": 2800, "currency": "eur" });
    let by_plan = march(report(&rig, "churn?months=1&split=plan").await);
    let moved = [none.clone(), pro.clone(), none.clone()];
    let from = [basic.clone(), none.clone(), basic];
    assert_eq!(
        by_plan["parts"],
        json!([
            part("basic", Value::Null, [1, 0, 1, 0], from.clone()),
            part(
                "pro",
                Value::Null,
                [2, 1, 0, 3],
                [json!([eur, usd(3000)]), pro.clone(), none.clone()]
            ),
        ])
    );
    assert_eq!(by_plan["moved"], 1);
    assert_eq!(by_plan["new_mrr"], json!([eur, usd(1000 + 3000)]));
    let by_price = march(report(&rig, "churn?months=1&split=price").await);
    assert_eq!(
        by_price["parts"],
        json!([
            part("basic", json!("basic-monthly"), [1, 0, 1, 0], from),
            part(
                "pro",
                json!("pro-euro"),
                [1, 0, 0, 1],
                [json!([eur]), none.clone(), none]
            ),
            part(
                "pro",
                json!("pro-monthly"),
                [1, 1, 0, 2],
                [pro, moved[1].clone(), moved[2].clone()]
            ),
        ])
    );
    let whole = march(report(&rig, "churn?months=1").await);
    assert_eq!(
        (&whole["parts"], &whole["moved"]),
        (&Value::Null, &Value::Null)
    );
    let got = rig.get("/v1/reports/churn?split=interval").by(READ);
    got.send().await.wrong("split");
}
