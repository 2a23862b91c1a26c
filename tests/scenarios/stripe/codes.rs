//! Discount codes through Stripe's Checkout, cycle for cycle: what Stripe charges is what
//! was said beforehand, and it ends when it should.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Unit};
use billing_testkit::fakes::stripe::{Card, FakeOptions, Payment};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, Sold, account, days, options, session_of, with};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-21: a code for one cycle, for some and for all takes off what was said, at Stripe,
    /// for as many cycles.
    k_21_codes_at_stripe_hold_for_as_many_cycles;
    /// K-21: sold on a day that not every month has, too.
    k_21_codes_at_stripe_from_the_end_of_a_short_month;
    /// K-21: it holds from the end of a trial on.
    k_21_a_code_at_stripe_holds_from_the_end_of_a_trial;
    /// K-21: it ends when it should, though what was told of its first months was lost.
    k_21_a_code_at_stripe_ends_in_time_though_its_first_months_were_lost;
    /// K-21: it is taken off what is paid once.
    k_21_a_code_at_stripe_is_taken_off_what_is_paid_once;
    /// K-21: what Stripe has no words for is refused before it is asked, and no use is lost.
    k_21_a_code_that_stripe_cannot_say_is_refused;
    /// K-21, G-02: a change to another plan at once ends it there, as the quote says.
    k_21_another_plan_ends_a_code_at_stripe;
    /// K-21, G-02: with the next period alike, and taken back it goes on.
    k_21_another_plan_to_come_ends_a_code_at_stripe_with_it;
    /// K-21, H-10: more of the same keep it.
    k_21_more_seats_keep_a_code_at_stripe;
}

const PLANS: &str = r#"
currency: usd
product: "Cellar Storage"
features:
  seats: { kind: count, name: "Seats" }
plans:
  deckhand:
    name: Deckhand
    rank: 10
    prices:
      deckhand-monthly: { amount: 3.00, interval: month, stripe: price_deckhand }
  bosun:
    name: Bosun
    rank: 20
    grace: 7d
    prices:
      bosun-monthly: { amount: 8.00, interval: month, stripe: price_bosun }
      bosun-yearly:  { amount: 80.00, interval: year, stripe: price_bosun_year }
      bosun-weekly:  { amount: 2.50, interval: week, stripe: price_bosun_week }
  mate:
    name: Mate
    rank: 30
    trial: 14d
    prices:
      mate-monthly: { amount: 8.00, interval: month, stripe: price_mate }
  pilot:
    name: Pilot
    rank: 40
    trial: 45d
    prices:
      pilot-monthly: { amount: 8.00, interval: month, stripe: price_pilot }
  crew:
    name: Crew
    quantity: { feature: seats, min: 2, max: 20 }
    prices:
      crew-monthly: { amount: 7.00, interval: month, stripe: price_crew }
  lifetime:
    name: Lifetime
    prices:
      lifetime-once: { amount: 99.00, interval: once, stripe: price_lifetime }
"#;

/// How many cycles are looked at: one more than the longest code that ends.
const CYCLES: usize = 4;

async fn cellar(kind: StoreKind) -> Shop {
    let fake = account(FakeOptions::default()).await;
    let week = Some(Interval::new(Unit::Week, 1).unwrap());
    let month = Some(Interval::MONTH);
    fake.price("price_bosun_week", "prod_bosun", 250, Currency::USD, week);
    fake.price("price_mate", "prod_mate", 800, Currency::USD, month);
    fake.price("price_pilot", "prod_pilot", 800, Currency::USD, month);
    fake.price("price_crew", "prod_crew", 700, Currency::USD, month);
    let options = options(&fake, "cellar");
    with(kind.fresh().await, fake, options, PLANS).await
}

async fn code(shop: &Shop, body: &Value) -> String {
    let made = shop.operate("/v1/discount-codes", body).await;
    made.is(StatusCode::CREATED);
    body["code"].as_str().unwrap().to_owned()
}

/// How often a code was used, and how many uses of it are reserved.
async fn uses(shop: &Shop, code: &str) -> (Value, Value) {
    let rows = shop.rows("/v1/discount-codes?limit=100").await;
    let row = rows.into_iter().find(|row| row["code"] == code).unwrap();
    (row["used"].clone(), row["reserved"].clone())
}

