//! Promises reach Stripe: what a lock or a migration makes of a price is there
//! before the renewal, and what is grandfathered stays untouched.

use billing_domain::ids::CustomerId;
use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp, shifted};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{PLANS, Shop, bought, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-27: the end of a lock changes the price at Stripe, without proration, and a
    /// price that is locked for ever stays as it is.
    k_27_the_end_of_a_lock_reaches_stripe;
    /// K-27: a price migration reaches Stripe, and can be taken up again after an outage.
    k_27_a_price_migration_reaches_stripe;
}

/// The plans with both monthly prices retired and followed: one when a cycle is
/// over, the other never.
fn followed() -> String {
    PLANS
        .replace(
            "deckhand-monthly: { amount: 3.00, interval: month, stripe: price_deckhand }",
            "deckhand-monthly: { amount: 3.00, interval: month, stripe: price_deckhand, \
             retired: 2026-01-20, lock: { cycles: 1, then: deckhand-2026, notice: 7d } }\n      \
             deckhand-2026: { amount: 4.00, interval: month, stripe: price_deckhand_2026 }",
        )
        .replace(
            "bosun-monthly: { amount: 8.00, interval: month, stripe: price_bosun }",
            "bosun-monthly: { amount: 8.00, interval: month, stripe: price_bosun, \
             retired: 2026-01-20 }\n      \
             bosun-2026: { amount: 9.00, interval: month, stripe: price_bosun_2026 }",
        )
}

/// Applies the plans above, whose new prices Stripe has.
async fn follow(shop: &Shop, plans: &str) {
    let month = Some(Interval::MONTH);
    for (price, product, amount) in [
        ("price_deckhand_2026", "prod_deckhand", 400),
        ("price_bosun_2026", "prod_bosun", 900),
    ] {
        shop.fake
            .price(price, product, amount, Currency::USD, month);
    }
    shop.apply(plans).await.is(StatusCode::OK);
}

async fn until(shop: &Shop, instant: &str) {
    shop.pass_until(instant.parse().unwrap()).await;
}

/// The customer's subscription, as Stripe has it.
async fn at_stripe(shop: &Shop, customer: &str) -> Value {
    let id: CustomerId = customer.parse().unwrap();
    let account = shop.billing.account(&id.into()).await.unwrap().unwrap();
    let reference = account.subscriptions[0].reference().unwrap();
    shop.fake.object(reference).unwrap()
}

/// What the customer was charged in all, and how often.
async fn charged(shop: &Shop, customer: &str) -> (u64, i64) {
    let held = at_stripe(shop, customer).await;
    let books = shop.fake.books();
    let account = books.of(held["customer"].as_str().unwrap());
    (account.charges, account.charged["usd"])
}

fn price(subscription: &Value) -> &str {
    let item = &subscription["items"]["data"][0];
    item["price"]["id"].as_str().unwrap()
}

async fn k_27_the_end_of_a_lock_reaches_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deckhand-monthly").await;
    let ben = bought(&shop, "ben", "bosun-monthly").await;
    follow(&shop, &followed()).await;

    // Bought on 15 January at noon. The cycle of February is the last that is locked.
    until(&shop, "2026-02-16T00:00:00Z").await;
    assert_eq!(charged(&shop, &ana).await, (2, 600));
    assert_eq!(price(&at_stripe(&shop, &ana).await), "price_deckhand");
    // Stripe knows of the cycle of March by now, and nothing was charged for that.
    until(&shop, "2026-03-14T00:00:00Z").await;
    assert!(at_stripe(&shop, &ana).await["schedule"].is_string());
    assert_eq!(charged(&shop, &ana).await, (2, 600));
    assert_eq!(shop.told("price_change.upcoming"), 1);

    until(&shop, "2026-03-16T00:00:00Z").await;
    assert_eq!(price(&at_stripe(&shop, &ana).await), "price_deckhand_2026");
    assert_eq!(charged(&shop, &ana).await, (3, 1_000));
    let me = shop.me(&ana).await;
    assert_eq!(me["subscriptions"][0]["price"], "deckhand-2026");
    until(&shop, "2026-04-16T00:00:00Z").await;
    assert_eq!(charged(&shop, &ana).await, (4, 1_400));

    // Nobody has touched what is locked for ever.
    let held = at_stripe(&shop, &ben).await;
    assert_eq!(price(&held), "price_bosun");
    assert!(held["schedule"].is_null());
    assert_eq!(charged(&shop, &ben).await, (4, 3_200));
    let path = format!("/v1/subscriptions/{}", held["id"].as_str().unwrap());
    assert!(shop.fake.requests().to("POST", &path).is_empty());
    shop.ends_well().await;
}

async fn k_27_a_price_migration_reaches_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let ben = bought(&shop, "ben", "bosun-monthly").await;
    // Still sold, so that nobody was promised anything.
    let beside = PLANS.replace(
        "      bosun-yearly:",
        "      bosun-2026: { amount: 9.00, interval: month, stripe: price_bosun_2026 }\n      \
         bosun-yearly:",
    );
    follow(&shop, &beside).await;
    let ask = json!({ "from": "bosun-monthly", "to": "bosun-2026" });
    let plan = shop.operate("/v1/price-migrations", &ask).await;
    assert!(plan.status.is_success(), "{}", plan.text);
    assert_eq!(plan.json()["moves"], 1);
    let digest = plan.json()["digest"].clone();
    let ask = json!({ "from": "bosun-monthly", "to": "bosun-2026", "digest": digest });
    // Stripe is away when it is told, and hears of it later.
    shop.fake.fault(outage());
    let begun = shop.operate("/v1/price-migrations", &ask).await;
    assert!(begun.status.is_success(), "{}", begun.text);
    shop.settle().await;
    assert!(at_stripe(&shop, &ben).await["schedule"].is_null());
    until(&shop, "2026-02-14T00:00:00Z").await;
    assert_eq!(charged(&shop, &ben).await, (1, 800));
    // At the renewal that was announced, and at no other.
    let first: Timestamp = plan.json()["first_move"].as_str().unwrap().parse().unwrap();
    shop.pass_until(shifted(first, SignedDuration::from_hours(-1)))
        .await;
    assert!(shop.fake.faults().open().is_empty(), "it struck");
    let (before, sum) = charged(&shop, &ben).await;
    assert_eq!(sum, 800 * i64::try_from(before).unwrap());
    shop.pass_until(shifted(first, SignedDuration::from_hours(24)))
        .await;
    assert_eq!(price(&at_stripe(&shop, &ben).await), "price_bosun_2026");
    assert_eq!(charged(&shop, &ben).await, (before + 1, sum + 900));
    shop.ends_well().await;
}

/// Stripe answers no schedule for a while.
fn outage() -> billing_testkit::fakes::rig::Fault {
    use billing_testkit::fakes::rig::{Fault, FaultKind};
    Fault::next(FaultKind::ServerError)
        .on("POST", "/v1/subscription_schedules")
        .times(2)
}
