//! The tiers of one plan file, sold by Stripe's prices: what a file gives, who is a
//! newcomer and who a plankowner, and what is bought for life.

use billing_domain::money::Currency;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    PLANS, Shop, bought, dashboard, days, opened, pays, plan_of, session_of, shop, sold,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-02: each tier of the file is sold by the price of Stripe's that it names, and
    /// gives the quota that it says; a tier without a price is not Stripe's to sell.
    s_02_each_tier_is_sold_by_its_price_at_stripe;
    /// S-02: a file with mistakes changes nothing of what Stripe sells.
    s_02_a_mistake_changes_nothing_that_stripe_sells;
    /// S-03: newcomers and plankowners have their plans, and Stripe hears of neither.
    s_03_newcomers_and_plankowners_before_stripe;
    /// S-04: anybody sees the tiers; a customer its own subscription of Stripe's too.
    s_04_ones_own_subscription_of_stripe_s;
    /// S-08: the granted tier is not sold by Stripe, a higher one is, and the grant is
    /// what is left at its end.
    s_08_a_plankowner_buys_higher_at_stripe;
    /// S-08: a plankowner who buys a tier for life holds it for life, and the grant besides.
    s_08_a_plankowner_buys_for_life_at_stripe;
    /// W-11: bought once at Stripe, held for ever.
    w_11_bought_once_at_stripe;
    /// K-03: Stripe takes no difference of what was bought once; that is said before
    /// anything is ordered, and the higher tier can be bought.
    k_03_a_higher_tier_for_life_is_bought_anew_at_stripe;
}

/// The day before which whoever joined is a plankowner is the first of January 2026.
const EARLY: &str = "2025-12-31T23:59:59Z";
const LATE: &str = "2026-01-01T00:00:00Z";

const GB: u64 = 1_000_000_000;

/// Somebody who joined then; the customer's id.
async fn joined(shop: &Shop, who: &str, at: &str) -> String {
    let asked = json!({ "external_ref": who, "joined_at": at });
    let made = shop.operate("/v1/customers", &asked).await;
    let made = made.is(StatusCode::CREATED).json();
    made["id"].as_str().unwrap().to_owned()
}

/// How much the customer may store.
async fn quota(shop: &Shop, customer: &str) -> u64 {
    let url = format!("/v1/customers/{customer}/check/storage");
    let said = shop.read(&url).await;
    said["limit"].as_u64().unwrap()
}

/// Refuses the customer a checkout of `price` for this reason; Stripe opens no page.
async fn not_sold(shop: &Shop, customer: &str, body: &Value, status: StatusCode, code: &str) {
    let pages = shop.fake.books().count("checkout.session");
    let session = shop.session(customer).await;
    let asked = shop.post_as(&session, "/v1/checkouts", body).await;
    asked.refused(status, code);
    shop.settle().await;
    assert_eq!(shop.fake.books().count("checkout.session"), pages);
}

/// What is sold at the page of a checkout: the price of Stripe's, and for how much.
async fn sold_at(shop: &Shop, checkout: &Value) -> (String, i64) {
    let path = format!("checkout/sessions/{}/line_items", session_of(checkout));
    let lines = dashboard(&shop.fake, "GET", &path, &[]).await;
    let [line] = lines["data"].as_array().unwrap().as_slice() else {
        panic!("not one line: {lines}");
    };
    let price = line["price"]["id"].as_str().unwrap().to_owned();
    (price, line["amount_total"].as_i64().unwrap())
}

/// How often the customer was charged at Stripe, and how much in all.
fn charged(shop: &Shop, payer: &str) -> (u64, i64) {
    let books = shop.fake.books();
    let account = books.of(payer);
    (account.charges, account.charged["usd"])
}

