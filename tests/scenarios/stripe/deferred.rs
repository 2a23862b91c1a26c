//! What is to come with the next period at Stripe, and what may not make it go.

use billing_stripe::PauseStyle;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::Card;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::lifecycle::pausing;
use super::shop::{Shop, Sold, dashboard, days, shop, sold};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-02: a downgrade that waits at Stripe outlives an upgrade that is declined.
    g_02_a_declined_upgrade_keeps_the_downgrade;
    /// G-02: it outlives a cancellation that is taken back there as well.
    g_02_a_cancellation_taken_back_keeps_the_downgrade;
    /// G-02: it is taken back here, and what waited for the period's end still does.
    g_02_a_cancellation_is_taken_back_at_stripe;
    /// G-02: so is one that the portal made, by a date.
    g_02_a_cancellation_in_stripe_s_portal_is_taken_back_here;
    /// G-02: one that Stripe refuses stands all the same, and is asked for again.
    g_02_a_cancellation_that_stripe_refuses_stands;
    /// G-02: one that Stripe has refused for a week is sent by a replay, and answered.
    g_02_a_cancellation_refused_for_a_week_is_sent_by_a_replay;
    /// G-02: while Stripe does not answer it stands, and is taken back once it does.
    g_02_an_undo_at_stripe_whose_answer_is_lost_is_told_later;
    /// G-02, X-07: what has ended is not taken back, nor what is somebody else's.
    g_02_what_has_ended_at_stripe_is_not_taken_back;
    /// G-02, H-11: it outlives a pause of the collection.
    g_02_a_pause_of_the_collection_keeps_the_downgrade;
    /// G-02, H-11: Stripe pauses as a whole only what does not change.
    g_02_what_is_to_change_is_not_paused_as_a_whole;
}

/// Asks for a change and accepts what was quoted: the change.
async fn changes(shop: &Shop, held: &Sold, ask: &Value) -> Value {
    let session = shop.session(&held.customer).await;
    let url = format!("/v1/me/subscriptions/{}/quotes", held.id);
    let quote = shop.post_as(&session, &url, ask).await;
    let quote = quote.is(StatusCode::CREATED).json();
    let url = format!("/v1/me/quotes/{}/accept", quote["id"].as_str().unwrap());
    let accepted = shop.post_as(&session, &url, &json!({})).await;
    shop.settle().await;
    accepted.json()
}

async fn status_of(shop: &Shop, change: &Value) -> Value {
    let url = format!("/v1/changes/{}", change["id"].as_str().unwrap());
    shop.read(&url).await["status"].take()
}

fn price(held: &Sold, shop: &Shop) -> Value {
    held.there(shop)["items"]["data"][0]["price"]["id"].take()
}

/// Somebody who goes down with the next period.
async fn going_down(shop: &Shop) -> (Sold, Value) {
    let held = sold(shop, "ana", "bosun-monthly").await;
    shop.pass(days(5)).await;
    let change = changes(shop, &held, &json!({ "plan": "deckhand" })).await;
    assert_eq!(status_of(shop, &change).await, "scheduled");
    assert!(held.there(shop)["schedule"].is_string());
    (held, change)
}

/// It comes with the next period, here and there.
async fn comes(shop: &Shop, held: &Sold, change: &Value) {
    assert!(held.there(shop)["schedule"].is_string());
    assert_eq!(status_of(shop, change).await, "scheduled");
    assert_eq!(held.stands(shop).await["scheduled"]["plan"], "deckhand");
    assert_eq!(held.plan(shop).await, "bosun");
    shop.pass(days(30)).await;
    assert_eq!(price(held, shop), "price_deckhand");
    assert_eq!(held.plan(shop).await, "deckhand");
    assert_eq!(status_of(shop, change).await, "applied");
    let invoices = held.invoices(shop).await;
    let last = invoices.last().unwrap();
    assert_eq!(last["amount"]["amount"], 300, "{last}");
    shop.ends_well().await;
}

