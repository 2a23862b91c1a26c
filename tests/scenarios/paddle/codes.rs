//! Discount codes through Paddle's checkout: those that are taken off once, and by the
//! transaction alone. What Paddle charges is what was said beforehand.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Unit};
use billing_testkit::fakes::paddle::{Card, PriceSeed};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::offers::tried;
use super::shop::{
    Shop, accepted, at_paddle, days, id, invoices, only, opened, pays, plan_of, quoted, shop,
    transaction_of,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-21: a code for one cycle, and one on what is paid once, are taken off at Paddle,
    /// and nothing after that.
    k_21_a_code_at_paddle_is_taken_off_once;
    /// K-21: what would stay with Paddle's subscription, what a trial would use up, and
    /// what leaves nothing to pay at its page is refused before it is asked.
    k_21_a_code_that_paddle_cannot_take_is_refused;
    /// K-21, G-03: another plan costs what was quoted, and its whole price from then on.
    k_21_another_plan_at_paddle_is_without_the_code;
}

async fn coded(shop: &Shop, body: &Value) -> String {
    let made = shop.operate("/v1/discount-codes", body).await;
    made.is(StatusCode::CREATED);
    body["code"].as_str().unwrap().to_owned()
}

/// Somebody new buys with a code; the page asks for `first`.
async fn buys(shop: &Shop, who: &str, price: &str, code: &str, first: i64) -> String {
    let customer = shop.customer(who).await;
    let asked = json!({ "price": price, "code": code });
    let checkout = opened(shop, &customer, &asked).await;
    let made = shop.fake.world().transactions[&transaction_of(&checkout)].clone();
    assert_eq!(made.grand_total(), first, "{code}: what the page asks for");
    pays(shop, &checkout, Card::Pays);
    shop.settle().await;
    customer
}

/// What was charged, oldest first, by our books; by Paddle's it is as much.
async fn booked(shop: &Shop, customer: &str) -> Vec<i64> {
    let mut seen = invoices(shop, customer).await;
    seen.reverse();
    let booked = seen.into_iter().map(|(_, status, amount)| {
        assert_eq!(status, "settled");
        amount
    });
    booked.collect()
}

/// What everybody was charged by Paddle.
fn charged_in_all(shop: &Shop) -> i64 {
    let books = shop.fake.books();
    let accounts = books.customers.values();
    let all = accounts.flat_map(|account| account.charged.values());
    all.sum()
}

/// What is foretold of the next two cycles.
async fn foretold(shop: &Shop, customer: &str) -> Vec<i64> {
    let held = only(shop, customer).await;
    let url = format!("/v1/subscriptions/{}/forecast?cycles=2", id(&held));
    let forecast = shop.read(&url).await;
    let entries = forecast["entries"].as_array().unwrap().iter();
    let amounts = entries.map(|entry| entry["amount"]["amount"].as_i64().unwrap());
    amounts.collect()
}

fn loses_discount(quote: &Value) -> bool {
    let lost = quote["loses"].as_array().unwrap();
    lost.iter().any(|loss| loss["kind"] == "discount")
}

async fn k_21_a_code_at_paddle_is_taken_off_once(kind: StoreKind) {
    let shop = shop(kind).await;
    let half = json!({ "code": "HALF", "basis_points": 5_000, "cycles": 1 });
    let half = coded(&shop, &half).await;
    let price = json!({ "amount": 750, "currency": "usd" });
    let price = json!({ "code": "PRICED", "set_price": price, "cycles": 1 });
    let priced = coded(&shop, &price).await;
    let tenth = coded(&shop, &json!({ "code": "TENTH", "basis_points": 1_000 })).await;
    let ana = buys(&shop, "ana", "solo-monthly", &half, 500).await;
    let ben = buys(&shop, "ben", "solo-monthly", &priced, 750).await;
    let cyd = buys(&shop, "cyd", "lifetime-once", &tenth, 8_910).await;
    for (who, first) in [(&ana, 500), (&ben, 750)] {
        assert_eq!(booked(&shop, who).await, [first]);
        assert_eq!(foretold(&shop, who).await, [1_000, 1_000]);
    }
    assert_eq!(booked(&shop, &cyd).await, [8_910]);
    assert_eq!(charged_in_all(&shop), 500 + 750 + 8_910);
    for row in shop.rows("/v1/discount-codes").await {
        assert_eq!((&row["used"], &row["reserved"]), (&json!(1), &json!(0)));
    }
    assert!(at_paddle(&shop).iter().all(|held| held.discount.is_none()));
    shop.pass(days(32)).await;
    assert_eq!(booked(&shop, &ana).await, [500, 1_000]);
    assert_eq!(booked(&shop, &ben).await, [750, 1_000]);
    assert_eq!(charged_in_all(&shop), 500 + 750 + 8_910 + 2_000);
    shop.ends_well().await;
}