/// Somebody new buys what is asked for; the page asks for `first`.
async fn buys(shop: &Shop, who: &str, ask: &Value, first: i64) -> Sold {
    let customer = shop.customer(who).await;
    let session = shop.session(&customer).await;
    let checkout = shop.post_as(&session, "/v1/checkouts", ask).await;
    let checkout = checkout.is(StatusCode::CREATED).json();
    let page = session_of(&checkout);
    let asks = shop.fake.object(&page).unwrap()["amount_total"].take();
    assert_eq!(asks, first, "{ask}: what the page asks for");
    assert_eq!(shop.fake.pay(&page, Card::Good).unwrap(), Payment::Complete);
    shop.settle().await;
    let page = shop.fake.object(&page).unwrap();
    let text = |field: &str| page[field].as_str().unwrap_or_default().to_owned();
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

/// What was charged, oldest first, by our books; by Stripe's it is as much.
async fn paid(shop: &Shop, held: &Sold) -> Vec<i64> {
    let rows = held.invoices(shop).await.into_iter().map(|row| {
        assert_eq!(row["status"], "settled", "{row}");
        row["amount"]["amount"].as_i64().unwrap()
    });
    let paid: Vec<i64> = rows.filter(|amount| *amount > 0).collect();
    let account = shop.fake.books().of(&held.payer);
    let all = account.charged.get("usd").copied().unwrap_or_default();
    let times = usize::try_from(account.charges).unwrap();
    assert_eq!((times, all), (paid.len(), paid.iter().sum()), "{paid:?}");
    paid
}

/// To the renewal of the longest month, and the hour in which it is a draft.
async fn next_month(shop: &Shop) {
    shop.pass(days(31) + SignedDuration::from_hours(1)).await;
}

/// What Stripe takes off the subscription by now.
fn taken_off(shop: &Shop, held: &Sold) -> usize {
    held.there(shop)["discounts"].as_array().unwrap().len()
}

/// USD 8 a month with each code, and what each cycle comes to.
fn codes() -> Vec<(Value, [i64; CYCLES])> {
    let off = json!({ "amount": 250, "currency": "usd" });
    let price = json!({ "amount": 650, "currency": "usd" });
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
        (
            json!({ "code": "PRICED", "set_price": price, "cycles": 2 }),
            [650, 650, 800, 800],
        ),
        (
            json!({ "code": "GRATIS", "basis_points": 10_000, "cycles": 1 }),
            [0, 800, 800, 800],
        ),
    ]
}

async fn k_21_codes_at_stripe_hold_for_as_many_cycles(kind: StoreKind) {
    let shop = cellar(kind).await;
    each_holds(&shop).await;
}

async fn k_21_codes_at_stripe_from_the_end_of_a_short_month(kind: StoreKind) {
    let shop = cellar(kind).await;
    let now = shop.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let year = if now.month() == 1 {
        now.year()
    } else {
        now.year() + 1
    };
    let day = jiff::civil::date(year, 1, 30).at(10, 0, 0, 0);
    let day = day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    shop.pass_until(day).await;
    each_holds(&shop).await;
}

async fn each_holds(shop: &Shop) {
    let mut sold = Vec::new();
    for (body, cycles) in codes() {
        let name = code(shop, &body).await;
        let ask = json!({ "price": "bosun-monthly", "code": name });
        let held = buys(shop, &format!("buyer of {name}"), &ask, cycles[0]).await;
        assert_eq!(uses(shop, &name).await, (json!(1), json!(0)));
        sold.push((name, held, cycles));
    }
    for cycle in 1..=CYCLES {
        for (name, held, cycles) in &sold {
            let (past, to_come) = cycles.split_at(cycle);
            let charged: Vec<i64> = past.iter().copied().filter(|it| *it > 0).collect();
            assert_eq!(paid(shop, held).await, charged, "{name}");
            assert_eq!(held.status(shop).await, "active");
            if !to_come.is_empty() {
                let told = foretold(shop, held, to_come.len()).await;
                assert_eq!(told, to_come, "{name} after {cycle}");
            }
        }
        if cycle < CYCLES {
            next_month(shop).await;
        }
    }
    shop.ends_well().await;
}