async fn g_02_a_declined_upgrade_keeps_the_downgrade(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, change) = going_down(&shop).await;
    shop.fake
        .set_card(&held.payer, Some(Card::FailsLater))
        .unwrap();
    let year = json!({ "price": "bosun-yearly" });
    let _refused = changes(&shop, &held, &year).await;
    shop.fake.set_card(&held.payer, Some(Card::Good)).unwrap();
    let rows = shop
        .rows(&format!("/v1/changes?customer={}&limit=10", held.customer))
        .await;
    let failed = rows.iter().filter(|row| row["status"] == "failed");
    assert_eq!(failed.count(), 1, "{rows:?}");
    assert_eq!(price(&held, &shop), "price_bosun");
    comes(&shop, &held, &change).await;
}

async fn g_02_a_cancellation_taken_back_keeps_the_downgrade(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, change) = going_down(&shop).await;
    let url = format!("/v1/subscriptions/{}/cancel", held.id);
    let canceled = shop.operate(&url, &json!({})).await;
    assert!(canceled.status.is_success(), "{}", canceled.text);
    shop.settle().await;
    assert!(held.there(&shop)["schedule"].is_null());
    assert!(held.stands(&shop).await["ends_at"].is_string());
    shop.pass(days(1)).await;
    shop.fake.renew_in_portal(&held.subscription).unwrap();
    shop.settle().await;
    assert!(held.stands(&shop).await["ends_at"].is_null());
    comes(&shop, &held, &change).await;
}

fn cancellation(held: &Sold) -> String {
    format!("/v1/me/subscriptions/{}/cancellation", held.id)
}

async fn cancels(shop: &Shop, held: &Sold) {
    // Stripe's answers have whole seconds: in that of another event, they are older.
    shop.pass(jiff::SignedDuration::from_secs(2)).await;
    let url = format!("/v1/subscriptions/{}/cancel", held.id);
    shop.operate(&url, &json!({})).await.is(StatusCode::OK);
    shop.settle().await;
    assert_eq!(held.there(shop)["cancel_at_period_end"], true);
}

/// Takes it back, once and again: it goes on here and there.
async fn goes_on(shop: &Shop, held: &Sold) {
    assert!(held.there(shop)["cancel_at"].is_i64());
    assert!(held.stands(shop).await["ends_at"].is_string());
    shop.pass(days(1)).await;
    let session = shop.session(&held.customer).await;
    for already in [false, true] {
        let back = shop.delete_as(&session, &cancellation(held)).await;
        let back = back.is(StatusCode::OK).json();
        assert_eq!(
            back,
            json!({ "ok": true, "already": already, "asked": false })
        );
    }
    // Its own webhook tells nothing new.
    shop.settle().await;
    let there = held.there(shop);
    assert_eq!(there["cancel_at_period_end"], false);
    assert!(there["cancel_at"].is_null(), "{there}");
    let here = held.stands(shop).await;
    assert!(here["ends_at"].is_null(), "{here}");
    assert_eq!(here["renews"], true);
    assert_eq!(shop.told("subscription.cancel_unscheduled"), 1);
}

async fn g_02_a_cancellation_is_taken_back_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, change) = going_down(&shop).await;
    cancels(&shop, &held).await;
    goes_on(&shop, &held).await;
    comes(&shop, &held, &change).await;
}

async fn g_02_a_cancellation_in_stripe_s_portal_is_taken_back_here(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.pass(days(5)).await;
    shop.fake.cancel_in_portal(&held.subscription).unwrap();
    shop.settle().await;
    assert_eq!(held.there(&shop)["cancel_at_period_end"], false);
    goes_on(&shop, &held).await;
    shop.pass(days(30)).await;
    assert_eq!(held.status(&shop).await, "active");
    shop.ends_well().await;
}

