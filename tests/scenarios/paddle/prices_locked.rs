//! The price of the next period, decided or told so late that Paddle takes no other
//! before the renewal: it comes a period later. Who was promised less by then is shown to
//! a person, and nobody is charged more than was announced.

use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_testkit::fakes::paddle::PriceSeed;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::promises::{billed_how, charged, price, until};
use super::shop::{PLANS, Shop, bought, invoices, only, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-27: a lock that is found to be over within Paddle's half hour ends a period later.
    k_27_a_lock_s_end_within_paddle_s_lock_waits_a_period;
    /// K-27: told in time and not heard, the price is tried within the half hour, and comes
    /// a period later.
    k_27_a_lock_s_end_retried_within_paddle_s_lock_waits_a_period;
    /// K-27: a migration that is begun within Paddle's half hour moves a period later.
    k_27_a_migration_within_paddle_s_lock_waits_a_period;
    /// K-27: a migration that is heard of in the half hour alone is taken up again.
    k_27_a_migration_retried_within_paddle_s_lock_is_taken_up_again;
}

/// Bought on 1 March at noon, it is renewed on 1 April at noon.
const WITHIN: &str = "2026-04-01T11:40:00Z";
const LAST_MINUTE: &str = "2026-04-01T11:59:00Z";
const RENEWED: &str = "2026-04-02T00:00:00Z";
const RENEWED_TWICE: &str = "2026-05-02T00:00:00Z";

/// What is ordered then and fails is tried at eleven, and at half past eleven.
const TRIED_AT_HALF_PAST: (&str, usize) = ("2026-04-01T10:55:00Z", 2);

/// What is ordered then and fails is tried within the hour, at 17:35, at 23:35, and at
/// 11:35 on the day of the renewal.
const TRIED_NEXT_DAY: (&str, usize) = ("2026-03-31T15:00:00Z", 5);

/// The plans with the monthly price of the solo plan over, which another follows.
fn over(amount: &str) -> String {
    PLANS.replace(
        "solo-monthly: { amount: 10.00, interval: month, paddle: pri_solo }",
        &format!(
            "solo-monthly: {{ amount: 10.00, interval: month, paddle: pri_solo, \
             retired: 2026-03-06, lock: {{ until: 2026-03-25, then: solo-next, notice: 0d }} }}\n      \
             solo-next: {{ amount: {amount}, interval: month, paddle: pri_next }}"
        ),
    )
}

/// The plans with a price beside that of the solo plan.
fn beside(amount: &str) -> String {
    PLANS.replace(
        "      solo-monthly:",
        &format!(
            "      solo-next: {{ amount: {amount}, interval: month, paddle: pri_next }}\n      \
             solo-monthly:"
        ),
    )
}

/// Paddle sells the price that follows, and the plan file has it.
async fn follows(shop: &Shop, amount: i64, plans: &str) {
    let month = Some(Interval::MONTH);
    let seed = PriceSeed::new("pri_next", amount, Currency::USD, month);
    shop.fake.sell(&seed);
    shop.apply(plans).await.is(StatusCode::OK);
    shop.settle().await;
}

/// Paddle fails to change anything so often.
fn fails(shop: &Shop, times: usize) {
    let outage = Fault::next(FaultKind::ServerError).on("PATCH", "/subscriptions");
    shop.fake.fault(outage.times(times.try_into().unwrap()));
}

/// Moves everybody of the one price to the other; when the first is moved.
async fn migrates(shop: &Shop) -> Value {
    let ask = json!({ "from": "solo-monthly", "to": "solo-next" });
    let plan = shop.operate("/v1/price-migrations", &ask).await;
    let plan = plan.is(StatusCode::OK).json();
    let ask = json!({ "from": "solo-monthly", "to": "solo-next", "digest": plan["digest"] });
    let begun = shop.operate("/v1/price-migrations", &ask).await;
    assert!(begun.status.is_success(), "{}", begun.text);
    shop.settle().await;
    plan["first_move"].clone()
}

/// Somebody who has bought the solo plan, at that instant.
async fn holder(shop: &Shop, at: &str) -> String {
    let ana = bought(shop, "ana", "solo-monthly").await;
    until(shop, at).await;
    ana
}

/// The price that is held, and what was charged for it in all.
async fn held(shop: &Shop, ana: &str) -> (String, (u64, i64)) {
    let price = only(shop, ana).await["price"].take();
    (price.as_str().unwrap().to_owned(), charged(shop, ana).await)
}

fn is(price: &str, times: u64, sum: i64) -> (String, (u64, i64)) {
    (price.to_owned(), (times, sum))
}

/// Whoever has waited a period has the new price from then on, by one order unbilled.
async fn comes_with_the_next(shop: &Shop, ana: &str, amount: i64) {
    until(shop, RENEWED_TWICE).await;
    assert_eq!(held(shop, ana).await, is("solo-next", 3, 2_000 + amount));
    assert_eq!(price(shop, ana).await, "pri_next");
    let how = billed_how(shop, ana).await;
    assert!(how.iter().all(|how| how == "do_not_bill"), "{how:?}");
    let renewed = |amount| ("renewal".to_owned(), "settled".to_owned(), amount);
    let seen = invoices(shop, ana).await;
    assert_eq!(seen[..2], [amount, 1_000].map(renewed));
}