async fn s_02_each_tier_is_sold_by_its_price_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let plans = shop.get("/v1/plans").await.is(StatusCode::OK).json();
    let tiers: Vec<_> = plans["plans"].as_array().unwrap().iter().collect();
    let free: Vec<_> = tiers.iter().map(|tier| tier["free"].clone()).collect();
    assert_eq!(free, [true, false, false, false]);
    assert_eq!(tiers[1]["description"], "A locker of your own");

    for (price, there, amount, gives) in [
        ("deckhand-monthly", "price_deckhand", 300, 5 * GB),
        ("bosun-monthly", "price_bosun", 800, 50 * GB),
        ("bosun-yearly", "price_bosun_year", 8_000, 50 * GB),
        ("lifetime-once", "price_lifetime", 9_900, 20 * GB),
    ] {
        let who = shop.customer(price).await;
        assert_eq!(quota(&shop, &who).await, GB, "as a newcomer");
        let checkout = opened(&shop, &who, price).await;
        let wanted = (there.to_owned(), amount);
        assert_eq!(sold_at(&shop, &checkout).await, wanted, "{price}");
        pays(&shop, &checkout);
        shop.settle().await;
        assert_eq!(quota(&shop, &who).await, gives, "{price}");
    }

    // No price means free: it is given without a page, and a price of Stripe's is no
    // name of anything here.
    let ben = shop.customer("ben").await;
    let pages = shop.fake.books().count("checkout.session");
    let session = shop.session(&ben).await;
    let body = json!({ "plan": "free" });
    let given = shop.post_as(&session, "/v1/checkouts", &body).await;
    assert!(given.json()["url"].is_null(), "{}", given.text);
    assert_eq!(shop.fake.books().count("checkout.session"), pages);
    let body = json!({ "price": "price_bosun" });
    let refusal = (StatusCode::BAD_REQUEST, "invalid_request");
    not_sold(&shop, &ben, &body, refusal.0, refusal.1).await;
    shop.ends_well().await;
}

async fn s_02_a_mistake_changes_nothing_that_stripe_sells(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = sold(&shop, "ana", "deckhand-monthly").await;
    let before = shop.get("/v1/plans").await.is(StatusCode::OK).json();
    let wrong = PLANS
        .replace("storage: 5GB", "storage: 500 gigs")
        .replace("stripe: price_deckhand", "stripe: prod_deckhand")
        .replace("amount: 8.00", "amount: 1.00");
    let refused = shop.apply(&wrong).await;
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    let line = |words: &str| {
        let at = wrong.lines().position(|line| line.contains(words)).unwrap();
        at + 1
    };
    let errors = refused.json()["errors"].take();
    for words in ["500 gigs", "prod_deckhand"] {
        let found = errors.as_array().unwrap().iter().any(|error| {
            error["line"] == line(words) && error["message"].as_str().unwrap().contains(words)
        });
        assert!(found, "nothing of {words}: {errors:#}");
    }
    let after = shop.get("/v1/plans").await.is(StatusCode::OK).json();
    assert_eq!(after, before);

    // What is held goes on, and what is sold is what was.
    let ben = shop.customer("ben").await;
    for (price, sells) in [
        ("deckhand-monthly", ("price_deckhand", 300)),
        ("bosun-monthly", ("price_bosun", 800)),
    ] {
        let checkout = opened(&shop, &ben, price).await;
        let (there, amount) = sold_at(&shop, &checkout).await;
        assert_eq!((there.as_str(), amount), sells);
    }
    shop.pass(days(32)).await;
    assert_eq!(quota(&shop, &ana.customer).await, 5 * GB);
    assert_eq!(charged(&shop, &ana.payer), (2, 600));
    shop.ends_well().await;
}

async fn s_03_newcomers_and_plankowners_before_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let asked = shop.fake.requests().all().len();
    let early = joined(&shop, "ana", EARLY).await;
    let late = joined(&shop, "ben", LATE).await;
    let named = joined(&shop, "olga", LATE).await;
    for (who, plan, gives) in [
        (&early, "deckhand", 5 * GB),
        (&late, "free", GB),
        (&named, "deckhand", 5 * GB),
    ] {
        assert_eq!(plan_of(&shop, who).await, plan);
        assert_eq!(quota(&shop, who).await, gives);
        let me = shop.me(who).await;
        assert_eq!(me["subscriptions"], json!([]), "a grant is none");
    }
    years_pass(&shop).await;
    assert_eq!(shop.told("grant.added"), 2);
    assert_eq!(plan_of(&shop, &early).await, "deckhand");
    assert_eq!(plan_of(&shop, &late).await, "free");
    // Who has paid nothing is nobody at Stripe.
    assert_eq!(shop.fake.requests().all().len(), asked);
    assert_eq!(shop.fake.books().count("customer"), 0);
    shop.ends_well().await;
}