async fn g_02_a_cancellation_that_stripe_refuses_stands(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.pass(days(5)).await;
    let refusal = FaultKind::Fixed {
        status: 400,
        body: json!({ "error": { "type": "invalid_request_error", "code": "not_today" } }),
    };
    let path = format!("/v1/subscriptions/{}", held.subscription);
    shop.fake.fault(Fault::next(refusal).on("POST", &path));
    let url = format!("/v1/subscriptions/{}/cancel", held.id);
    shop.operate(&url, &json!({})).await.is(StatusCode::OK);
    shop.settle().await;
    assert_eq!(held.there(&shop)["cancel_at_period_end"], false);
    // What Stripe tells of it meanwhile does not take it back.
    let url = format!("subscriptions/{}", held.subscription);
    dashboard(&shop.fake, "POST", &url, &[("description", "a friend")]).await;
    shop.settle().await;
    assert!(held.stands(&shop).await["ends_at"].is_string());
    let parked = shop.rows("/v1/parked?limit=10").await;
    assert_eq!(parked[0]["reason"], "provider_refused");
    let url = format!("/v1/parked/{}/discard", parked[0]["id"].as_str().unwrap());
    let seen = shop
        .operate(&url, &json!({ "reason": "it is asked again" }))
        .await;
    assert!(seen.status.is_success(), "{}", seen.text);

    shop.pass(jiff::SignedDuration::from_hours(13)).await;
    assert_eq!(held.there(&shop)["cancel_at_period_end"], true);
    shop.pass(days(30)).await;
    assert_eq!(held.status(&shop).await, "canceled");
    assert_eq!(shop.fake.books().of(&held.payer).charges, 1);
    assert_eq!(shop.told("subscription.cancel_unscheduled"), 0);
    shop.ends_well().await;
}

async fn g_02_a_cancellation_refused_for_a_week_is_sent_by_a_replay(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.pass(days(5)).await;
    let refusal = FaultKind::Fixed {
        status: 400,
        body: json!({ "error": { "type": "invalid_request_error", "code": "not_today" } }),
    };
    let path = format!("/v1/subscriptions/{}", held.subscription);
    let fault = Fault::next(refusal).on("POST", &path).times(1_000);
    shop.fake.fault(fault);
    let url = format!("/v1/subscriptions/{}/cancel", held.id);
    shop.operate(&url, &json!({})).await.is(StatusCode::OK);
    let sent = || shop.fake.requests().to("POST", &path).len();
    shop.pass(days(8)).await;
    // At once, and every twelve hours of a week; then it waits for a person.
    assert_eq!(sent(), 15);
    shop.pass(days(2)).await;
    assert_eq!(sent(), 15);
    let parked = shop.rows("/v1/parked?limit=100").await;
    assert_eq!(parked.len(), 15);
    assert!(
        parked.iter().all(|row| row["reason"] == "provider_refused"),
        "{parked:?}"
    );
    // It is mended, and nobody asks by himself any more.
    shop.fake.faults().clear();
    shop.pass(days(1)).await;
    assert_eq!(sent(), 15);
    assert_eq!(held.there(&shop)["cancel_at_period_end"], false);
    assert!(held.stands(&shop).await["ends_at"].is_string(), "it stands");
    let resolves = async |row: &Value, how: &str, body: Value| {
        let url = format!("/v1/parked/{}/{how}", row["id"].as_str().unwrap());
        let resolved = shop.operate(&url, &body).await;
        assert!(resolved.status.is_success(), "{}", resolved.text);
    };
    resolves(&parked[0], "replay", json!({})).await;
    shop.settle().await;
    assert_eq!(sent(), 16);
    assert_eq!(held.there(&shop)["cancel_at_period_end"], true);
    for row in &parked[1..] {
        resolves(row, "discard", json!({ "reason": "it is done" })).await;
    }
    shop.pass(days(20)).await;
    assert_eq!(sent(), 16, "it was answered");
    assert_eq!(held.status(&shop).await, "canceled");
    assert_eq!(shop.fake.books().of(&held.payer).charges, 1);
    assert_eq!(shop.told("subscription.cancel_unscheduled"), 0);
    shop.ends_well().await;
}

