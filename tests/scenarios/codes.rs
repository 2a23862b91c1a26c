//! Discount codes: nothing to pay needs no provider, and the last use is one buyer's.

use billing::sandbox::{FaultPlan, FaultRates};
use futures_util::future::join_all;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{PAGES, ends_well, exchanged, harbor, listed, pays, text, told, until};
use super::on_both_stores;
use crate::rig::{Seen, Site, StoreKind};

/// Buyers who race for one use.
const RACERS: usize = 8;

on_both_stores! {
    /// K-21: what costs nothing is complete at once, and the license comes by the exchange.
    k_21_a_full_discount_needs_no_provider;
    /// K-21: of many who race for the last use, one wins.
    k_21_the_last_use_is_won_once;
    /// K-21: a checkout that expires gives its use back.
    k_21_an_expired_checkout_releases_its_use;
}

async fn made(site: &Site, body: Value) {
    let made = site.operate("/v1/discount-codes", &body).await;
    made.is(StatusCode::CREATED);
}

async fn buys(site: &Site, code: &str) -> Seen {
    let body = json!({ "price": "deck-monthly", "code": code });
    site.post_as("", "/v1/checkouts", &body).await
}

/// How often the only code is used, and how often reserved.
async fn uses(site: &Site) -> (Value, Value) {
    let rows = listed(site, "/v1/discount-codes").await;
    assert_eq!(rows.len(), 1);
    (rows[0]["used"].clone(), rows[0]["reserved"].clone())
}

async fn k_21_a_full_discount_needs_no_provider(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    made(&site, json!({ "code": "WHOLE", "basis_points": 10_000 })).await;
    made(&site, json!({ "code": "GIFT", "free_license": true })).await;
    let off = json!({ "amount": 9_900, "currency": "usd" });
    made(&site, json!({ "code": "MORE", "amount_off": off })).await;
    // Nobody would answer.
    let down = FaultRates {
        not_reached: 1_000,
        ..FaultRates::default()
    };
    site.rig.sandbox.set_faults(FaultPlan::seeded(1, down));
    for (place, code) in ["whole", "gift", "more"].into_iter().enumerate() {
        let opened = buys(&site, code).await.is(StatusCode::CREATED).json();
        assert_eq!(opened["status"], "completed", "{code}");
        assert_eq!(opened["url"], Value::Null);
        let path = format!("/v1/checkouts/{}", text(&opened["id"]));
        let stands = site.get(&path).await.is(StatusCode::OK).json();
        assert_eq!(stands["status"], "completed");
        let license = exchanged(&site, &text(&opened["checkout_secret"])).await;
        let claims = site.says(&text(&license["token"])).await;
        assert_eq!(claims.plan, "deck");
        assert_eq!(claims.entitlements["editor"], "read");
        site.rig.settle().await;
        assert_eq!(told(&site, "license.issued"), place + 1);
    }
    let books = site.rig.sandbox.books();
    assert!(books.checkouts.is_empty() && books.invoices.is_empty());
    assert!(books.payments.is_empty());
    ends_well(&site).await;
}

async fn k_21_the_last_use_is_won_once(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    made(
        &site,
        json!({ "code": "LAST", "basis_points": 5_000, "max_uses": 2 }),
    )
    .await;
    let first = buys(&site, "LAST").await.is(StatusCode::CREATED).json();
    pays(&site, &text(&first["url"])).await;
    assert_eq!(uses(&site).await, (json!(1), json!(0)));

    let raced = join_all((0..RACERS).map(|_| buys(&site, "last"))).await;
    let (won, lost): (Vec<Seen>, Vec<Seen>) =
        raced.into_iter().partition(|seen| seen.status.is_success());
    assert_eq!((won.len(), lost.len()), (1, RACERS - 1));
    for seen in &lost {
        seen.refused(StatusCode::UNPROCESSABLE_ENTITY, "code_used_up");
    }
    assert_eq!(uses(&site).await, (json!(1), json!(1)));
    assert_eq!(site.rig.sandbox.books().checkouts.len(), 2);
    pays(&site, &text(&won[0].json()["url"])).await;
    assert_eq!(uses(&site).await, (json!(2), json!(0)));
    let none = buys(&site, "LAST").await;
    none.refused(StatusCode::UNPROCESSABLE_ENTITY, "code_used_up");
    ends_well(&site).await;
}

async fn k_21_an_expired_checkout_releases_its_use(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    made(
        &site,
        json!({ "code": "ONCE", "basis_points": 5_000, "max_uses": 1 }),
    )
    .await;
    let first = buys(&site, "ONCE").await.is(StatusCode::CREATED).json();
    let held = buys(&site, "ONCE").await;
    held.refused(StatusCode::UNPROCESSABLE_ENTITY, "code_used_up");
    let end = text(&first["expires_at"]);
    until(&site, &end).await;
    let path = format!("/v1/checkouts/{}", text(&first["id"]));
    let stands = site.get(&path).await.is(StatusCode::OK).json();
    assert_eq!(stands["status"], "expired");
    let next = buys(&site, "ONCE").await.is(StatusCode::CREATED).json();
    pays(&site, &text(&next["url"])).await;
    assert_eq!(uses(&site).await, (json!(1), json!(0)));
    let body = json!({ "checkout_secret": first["checkout_secret"] });
    let over = site.post_as("", "/v1/licenses/exchange", &body).await;
    over.refused(StatusCode::PAYMENT_REQUIRED, "payment_required");
    assert_eq!(over.json()["reason"], "checkout_expired");
    ends_well(&site).await;
}