async fn k_21_a_code_that_paddle_cannot_take_is_refused(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.sell(&PriceSeed {
        trial: Some(Interval::new(Unit::Day, 14).unwrap()),
        ..PriceSeed::new("pri_studio", 2_000, Currency::USD, Some(Interval::MONTH))
    });
    shop.apply(&tried()).await.is(StatusCode::OK);
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    let all = json!({ "amount": 1_000, "currency": "usd" });
    let twice = json!({ "code": "TWICE", "basis_points": 5_000, "cycles": 2, "max_uses": 1 });
    let once = json!({ "code": "ONCE", "basis_points": 5_000, "cycles": 1, "max_uses": 1 });
    let gratis = json!({ "code": "GRATIS", "amount_off": all, "cycles": 1 });
    for body in [&twice, &once, &gratis] {
        coded(&shop, body).await;
    }
    shop.fake.requests().clear();
    for (price, code) in [
        ("solo-monthly", "twice"),
        ("studio-monthly", "once"),
        ("solo-monthly", "gratis"),
    ] {
        let asked = json!({ "price": price, "code": code });
        let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
        refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "code_not_taken");
    }
    assert!(shop.fake.requests().all().is_empty(), "Paddle is not asked");
    for code in shop.rows("/v1/discount-codes").await {
        assert_eq!((&code["used"], &code["reserved"]), (&json!(0), &json!(0)));
    }
    // Its only use is still there.
    buys(&shop, "ben", "solo-monthly", "ONCE", 500).await;
    shop.ends_well().await;
}

async fn k_21_another_plan_at_paddle_is_without_the_code(kind: StoreKind) {
    let shop = shop(kind).await;
    let half = json!({ "code": "HALF", "basis_points": 5_000, "cycles": 1 });
    let half = coded(&shop, &half).await;
    // At once: what is left of the half that was paid is given back, and no more.
    let ana = buys(&shop, "ana", "solo-monthly", &half, 500).await;
    let ben = buys(&shop, "ben", "team-monthly", &half, 1_500).await;
    shop.pass(days(10)).await;
    let quote = quoted(&shop, &ana, &json!({ "price": "team-monthly" })).await;
    assert!(loses_discount(&quote), "{quote}");
    assert_eq!(quote["next_charge"]["amount"]["amount"], 3_000);
    let owed = quote["owed_now"]["amount"].as_i64().unwrap();
    assert!((owed - 2_500 * 21 / 31).abs() <= 15, "{owed}");
    accepted(&shop, &ana, &quote).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(booked(&shop, &ana).await, [500, owed], "as quoted");
    assert_eq!(foretold(&shop, &ana).await, [3_000, 3_000]);
    // With the next period.
    let quote = quoted(&shop, &ben, &json!({ "price": "solo-monthly" })).await;
    assert!(loses_discount(&quote), "{quote}");
    assert_eq!(quote["next_charge"]["amount"]["amount"], 1_000);
    accepted(&shop, &ben, &quote).await;
    shop.settle().await;
    assert_eq!(foretold(&shop, &ben).await, [1_000, 1_000]);
    shop.pass(days(22)).await;
    assert_eq!(booked(&shop, &ana).await, [500, owed, 3_000]);
    assert_eq!(booked(&shop, &ben).await, [1_500, 1_000]);
    shop.ends_well().await;
}
