//! The half hour before a renewal, in which Paddle lets nobody change a subscription.

use jiff::{SignedDuration, Timestamp};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, bought, days, id, invoices, only, only_at_paddle, plan_of, quoted, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-02: canceled too late for Paddle, it is renewed once more, ends with that, and a
    /// person is shown what is to be given back.
    g_02_canceled_within_paddle_s_lock;
    /// G-02: a downgrade that Paddle will not take in time is refused, and not put off
    /// for a period.
    g_02_a_downgrade_within_paddle_s_lock_is_refused;
    /// G-02: the lock is before a renewal: what ends can be kept until its last minute,
    /// and is not to be had back after it.
    g_02_taken_back_minutes_before_its_end_it_is_renewed;
}

/// A customer ten minutes before the renewal, and when that is.
async fn about_to_renew(shop: &Shop) -> (String, Timestamp) {
    let ana = bought(shop, "ana", "team-monthly").await;
    let day = only(shop, &ana).await["paid_through"].clone();
    let day: Timestamp = day.as_str().unwrap().parse().unwrap();
    let left = day.duration_since(shop.fake.now());
    shop.pass(left - SignedDuration::from_mins(10)).await;
    (ana, day)
}

async fn g_02_canceled_within_paddle_s_lock(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, day) = about_to_renew(&shop).await;
    let session = shop.session(&ana).await;
    let cancel = format!(
        "/v1/me/subscriptions/{}/cancel",
        id(&only(&shop, &ana).await)
    );
    let canceled = shop.post_as(&session, &cancel, &json!({})).await;
    assert_eq!(canceled.is(StatusCode::OK).json()["ends_at"], json!(day));
    shop.settle().await;
    assert!(only_at_paddle(&shop).scheduled.is_none(), "locked");

    // Paddle renews; as soon as it listens again, it is told.
    shop.pass(days(1)).await;
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    let held = only(&shop, &ana).await;
    assert_eq!(held["status"], "active");
    assert_ne!(held["paid_through"], json!(day));
    assert_eq!(
        held["ends_at"], held["paid_through"],
        "it ends with what was charged"
    );
    assert!(only_at_paddle(&shop).scheduled.is_some());
    let parked = shop.rows("/v1/parked?reason=conflict").await;
    assert_eq!(parked.len(), 1, "{parked:#?}");
    let evidence = parked[0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("given back"), "{evidence}");

    shop.pass(days(32)).await;
    assert_eq!(only(&shop, &ana).await["status"], "canceled");
    assert_eq!(invoices(&shop, &ana).await.len(), 2, "and never again");
    assert_eq!(shop.rows("/v1/parked?reason=conflict").await.len(), 1);
}

async fn g_02_a_downgrade_within_paddle_s_lock_is_refused(kind: StoreKind) {
    let shop = shop(kind).await;
    let (ana, _) = about_to_renew(&shop).await;
    let quote = quoted(&shop, &ana, &json!({ "plan": "solo" })).await;
    let session = shop.session(&ana).await;
    let accept = format!("/v1/me/quotes/{}/accept", id(&quote));
    let refused = shop.post_as(&session, &accept, &json!({})).await;
    let refused = refused.is(StatusCode::UNPROCESSABLE_ENTITY).json();
    assert_eq!(refused["provider_code"], "subscription_locked_renewal");
    shop.settle().await;
    let held = only(&shop, &ana).await;
    assert_eq!(held["scheduled"], Value::Null);

    shop.pass(days(1)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    let renewed = ("renewal".to_owned(), "settled".to_owned(), 3_000);
    assert_eq!(invoices(&shop, &ana).await[0], renewed);
    shop.ends_well().await;
}

async fn g_02_taken_back_minutes_before_its_end_it_is_renewed(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    let held = only(&shop, &ana).await;
    let (session, url) = (
        shop.session(&ana).await,
        format!("/v1/me/subscriptions/{}", id(&held)),
    );
    let canceled = shop
        .post_as(&session, &format!("{url}/cancel"), &json!({}))
        .await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    let day: Timestamp = held["paid_through"].as_str().unwrap().parse().unwrap();
    let left = day.duration_since(shop.fake.now());
    shop.pass(left - SignedDuration::from_mins(10)).await;
    let session = shop.session(&ana).await;
    let undo = format!("{url}/cancellation");
    let back = shop.delete_as(&session, &undo).await;
    let done = json!({ "ok": true, "already": false, "asked": false });
    assert_eq!(back.is(StatusCode::OK).json(), done);
    shop.pass(days(1)).await;
    let held = only(&shop, &ana).await;
    assert_eq!(
        (&held["status"], &held["ends_at"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(invoices(&shop, &ana).await.len(), 2);

    let session = shop.session(&ana).await;
    let canceled = shop
        .post_as(&session, &format!("{url}/cancel"), &json!({}))
        .await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    // At that second, with nobody having told us yet.
    let day: Timestamp = held["paid_through"].as_str().unwrap().parse().unwrap();
    shop.fake.clock().set(day);
    let session = shop.session(&ana).await;
    let over = shop.delete_as(&session, &undo).await;
    over.refused(StatusCode::CONFLICT, "illegal_transition");
    shop.pass(days(1)).await;
    assert_eq!(only(&shop, &ana).await["status"], "canceled");
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
}