async fn g_02_an_undo_at_stripe_whose_answer_is_lost_is_told_later(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    cancels(&shop, &held).await;
    shop.pass(days(1)).await;
    let session = shop.session(&held.customer).await;
    shop.fake
        .fault(Fault::next(FaultKind::LostAnswer).times(10_000));
    for _ in 0..2 {
        let back = shop.delete_as(&session, &cancellation(&held)).await;
        let back = back.is(StatusCode::OK).json();
        assert_eq!(back, json!({ "ok": true, "already": false, "asked": true }));
        assert!(held.stands(&shop).await["ends_at"].is_string());
    }
    shop.fake.faults().clear();
    shop.pass(jiff::SignedDuration::from_hours(1)).await;
    assert!(held.there(&shop)["cancel_at"].is_null());
    assert!(held.stands(&shop).await["ends_at"].is_null());
    assert_eq!(shop.told("subscription.cancel_unscheduled"), 1);
    shop.pass(days(30)).await;
    assert_eq!(held.status(&shop).await, "active");
    shop.ends_well().await;
}

async fn g_02_what_has_ended_at_stripe_is_not_taken_back(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    cancels(&shop, &held).await;
    let session = shop.session(&held.customer).await;
    // Stripe ended it, and nobody has told us yet.
    let url = format!("subscriptions/{}", held.subscription);
    dashboard(&shop.fake, "DELETE", &url, &[]).await;
    let late = shop.delete_as(&session, &cancellation(&held)).await;
    let late = late.is(StatusCode::UNPROCESSABLE_ENTITY).json();
    assert_eq!(
        (&late["code"], &late["provider_code"]),
        (&json!("provider_refused"), &json!("too_late"))
    );
    shop.settle().await;
    assert_eq!(shop.told("subscription.cancel_upheld"), 1);
    let over = shop.delete_as(&session, &cancellation(&held)).await;
    over.refused(StatusCode::CONFLICT, "illegal_transition");
    // Not yours, and not there, answer alike.
    let ben = shop.customer("ben").await;
    let ben = shop.session(&ben).await;
    let not_his = shop.delete_as(&ben, &cancellation(&held)).await;
    not_his.refused(StatusCode::NOT_FOUND, "not_found");
}

/// Where only the collection pauses, what is to come is Stripe's to bring, and comes.
async fn g_02_a_pause_of_the_collection_keeps_the_downgrade(kind: StoreKind) {
    let shop = pausing(kind, PauseStyle::Collection).await;
    let (held, change) = going_down(&shop).await;
    let url = format!("/v1/subscriptions/{}", held.id);
    for (step, status) in [("pause", "paused"), ("resume", "active")] {
        let asked = shop.operate(&format!("{url}/{step}"), &json!({})).await;
        assert_eq!(asked.is(StatusCode::OK).json()["asked"], true);
        shop.settle().await;
        assert_eq!(held.status(&shop).await, status);
        assert_eq!(status_of(&shop, &change).await, "scheduled");
        shop.pass(days(1)).await;
    }
    comes(&shop, &held, &change).await;
}

/// As a whole, Stripe pauses nothing that something else is to come of: it is refused
/// at once, and what is to come still is.
async fn g_02_what_is_to_change_is_not_paused_as_a_whole(kind: StoreKind) {
    let shop = pausing(kind, PauseStyle::Subscription).await;
    let (held, change) = going_down(&shop).await;
    let session = shop.session(&held.customer).await;
    let url = format!("/v1/me/subscriptions/{}/quotes", held.id);
    let quote = shop
        .post_as(&session, &url, &json!({ "pause": true }))
        .await;
    let quote = quote.is(StatusCode::CREATED).json();
    let url = format!("/v1/me/quotes/{}/accept", quote["id"].as_str().unwrap());
    let refused = shop.post_as(&session, &url, &json!({})).await;
    let refused = refused.is(StatusCode::UNPROCESSABLE_ENTITY).json();
    assert_eq!(
        (&refused["code"], &refused["provider_code"]),
        (&json!("provider_refused"), &json!("change_scheduled"))
    );
    shop.settle().await;
    assert_eq!(held.status(&shop).await, "active");
    assert_eq!(held.there(&shop)["status"], "active");
    comes(&shop, &held, &change).await;
}
