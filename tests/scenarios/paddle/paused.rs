//! What is to come at Paddle, over a pause: whoever resumes begins a period there, and
//! is billed for exactly the plan that holds from then on.

use billing_testkit::fakes::paddle::SubscriptionStatus;
use serde_json::{Value, json};

use super::promises::{charged, follow, followed, price, until};
use super::shop::{
    Shop, accepted, bought, dashboard, days, id, invoices, only, only_at_paddle, plan_of, quoted,
    shop, taken_back,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-02, H-11: a downgrade that waits outlives a pause, and comes with the period
    /// that the resumption begins, which it is billed for.
    g_02_a_pause_at_paddle_keeps_the_downgrade;
    /// G-02, H-11: so it does where the pause has lasted over its day.
    g_02_a_pause_at_paddle_over_the_day_of_a_downgrade;
    /// G-02, H-11: resumed in the dashboard, within its period or in another.
    g_02_resumed_at_paddle_a_downgrade_waits_or_comes;
    /// G-02, H-11: taken back while it is paused, it does not come.
    g_02_a_downgrade_at_paddle_is_taken_back_in_a_pause;
    /// K-27, H-11: a price that is still promised is what a resumption bills.
    k_27_a_pause_at_paddle_brings_no_rise_forward;
}

/// Somebody who has a downgrade to come; the customer and the change.
async fn lowered(shop: &Shop) -> (String, Value) {
    let ana = bought(shop, "ana", "team-monthly").await;
    shop.pass(days(5)).await;
    let down = quoted(shop, &ana, &json!({ "plan": "solo" })).await;
    let down = accepted(shop, &ana, &down).await;
    shop.settle().await;
    assert_eq!(down["status"], "scheduled");
    (ana, down)
}

async fn paused(shop: &Shop, customer: &str) {
    let pause = quoted(shop, customer, &json!({ "pause": true })).await;
    assert_eq!(accepted(shop, customer, &pause).await["status"], "applied");
    shop.settle().await;
    assert_eq!(only_at_paddle(shop).status, SubscriptionStatus::Paused);
}

/// Resumes it as quoted: what is charged, by Paddle's books and by ours.
async fn resumed(shop: &Shop, customer: &str) -> (Value, i64) {
    let (times, before) = charged(shop, customer).await;
    let invoiced = invoices(shop, customer).await.len();
    let resume = quoted(shop, customer, &json!({ "resume": true })).await;
    assert_eq!(charged(shop, customer).await, (times, before), "not yet");
    assert_eq!(accepted(shop, customer, &resume).await["status"], "applied");
    shop.settle().await;
    let paid = invoices(shop, customer).await;
    assert_eq!(paid.len(), invoiced + 1, "{paid:?}");
    let (again, after) = charged(shop, customer).await;
    assert_eq!(again, times + 1);
    let cost = after - before;
    assert_eq!((paid[0].1.as_str(), paid[0].2), ("settled", cost));
    assert_eq!(resume["owed_now"]["amount"], cost, "charged as quoted");
    assert_eq!(only(shop, customer).await["status"], "active");
    (resume, cost)
}

/// It is held, and billed, at `plan` and `price` from now on.
async fn holds(shop: &Shop, customer: &str, (plan, at_paddle): (&str, &str)) {
    assert_eq!(plan_of(shop, customer).await, plan);
    let held = only(shop, customer).await;
    assert_eq!(held["plan"], plan);
    assert_eq!(held["scheduled"], Value::Null);
    assert_eq!(price(shop, customer).await, at_paddle);
    let period = only_at_paddle(shop).period.unwrap();
    assert_eq!(held["paid_through"], period.end.to_string());
}

async fn stands(shop: &Shop, change: &Value) -> Value {
    let path = format!("/v1/changes/{}", id(change));
    shop.read(&path).await["status"].clone()
}