/// What waits for a person, in the order of the words.
async fn waiting(shop: &Shop) -> Vec<(String, String)> {
    let rows = shop.rows("/v1/parked?limit=100").await;
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = rows.iter();
    let mut rows: Vec<_> = rows
        .map(|row| (text(row, "reason"), text(row, "evidence")))
        .collect();
    rows.sort();
    rows
}

/// Renewed as before, though another price was to hold: Paddle's word is what is held, and
/// a person is told that it would not listen, and what it charged.
async fn renewed_as_before(shop: &Shop, ana: &str) {
    assert!(shop.fake.faults().open().is_empty(), "it struck");
    assert_eq!(held(shop, ana).await, is("solo-monthly", 2, 2_000));
    let waits = waiting(shop).await;
    let [(conflict, renewed), (refused, locked)] = waits.as_slice() else {
        panic!("not two rows: {waits:#?}");
    };
    assert_eq!(
        (conflict.as_str(), refused.as_str()),
        ("conflict", "provider_refused")
    );
    assert!(
        renewed.contains("was renewed at price pri_solo"),
        "{renewed}"
    );
    assert!(locked.contains("subscription_locked_renewal"), "{locked}");
}

async fn k_27_a_lock_s_end_within_paddle_s_lock_waits_a_period(kind: StoreKind) {
    for (amount, text, told) in [(1_200, "12.00", 1), (800, "8.00", 0)] {
        let shop = shop(kind).await;
        let ana = holder(&shop, WITHIN).await;
        follows(&shop, amount, &over(text)).await;
        until(&shop, LAST_MINUTE).await;
        assert_eq!(
            billed_how(&shop, &ana).await,
            [""; 0],
            "nothing is tried in vain"
        );
        assert_eq!(shop.told("price_change.upcoming"), 0);
        until(&shop, RENEWED).await;
        assert_eq!(held(&shop, &ana).await, is("solo-monthly", 2, 2_000));
        comes_with_the_next(&shop, &ana, amount).await;
        assert_eq!(shop.told("price_change.upcoming"), told);
        assert_eq!(billed_how(&shop, &ana).await.len(), 1);
        shop.ends_well().await;
    }
}

async fn k_27_a_lock_s_end_retried_within_paddle_s_lock_waits_a_period(kind: StoreKind) {
    let (at, times) = TRIED_AT_HALF_PAST;
    for (amount, text, told) in [(1_200, "12.00", 2), (800, "8.00", 0)] {
        let shop = shop(kind).await;
        let ana = holder(&shop, at).await;
        fails(&shop, times);
        follows(&shop, amount, &over(text)).await;
        until(&shop, LAST_MINUTE).await;
        assert_eq!(billed_how(&shop, &ana).await.len(), times + 1);
        assert_eq!(price(&shop, &ana).await, "pri_solo", "locked");
        until(&shop, RENEWED).await;
        renewed_as_before(&shop, &ana).await;
        // It needs nobody, and is announced anew.
        comes_with_the_next(&shop, &ana, amount).await;
        assert_eq!(shop.told("price_change.upcoming"), told);
        assert_eq!(waiting(&shop).await.len(), 2, "nothing more");
        shop.is_sound().await;
    }
}

async fn k_27_a_migration_within_paddle_s_lock_waits_a_period(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = holder(&shop, WITHIN).await;
    follows(&shop, 800, &beside("8.00")).await;
    assert_eq!(migrates(&shop).await, "2026-05-01T12:00:00Z");
    until(&shop, LAST_MINUTE).await;
    assert_eq!(
        billed_how(&shop, &ana).await,
        [""; 0],
        "nothing is tried in vain"
    );
    until(&shop, RENEWED).await;
    assert_eq!(held(&shop, &ana).await, is("solo-monthly", 2, 2_000));
    comes_with_the_next(&shop, &ana, 800).await;
    shop.ends_well().await;
}

async fn k_27_a_migration_retried_within_paddle_s_lock_is_taken_up_again(kind: StoreKind) {
    let (at, times) = TRIED_NEXT_DAY;
    let shop = shop(kind).await;
    let ana = holder(&shop, at).await;
    fails(&shop, times);
    follows(&shop, 800, &beside("8.00")).await;
    assert_eq!(migrates(&shop).await, "2026-04-01T12:00:00Z");
    until(&shop, LAST_MINUTE).await;
    assert_eq!(billed_how(&shop, &ana).await.len(), times + 1);
    assert_eq!(price(&shop, &ana).await, "pri_solo", "locked");
    until(&shop, RENEWED).await;
    renewed_as_before(&shop, &ana).await;
    assert_eq!(migrates(&shop).await, "2026-05-01T12:00:00Z");
    comes_with_the_next(&shop, &ana, 800).await;
    assert_eq!(waiting(&shop).await.len(), 2, "nothing more");
    shop.is_sound().await;
}
