//! Promises reach Paddle: what a lock or a migration makes of a price is in place
//! before the renewal, and what is grandfathered stays untouched.

use billing_domain::ids::CustomerId;
use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp, shifted};
use billing_testkit::fakes::paddle::{PriceSeed, Subscription};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{PLANS, Shop, bought, invoices, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-27: the end of a lock changes the price at Paddle, without proration, and a
    /// price that is locked for ever stays as it is.
    k_27_the_end_of_a_lock_reaches_paddle;
    /// K-27: a price migration reaches Paddle, and can be taken up again after an outage.
    k_27_a_price_migration_reaches_paddle;
}

/// The plans with two monthly prices retired and followed: one when a cycle is over,
/// the other never.
pub(super) fn followed() -> String {
    PLANS
        .replace(
            "solo-monthly: { amount: 10.00, interval: month, paddle: pri_solo }",
            "solo-monthly: { amount: 10.00, interval: month, paddle: pri_solo, \
             retired: 2026-03-06, lock: { cycles: 1, then: solo-2026, notice: 7d } }\n      \
             solo-2026: { amount: 12.00, interval: month, paddle: pri_solo_2026 }",
        )
        .replace(
            "team-monthly: { amount: 30.00, interval: month, paddle: pri_team }",
            "team-monthly: { amount: 30.00, interval: month, paddle: pri_team, \
             retired: 2026-03-06 }\n      \
             team-2026: { amount: 33.00, interval: month, paddle: pri_team_2026 }",
        )
}

/// Applies the plans above, whose new prices Paddle has.
pub(super) async fn follow(shop: &Shop, plans: &str) {
    let month = Some(Interval::MONTH);
    for (price, amount) in [("pri_solo_2026", 1_200), ("pri_team_2026", 3_300)] {
        let seed = PriceSeed::new(price, amount, Currency::USD, month);
        shop.fake.sell(&seed);
    }
    shop.apply(plans).await.is(StatusCode::OK);
}

pub(super) async fn until(shop: &Shop, instant: &str) {
    shop.pass_until(instant.parse().unwrap()).await;
}

/// The customer's subscription, as Paddle has it.
async fn at_paddle(shop: &Shop, customer: &str) -> Subscription {
    let id: CustomerId = customer.parse().unwrap();
    let account = shop.billing.account(&id.into()).await.unwrap().unwrap();
    let reference = account.subscriptions[0].reference().unwrap();
    shop.fake.world().subscriptions[reference].clone()
}

/// The price that is in place at Paddle.
pub(super) async fn price(shop: &Shop, customer: &str) -> String {
    let held = at_paddle(shop, customer).await;
    assert_eq!(held.items.len(), 1);
    held.items[0].bought.price.id.clone()
}

/// What the customer was charged in all, and how often.
pub(super) async fn charged(shop: &Shop, customer: &str) -> (u64, i64) {
    let held = at_paddle(shop, customer).await;
    let account = shop.fake.books().of(&held.customer_id);
    (account.charges, account.charged["usd"])
}

/// How the changes of the customer's subscription were asked to be billed.
pub(super) async fn billed_how(shop: &Shop, customer: &str) -> Vec<String> {
    let path = format!("/subscriptions/{}", at_paddle(shop, customer).await.id);
    let asked = shop.fake.requests().to("PATCH", &path);
    let how = asked.iter().map(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["proration_billing_mode"].as_str().unwrap().to_owned()
    });
    how.collect()
}

async fn k_27_the_end_of_a_lock_reaches_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "solo-monthly").await;
    let ben = bought(&shop, "ben", "team-monthly").await;
    follow(&shop, &followed()).await;

    // Bought on 1 March at noon. The cycle of April is the last that is locked.
    until(&shop, "2026-04-02T00:00:00Z").await;
    assert_eq!(charged(&shop, &ana).await, (2, 2_000));
    // Paddle has the price of May by now, and nothing was charged for that.
    until(&shop, "2026-04-30T00:00:00Z").await;
    assert_eq!(price(&shop, &ana).await, "pri_solo_2026");
    assert_eq!(charged(&shop, &ana).await, (2, 2_000));
    assert_eq!(billed_how(&shop, &ana).await, ["do_not_bill"]);
    assert_eq!(shop.told("price_change.upcoming"), 1);
    let me = shop.me(&ana).await;
    assert_eq!(me["subscriptions"][0]["price"], "solo-monthly");

    until(&shop, "2026-05-02T00:00:00Z").await;
    assert_eq!(charged(&shop, &ana).await, (3, 3_200));
    let me = shop.me(&ana).await;
    assert_eq!(me["subscriptions"][0]["price"], "solo-2026");
    until(&shop, "2026-06-02T00:00:00Z").await;
    assert_eq!(charged(&shop, &ana).await, (4, 4_400));
    let renewed = |amount| ("renewal".to_owned(), "settled".to_owned(), amount);
    let seen = invoices(&shop, &ana).await;
    assert_eq!(seen[..3], [1_200, 1_200, 1_000].map(renewed));

    // Nobody has touched what is locked for ever.
    assert_eq!(price(&shop, &ben).await, "pri_team");
    assert_eq!(charged(&shop, &ben).await, (4, 12_000));
    assert_eq!(billed_how(&shop, &ben).await, [""; 0]);
    shop.ends_well().await;
}

async fn k_27_a_price_migration_reaches_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ben = bought(&shop, "ben", "team-monthly").await;
    // Still sold, so that nobody was promised anything.
    let beside = PLANS.replace(
        "      team-monthly:",
        "      team-2026: { amount: 33.00, interval: month, paddle: pri_team_2026 }\n      \
         team-monthly:",
    );
    follow(&shop, &beside).await;
    let ask = json!({ "from": "team-monthly", "to": "team-2026" });
    let plan = shop.operate("/v1/price-migrations", &ask).await;
    assert!(plan.status.is_success(), "{}", plan.text);
    assert_eq!(plan.json()["moves"], 1);
    let digest = plan.json()["digest"].clone();
    let ask = json!({ "from": "team-monthly", "to": "team-2026", "digest": digest });
    // Paddle is away when it is told, and hears of it later.
    let outage = Fault::next(FaultKind::ServerError).on("PATCH", "/subscriptions");
    shop.fake.fault(outage.times(2));
    let begun = shop.operate("/v1/price-migrations", &ask).await;
    assert!(begun.status.is_success(), "{}", begun.text);
    shop.settle().await;
    assert_eq!(price(&shop, &ben).await, "pri_team");
    until(&shop, "2026-03-31T00:00:00Z").await;
    assert_eq!(charged(&shop, &ben).await, (1, 3_000));
    // At the renewal that was announced, and at no other.
    let first: Timestamp = plan.json()["first_move"].as_str().unwrap().parse().unwrap();
    shop.pass_until(shifted(first, SignedDuration::from_hours(-1)))
        .await;
    assert!(shop.fake.faults().open().is_empty(), "it struck");
    let (before, sum) = charged(&shop, &ben).await;
    assert_eq!(sum, 3_000 * i64::try_from(before).unwrap());
    shop.pass_until(shifted(first, SignedDuration::from_hours(24)))
        .await;
    assert_eq!(price(&shop, &ben).await, "pri_team_2026");
    let how = billed_how(&shop, &ben).await;
    assert!(how.iter().all(|how| how == "do_not_bill"), "{how:?}");
    assert_eq!(charged(&shop, &ben).await, (before + 1, sum + 3_300));
    shop.ends_well().await;
}