async fn s_04_ones_own_subscription_of_stripe_s(kind: StoreKind) {
    let shop = shop(kind).await;
    let tiers = shop.get("/v1/plans").await.is(StatusCode::OK).json();
    let nobody = shop.get("/v1/me").await;
    nobody.refused(StatusCode::UNAUTHORIZED, "unauthorized");

    let ana = sold(&shop, "ana", "bosun-monthly").await;
    let ben = shop.customer("ben").await;
    let session = shop.session(&ana.customer).await;
    let me = shop.get_as(&session, "/v1/me").await.is(StatusCode::OK);
    let me = me.json();
    let [own] = me["subscriptions"].as_array().unwrap().as_slice() else {
        panic!("not one subscription: {me}");
    };
    assert_eq!(own["id"], ana.id);
    assert_eq!(own["plan"], "bosun");
    assert_eq!(own["price"], "bosun-monthly");
    assert_eq!(own["status"], "active");
    assert_eq!(own["paid_through"], "2026-02-15T12:00:00Z");
    assert_eq!(own["renews"], true);
    // Who is logged in sees the same tiers as anybody, and nothing of somebody else.
    let seen = shop.get_as(&session, "/v1/plans").await.is(StatusCode::OK);
    assert_eq!(seen.json(), tiers);
    let other = shop.me(&ben).await;
    assert_eq!(other["subscriptions"], json!([]));
    assert_eq!(other["access"]["plan"], "free");

    // What Stripe is told by its own portal is seen as well.
    shop.fake.cancel_in_portal(&ana.subscription).unwrap();
    shop.settle().await;
    let own = shop.me(&ana.customer).await["subscriptions"][0].take();
    assert_eq!(own["ends_at"], "2026-02-15T12:00:00Z");
    assert_eq!(own["renews"], false);
    shop.ends_well().await;
}

async fn s_08_a_plankowner_buys_higher_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = joined(&shop, "ana", EARLY).await;
    let granted = json!({ "price": "deckhand-monthly" });
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    not_sold(&shop, &ana, &granted, refused, "already_granted").await;
    assert_eq!(shop.fake.books().count("customer"), 0);

    // It is told what a higher tier would allow, and buys it.
    let wanted = format!("/v1/customers/{ana}/check/storage?amount={}", 6 * GB);
    let said = shop.read(&wanted).await;
    assert_eq!(said["allowed"], false);
    assert_eq!(said["plan_needed"], "bosun");
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    assert_eq!(quota(&shop, &ana).await, 50 * GB);
    let page = shop.fake.object(&session_of(&checkout)).unwrap();
    let payer = page["customer"].as_str().unwrap();

    // Down to what is granted there is nothing to pay for: it would be bought twice.
    not_sold(&shop, &ana, &granted, refused, "already_granted").await;
    let session = shop.session(&ana).await;
    let held = shop.me(&ana).await["subscriptions"][0].take();
    let id = held["id"].as_str().unwrap();
    let quotes = format!("/v1/me/subscriptions/{id}/quotes");
    let down = json!({ "price": "deckhand-monthly" });
    let quote = shop.post_as(&session, &quotes, &down).await;
    quote.refused(refused, "already_granted");

    // It goes back to the grant by canceling.
    let cancel = format!("/v1/me/subscriptions/{id}/cancel");
    let canceled = shop.post_as(&session, &cancel, &json!({})).await;
    canceled.is(StatusCode::OK);
    shop.pass_until("2026-02-15T11:59:59Z".parse().unwrap())
        .await;
    assert_eq!(quota(&shop, &ana).await, 50 * GB);
    shop.pass_until("2026-02-15T12:00:00Z".parse().unwrap())
        .await;
    assert_eq!(quota(&shop, &ana).await, 5 * GB);
    shop.pass(days(40)).await;
    let stands = shop.read(&format!("/v1/subscriptions/{id}")).await;
    assert_eq!(stands["status"], "canceled");
    assert_eq!(plan_of(&shop, &ana).await, "deckhand");
    assert_eq!(charged(&shop, payer), (1, 800));
    shop.ends_well().await;
}

/// The plans, with two tiers for life above the one that is granted.
fn for_life() -> String {
    let ranked = PLANS.replace("    name: Lifetime\n", "    name: Lifetime\n    rank: 15\n");
    let admiral = "  admiral:
    name: Admiral
    rank: 30
    entitlements: { storage: 500GB }
    prices:
      admiral-once: { amount: 250.00, interval: once, stripe: price_admiral }
";
    ranked + admiral
}

/// Years go by at once; what was to happen meanwhile is heard of at their end.
async fn years_pass(shop: &Shop) {
    shop.fake.advance(days(1_000));
    shop.pass(days(2)).await;
}