async fn k_21_a_code_at_stripe_holds_from_the_end_of_a_trial(kind: StoreKind) {
    let shop = cellar(kind).await;
    let bodies = codes();
    let mut sold = Vec::new();
    for (body, cycles) in bodies {
        let name = code(&shop, &body).await;
        let ask = json!({ "price": "mate-monthly", "code": name });
        let held = buys(&shop, &format!("buyer of {name}"), &ask, 0).await;
        assert_eq!(held.status(&shop).await, "trialing");
        assert_eq!(foretold(&shop, &held, CYCLES).await, cycles, "{name}");
        sold.push((name, held, cycles));
    }
    shop.pass(days(14) + SignedDuration::from_hours(2)).await;
    for cycle in 1..=CYCLES {
        for (name, held, cycles) in &sold {
            let (past, to_come) = cycles.split_at(cycle);
            let charged: Vec<i64> = past.iter().copied().filter(|it| *it > 0).collect();
            assert_eq!(paid(&shop, held).await, charged, "{name}");
            if !to_come.is_empty() {
                let told = foretold(&shop, held, to_come.len()).await;
                assert_eq!(told, to_come, "{name} after {cycle}");
            }
        }
        if cycle < CYCLES {
            next_month(&shop).await;
        }
    }
    shop.ends_well().await;
}

async fn k_21_a_code_at_stripe_ends_in_time_though_its_first_months_were_lost(kind: StoreKind) {
    let two_months = days(62) + SignedDuration::from_hours(2);
    for (price, trial) in [("bosun-monthly", days(0)), ("mate-monthly", days(14))] {
        for (cycles, to_come) in [(3, [800, 800]), (4, [600, 800])] {
            let shop = cellar(kind).await;
            let body = json!({ "code": "SOME", "basis_points": 2_500, "cycles": cycles });
            let ask = json!({ "price": price, "code": code(&shop, &body).await });
            let ana = shop.customer("ana").await;
            let session = shop.session(&ana).await;
            let checkout = shop.post_as(&session, "/v1/checkouts", &ask).await;
            let page = session_of(&checkout.is(StatusCode::CREATED).json());
            assert_eq!(shop.fake.pay(&page, Card::Good).unwrap(), Payment::Complete);
            shop.fake.advance(trial + days(40));
            assert!(!shop.fake.deliveries().take().is_empty(), "it was told");
            // The third cycle is the first that is heard of.
            shop.fake.advance(two_months - days(40));
            shop.settle().await;
            let me = shop.me(&ana).await;
            let held = &me["subscriptions"][0];
            assert_eq!(held["status"], "active", "{price}: {me}");
            let id = held["id"].as_str().unwrap();
            let url = format!("/v1/subscriptions/{id}/forecast?cycles=2");
            let forecast = shop.read(&url).await;
            let entries = forecast["entries"].as_array().unwrap().iter();
            let amounts: Vec<_> = entries.map(|it| it["amount"]["amount"].clone()).collect();
            assert_eq!(amounts, to_come, "{price}: {forecast}");
            shop.is_sound().await;
        }
    }
}

async fn k_21_a_code_at_stripe_is_taken_off_what_is_paid_once(kind: StoreKind) {
    let shop = cellar(kind).await;
    for (body, owed) in [
        (json!({ "code": "TENTH", "basis_points": 1_000 }), 8_910),
        (
            json!({ "code": "OFF", "amount_off": { "amount": 950, "currency": "usd" }, "cycles": 1 }),
            8_950,
        ),
    ] {
        let name = code(&shop, &body).await;
        let ask = json!({ "price": "lifetime-once", "code": name });
        let held = buys(&shop, &name, &ask, owed).await;
        assert_eq!(paid(&shop, &held).await, [owed]);
        assert_eq!(held.status(&shop).await, "active");
        assert_eq!(uses(&shop, &name).await, (json!(1), json!(0)));
    }
    shop.ends_well().await;
}