async fn g_02_a_pause_at_paddle_keeps_the_downgrade(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, down) = lowered(&shop).await;
    let day = only(&shop, &ana).await["scheduled"]["at"].clone();
    paused(&shop, &ana).await;
    shop.pass(days(2)).await;
    let held = only(&shop, &ana).await;
    assert_eq!(held["status"], "paused");
    assert_eq!(held["scheduled"]["at"], day, "it is still to come");

    // Paddle begins another period, which is the next one: what was to come is here,
    // weeks before the day that it was planned for.
    let (resume, cost) = resumed(&shop, &ana).await;
    assert_eq!((&resume["plan"], cost), (&json!("solo"), 1_000));
    assert!(resume["loses"].to_string().contains("paid_time"));
    holds(&shop, &ana, ("solo", "pri_solo")).await;
    assert_eq!(stands(&shop, &down).await, "applied");
    assert_eq!(shop.told("plan.changed"), 1);
    // Nothing more comes on the old day, and the next period costs the same.
    shop.pass(days(40)).await;
    holds(&shop, &ana, ("solo", "pri_solo")).await;
    let paid = invoices(&shop, &ana).await;
    assert_eq!(paid[0], ("renewal".into(), "settled".into(), 1_000));
    assert_eq!(shop.told("plan.changed"), 1);
    shop.ends_well().await;
}

async fn g_02_a_pause_at_paddle_over_the_day_of_a_downgrade(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, down) = lowered(&shop).await;
    paused(&shop, &ana).await;
    shop.pass(days(60)).await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    let (resume, cost) = resumed(&shop, &ana).await;
    assert_eq!((&resume["plan"], cost), (&json!("solo"), 1_000));
    holds(&shop, &ana, ("solo", "pri_solo")).await;
    assert_eq!(stands(&shop, &down).await, "applied");
    shop.ends_well().await;
}

async fn g_02_resumed_at_paddle_a_downgrade_waits_or_comes(kind: StoreKind) {
    for (how, holds_now) in [
        ("continue_existing_billing_period", "team"),
        ("start_new_billing_period", "solo"),
    ] {
        let shop = shop(kind).await;
        let (ana, down) = lowered(&shop).await;
        let path = format!("subscriptions/{}", only_at_paddle(&shop).id);
        paused(&shop, &ana).await;
        shop.pass(days(2)).await;
        let resume = json!({ "effective_from": "immediately", "on_resume": how });
        dashboard(&shop, "POST", &format!("{path}/resume"), &resume).await;
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, holds_now, "{how}");
        let (_, cost) = charged(&shop, &ana).await;
        assert_eq!(cost, if holds_now == "team" { 3_000 } else { 4_000 });
        shop.pass(days(40)).await;
        holds(&shop, &ana, ("solo", "pri_solo")).await;
        assert_eq!(stands(&shop, &down).await, "applied");
        shop.ends_well().await;
    }
}

async fn g_02_a_downgrade_at_paddle_is_taken_back_in_a_pause(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, down) = lowered(&shop).await;
    paused(&shop, &ana).await;
    shop.pass(days(2)).await;
    taken_back(&shop, &ana, &down).await;
    shop.settle().await;
    let (resume, cost) = resumed(&shop, &ana).await;
    assert_eq!((&resume["plan"], cost), (&json!("team"), 3_000));
    holds(&shop, &ana, ("team", "pri_team")).await;
    shop.ends_well().await;
}

async fn k_27_a_pause_at_paddle_brings_no_rise_forward(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    follow(&shop, &followed()).await;
    // The cycle of April is the last that is promised, and Paddle has the price of May.
    until(&shop, "2026-04-28T12:00:00Z").await;
    assert_eq!(price(&shop, &ana).await, "pri_solo_2026");
    paused(&shop, &ana).await;
    until(&shop, "2026-04-29T12:00:00Z").await;
    // What was announced is a rise on 1 May, and this period begins before.
    let (resume, cost) = resumed(&shop, &ana).await;
    assert_eq!((&resume["price"], cost), (&json!("solo-monthly"), 1_000));
    let held = only(&shop, &ana).await;
    assert_eq!(held["price"], "solo-monthly");
    // The rise comes with the period after it.
    until(&shop, "2026-05-28T00:00:00Z").await;
    assert_eq!(only(&shop, &ana).await["price"], "solo-monthly");
    let (_, before) = charged(&shop, &ana).await;
    until(&shop, "2026-05-31T00:00:00Z").await;
    assert_eq!(charged(&shop, &ana).await.1, before + 1_200);
    assert_eq!(only(&shop, &ana).await["price"], "solo-2026");
    // In time, and again when it went on.
    assert_eq!(shop.told("price_change.upcoming"), 2);
    shop.ends_well().await;
}
