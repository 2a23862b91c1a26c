//! Discount codes through Stripe's Checkout, cycle for cycle: what Stripe charges is what
//! was said beforehand, and it ends when it should.

use billing_testkit::fakes::stripe::{Card, Payment};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, Sold, days, session_of, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-21: a code for one cycle, for some and for all takes off what was said, at Stripe,
    /// for as many cycles.
    k_21_codes_at_stripe_hold_for_as_many_cycles;
}

/// How many cycles are looked at: one more than the longest code that ends.
const CYCLES: usize = 4;

/// USD 8 a month with each code, and what each cycle comes to.
fn codes() -> Vec<(Value, [i64; CYCLES])> {
    let off = json!({ "amount": 250, "currency": "usd" });
    vec![
        (
            json!({ "code": "ONCE", "basis_points": 5_000, "cycles": 1 }),
            [400, 800, 800, 800],
        ),
        (
            json!({ "code": "TWICE", "amount_off": off, "cycles": 2 }),
            [550, 550, 800, 800],
        ),
        (
            json!({ "code": "THRICE", "basis_points": 2_500, "cycles": 3 }),
            [600, 600, 600, 800],
        ),
        (
            json!({ "code": "ALWAYS", "basis_points": 1_000 }),
            [720, 720, 720, 720],
        ),
    ]
}

/// Somebody new buys with a code.
async fn buys(shop: &Shop, code: &str, first: i64) -> Sold {
    let customer = shop.customer(&format!("buyer of {code}")).await;
    let session = shop.session(&customer).await;
    let body = json!({ "price": "bosun-monthly", "code": code });
    let checkout = shop.post_as(&session, "/v1/checkouts", &body).await;
    let checkout = checkout.is(StatusCode::CREATED).json();
    let page = session_of(&checkout);
    let asks = shop.fake.object(&page).unwrap()["amount_total"].take();
    assert_eq!(asks, first, "{code}: what the page asks for");
    assert_eq!(shop.fake.pay(&page, Card::Good).unwrap(), Payment::Complete);
    shop.settle().await;
    let page = shop.fake.object(&page).unwrap();
    let text = |field: &str| page[field].as_str().unwrap().to_owned();
    let me = shop.me(&customer).await;
    Sold {
        id: me["subscriptions"][0]["id"].as_str().unwrap().to_owned(),
        customer,
        payer: text("customer"),
        subscription: text("subscription"),
        invoice: text("invoice"),
    }
}

/// What is foretold of the next cycles.
async fn foretold(shop: &Shop, held: &Sold, cycles: usize) -> Vec<i64> {
    let url = format!("/v1/subscriptions/{}/forecast?cycles={cycles}", held.id);
    let forecast = shop.read(&url).await;
    let entries = forecast["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["amount"]["amount"].as_i64().unwrap())
        .collect()
}

/// What was invoiced, oldest first; all of it is paid.
async fn paid(shop: &Shop, held: &Sold) -> Vec<i64> {
    let rows = held.invoices(shop).await.into_iter().map(|row| {
        assert_eq!(row["status"], "settled", "{row}");
        row["amount"]["amount"].as_i64().unwrap()
    });
    rows.collect()
}

async fn k_21_codes_at_stripe_hold_for_as_many_cycles(kind: StoreKind) {
    let shop = shop(kind).await;
    let mut sold = Vec::new();
    for (code, cycles) in codes() {
        let made = shop.operate("/v1/discount-codes", &code).await;
        made.is(StatusCode::CREATED);
        let name = code["code"].as_str().unwrap().to_owned();
        let held = buys(&shop, &name, cycles[0]).await;
        sold.push((name, held, cycles));
    }
    for cycle in 1..=CYCLES {
        for (code, held, cycles) in &sold {
            let (past, to_come) = cycles.split_at(cycle);
            assert_eq!(paid(&shop, held).await, past, "{code}");
            let account = shop.fake.books().of(&held.payer);
            let all: i64 = past.iter().sum();
            let times = u64::try_from(cycle).unwrap();
            assert_eq!(
                (account.charges, account.charged["usd"]),
                (times, all),
                "{code}"
            );
            if !to_come.is_empty() {
                assert_eq!(
                    foretold(&shop, held, to_come.len()).await,
                    to_come,
                    "{code}"
                );
            }
        }
        if cycle < CYCLES {
            // To the renewal of the longest month, and the hour in which it is a draft.
            shop.pass(days(31) + SignedDuration::from_hours(1)).await;
        }
    }
    shop.ends_well().await;
}