async fn k_21_a_code_that_stripe_cannot_say_is_refused(kind: StoreKind) {
    let shop = cellar(kind).await;
    let price = json!({ "amount": 500, "currency": "usd" });
    let twice = code(
        &shop,
        &json!({ "code": "TWICE", "basis_points": 5_000, "cycles": 2, "max_uses": 1 }),
    )
    .await;
    let priced = code(&shop, &json!({ "code": "PRICED", "set_price": price })).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    shop.fake.requests().clear();
    // Cycles that are no months, months that are over before them, and pieces to come.
    for (price, code) in [
        ("bosun-weekly", &twice),
        ("pilot-monthly", &twice),
        ("crew-monthly", &priced),
    ] {
        let ask = json!({ "price": price, "code": code });
        let refused = shop.post_as(&session, "/v1/checkouts", &ask).await;
        refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "code_not_taken");
        assert_eq!(uses(&shop, code).await, (json!(0), json!(0)));
    }
    assert!(shop.fake.requests().all().is_empty(), "Stripe is not asked");
    // Its only use is still there.
    let ask = json!({ "price": "bosun-monthly", "code": twice });
    buys(&shop, "ben", &ask, 400).await;
    assert_eq!(uses(&shop, &twice).await, (json!(1), json!(0)));
    // One week is one that Stripe can say.
    let once = json!({ "code": "ONCE", "basis_points": 2_000, "cycles": 1 });
    let once = code(&shop, &once).await;
    let ask = json!({ "price": "bosun-weekly", "code": once });
    let held = buys(&shop, "cyd", &ask, 200).await;
    assert_eq!(foretold(&shop, &held, 2).await, [250, 250]);
    shop.pass(days(7) + SignedDuration::from_hours(2)).await;
    assert_eq!(paid(&shop, &held).await, [200, 250]);
    shop.ends_well().await;
}

/// A quote for what is asked.
async fn quoted(shop: &Shop, held: &Sold, ask: &Value) -> Value {
    let session = shop.session(&held.customer).await;
    let url = format!("/v1/me/subscriptions/{}/quotes", held.id);
    let quote = shop.post_as(&session, &url, ask).await;
    quote.is(StatusCode::CREATED).json()
}

/// Accepts a quote: the change.
async fn accepts(shop: &Shop, held: &Sold, quote: &Value) -> Value {
    let session = shop.session(&held.customer).await;
    let url = format!("/v1/me/quotes/{}/accept", quote["id"].as_str().unwrap());
    let accepted = shop.post_as(&session, &url, &json!({})).await;
    assert!(accepted.status.is_success(), "{}", accepted.text);
    shop.settle().await;
    accepted.json()
}

fn loses_discount(quote: &Value) -> bool {
    let lost = quote["loses"].as_array().unwrap();
    lost.iter().any(|loss| loss["kind"] == "discount")
}

async fn k_21_another_plan_ends_a_code_at_stripe(kind: StoreKind) {
    let shop = cellar(kind).await;
    let always = code(&shop, &json!({ "code": "ALWAYS", "basis_points": 1_000 })).await;
    // One goes on by the month, and one begins a year with it.
    for (who, price, worth) in [
        ("ana", "bosun-monthly", 800),
        ("ben", "bosun-yearly", 8_000),
    ] {
        let ask = json!({ "price": "deckhand-monthly", "code": always });
        let held = buys(&shop, who, &ask, 270).await;
        shop.pass(days(10)).await;
        let quote = quoted(&shop, &held, &json!({ "price": price })).await;
        assert!(loses_discount(&quote), "{quote}");
        assert_eq!(quote["next_charge"]["amount"]["amount"], worth);
        let owed = quote["owed_now"]["amount"].as_i64().unwrap();
        // What is given back was paid with the discount, what begins is without.
        let left = |full: i64| full * 21 / 31;
        let begins = if worth == 800 { left(800) } else { worth };
        assert!((owed - (begins - left(270))).abs() <= 15, "{owed}");
        accepts(&shop, &held, &quote).await;
        assert_eq!(taken_off(&shop, &held), 0);
        assert_eq!(held.plan(&shop).await, "bosun");
        assert_eq!(paid(&shop, &held).await, [270, owed], "as quoted");
        assert_eq!(foretold(&shop, &held, 2).await, [worth, worth]);
        if worth == 800 {
            shop.pass(days(22)).await;
            assert_eq!(paid(&shop, &held).await, [270, owed, 800]);
        }
    }
    shop.ends_well().await;
}