async fn s_08_a_plankowner_buys_for_life_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.apply(&for_life()).await.is(StatusCode::OK);
    let olga = shop.customer("olga").await;
    let checkout = opened(&shop, &olga, "lifetime-once").await;
    pays(&shop, &checkout);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &olga).await, "lifetime");
    assert_eq!(quota(&shop, &olga).await, 20 * GB);
    years_pass(&shop).await;
    assert_eq!(quota(&shop, &olga).await, 20 * GB);

    // Paid back, the grant is what is left of it, which has not ended meanwhile.
    let page = shop.fake.object(&session_of(&checkout)).unwrap();
    let payment = page["payment_intent"].as_str().unwrap();
    shop.fake.refund(payment, None).unwrap();
    shop.settle().await;
    assert_eq!(plan_of(&shop, &olga).await, "deckhand");
    assert_eq!(quota(&shop, &olga).await, 5 * GB);
    shop.ends_well().await;
}

async fn w_11_bought_once_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.apply(&for_life()).await.is(StatusCode::OK);
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, "lifetime-once").await;
    pays(&shop, &checkout);
    shop.settle().await;
    let page = shop.fake.object(&session_of(&checkout)).unwrap();
    assert_eq!(page["mode"], "payment");
    assert!(page["subscription"].is_null(), "nothing recurs at Stripe");
    let payer = page["customer"].as_str().unwrap().to_owned();

    years_pass(&shop).await;
    let held = shop.me(&ana).await["subscriptions"][0].take();
    assert_eq!(held["status"], "active");
    assert!(held["paid_through"].is_null(), "{held}");
    assert_eq!(held["renews"], false);
    assert_eq!(quota(&shop, &ana).await, 20 * GB);
    assert_eq!(charged(&shop, &payer), (1, 9_900));
    let invoices = shop.rows(&format!("/v1/invoices?customer={ana}")).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["purpose"], "one_time");
    for never in [
        "subscription.past_due",
        "subscription.renewed",
        "subscription.lapsed",
    ] {
        assert_eq!(shop.told(never), 0, "{never}");
    }
    let cancel = format!("/v1/subscriptions/{}/cancel", held["id"].as_str().unwrap());
    let canceled = shop
        .operate(&cancel, &json!({ "when": "period_end" }))
        .await;
    assert_eq!(canceled.is(StatusCode::OK).json()["already"], true);
    assert_eq!(plan_of(&shop, &ana).await, "lifetime");
    shop.ends_well().await;
}

async fn k_03_a_higher_tier_for_life_is_bought_anew_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake
        .price("price_admiral", "prod_admiral", 25_000, Currency::USD, None);
    shop.apply(&for_life()).await.is(StatusCode::OK);
    let ana = bought(&shop, "ana", "lifetime-once").await;
    let held = shop.me(&ana).await["subscriptions"][0].take();
    let id = held["id"].as_str().unwrap();
    let asked = shop.fake.requests().all().len();

    let session = shop.session(&ana).await;
    let quotes = format!("/v1/me/subscriptions/{id}/quotes");
    let up = json!({ "plan": "admiral" });
    let quote = shop.post_as(&session, &quotes, &up).await;
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    quote.refused(refused, "difference_not_taken");
    let listed = format!("/v1/me/subscriptions/{id}/changes");
    let listed = shop.get_as(&session, &listed).await.is(StatusCode::OK);
    assert!(!listed.text.contains("admiral"), "{}", listed.text);
    let force = format!("/v1/subscriptions/{id}/change-plan");
    let collected = json!({ "plan": "admiral", "collect": "invoice", "reason": "asked for" });
    let forced = shop.operate(&force, &collected).await;
    forced.refused(refused, "difference_not_taken");
    shop.settle().await;
    assert_eq!(
        shop.fake.requests().all().len(),
        asked,
        "Stripe is not asked"
    );
    assert_eq!(shop.me(&ana).await["open_invoices"], json!([]));

    // An operator gives it, or it is bought on its own.
    let ben = bought(&shop, "ben", "lifetime-once").await;
    let given = shop.me(&ben).await["subscriptions"][0]["id"].take();
    let force = format!("/v1/subscriptions/{}/change-plan", given.as_str().unwrap());
    let free = json!({ "plan": "admiral", "collect": "none", "reason": "a present" });
    shop.operate(&force, &free).await.is(StatusCode::OK);
    let checkout = opened(&shop, &ana, "admiral-once").await;
    pays(&shop, &checkout);
    shop.settle().await;
    for who in [&ana, &ben] {
        assert_eq!(plan_of(&shop, who).await, "admiral");
        assert_eq!(quota(&shop, who).await, 500 * GB);
    }
    shop.ends_well().await;
}
