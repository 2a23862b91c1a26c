//! What is to come with the next period at Stripe, and what may not make it go.

use billing_testkit::fakes::stripe::Card;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, Sold, days, shop, sold};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-02: a downgrade that waits at Stripe outlives an upgrade that is declined.
    g_02_a_declined_upgrade_keeps_the_downgrade;
    /// G-02: it outlives a cancellation that is taken back there as well.
    g_02_a_cancellation_taken_back_keeps_the_downgrade;
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