async fn k_21_another_plan_to_come_ends_a_code_at_stripe_with_it(kind: StoreKind) {
    let shop = cellar(kind).await;
    let always = code(&shop, &json!({ "code": "ALWAYS", "basis_points": 1_000 })).await;
    let ask = json!({ "price": "bosun-monthly", "code": always });
    let held = buys(&shop, "ana", &ask, 720).await;
    shop.pass(days(5)).await;
    let down = json!({ "price": "deckhand-monthly" });
    let quote = quoted(&shop, &held, &down).await;
    assert!(loses_discount(&quote), "{quote}");
    assert_eq!(quote["next_charge"]["amount"]["amount"], 300);
    // Taken back, it goes on.
    let change = accepts(&shop, &held, &quote).await;
    assert!(held.there(&shop)["schedule"].is_string());
    assert_eq!(foretold(&shop, &held, 2).await, [300, 300]);
    let session = shop.session(&held.customer).await;
    let url = format!("/v1/me/changes/{}", change["id"].as_str().unwrap());
    let back = shop.delete_as(&session, &url).await;
    back.is(StatusCode::NO_CONTENT);
    shop.settle().await;
    assert!(held.there(&shop)["schedule"].is_null());
    assert_eq!(taken_off(&shop, &held), 1);
    assert_eq!(foretold(&shop, &held, 2).await, [720, 720]);
    next_month(&shop).await;
    assert_eq!(paid(&shop, &held).await, [720, 720]);
    // Not taken back, it ends with the period that is paid.
    let quote = quoted(&shop, &held, &down).await;
    accepts(&shop, &held, &quote).await;
    assert_eq!(taken_off(&shop, &held), 1);
    next_month(&shop).await;
    assert_eq!(held.plan(&shop).await, "deckhand");
    assert_eq!(taken_off(&shop, &held), 0);
    assert_eq!(paid(&shop, &held).await, [720, 720, 300]);
    next_month(&shop).await;
    assert_eq!(paid(&shop, &held).await, [720, 720, 300, 300]);
    shop.ends_well().await;
}

async fn k_21_more_seats_keep_a_code_at_stripe(kind: StoreKind) {
    let shop = cellar(kind).await;
    let twice = json!({ "code": "TWICE", "basis_points": 2_000, "cycles": 2 });
    let twice = code(&shop, &twice).await;
    let ask = json!({ "price": "crew-monthly", "quantity": 5, "code": twice });
    let held = buys(&shop, "ana", &ask, 2_800).await;
    shop.pass(days(10)).await;
    let quote = quoted(&shop, &held, &json!({ "quantity": 10 })).await;
    assert!(!loses_discount(&quote), "{quote}");
    assert_eq!(quote["next_charge"]["amount"]["amount"], 5_600);
    let owed = quote["owed_now"]["amount"].as_i64().unwrap();
    assert!((owed - 2_800 * 21 / 31).abs() <= 60, "{owed}");
    accepts(&shop, &held, &quote).await;
    assert_eq!(taken_off(&shop, &held), 1);
    assert_eq!(foretold(&shop, &held, 2).await, [5_600, 7_000]);
    shop.pass(days(22)).await;
    assert_eq!(paid(&shop, &held).await, [2_800, owed, 5_600]);
    // Fewer of them come with the next period, when it is over.
    let quote = quoted(&shop, &held, &json!({ "quantity": 2 })).await;
    assert_eq!(quote["next_charge"]["amount"]["amount"], 1_400, "{quote}");
    accepts(&shop, &held, &quote).await;
    assert_eq!(foretold(&shop, &held, 2).await, [1_400, 1_400]);
    next_month(&shop).await;
    assert_eq!(paid(&shop, &held).await, [2_800, owed, 5_600, 1_400]);
    shop.ends_well().await;
}
