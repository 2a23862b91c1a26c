//! BTCPay away for hours, while people paid there and renewals fell due.

use billing_testkit::fakes::rig::FaultKind;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::json;

use super::shop::{
    Buyer, Shop, asks, bought, days, down, loses, opens, parked, pays, pays_untold, rereads, shop,
};
use crate::rig::StoreKind;
use crate::scenarios::harbor::text;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-16: for two hours: all is as if it had been there, and nobody had to look.
    k_16_two_hours_without_btcpay_leave_nothing_behind;
    /// K-16: for days: what was paid is found, and each row that waits is closed by one
    /// replay.
    k_16_days_without_btcpay_are_closed_by_one_replay_each;
}

/// An hour as a worker lives it: it asks about what is open, and reads what was paid.
async fn hours(shop: &Shop, hours: i64) {
    for _ in 0..hours {
        shop.pass(SignedDuration::from_hours(1)).await;
        asks(shop).await;
        rereads(shop).await;
    }
}

/// What was bought was granted, and once.
async fn has_one_deck(shop: &Shop, who: &Buyer) {
    assert_eq!(who.plan(shop).await, "deck");
    assert_eq!(who.licenses(shop).await.len(), 1);
    assert_eq!(who.stands(shop).await["status"], "active");
    let invoices = who.invoices(shop).await;
    assert_eq!(invoices.len(), 1, "{invoices:#?}");
    assert_eq!(invoices[0]["payments"].as_array().unwrap().len(), 1);
    assert_eq!(who.at_btcpay(shop).len(), 1);
}

async fn k_16_two_hours_without_btcpay_leave_nothing_behind(kind: StoreKind) {
    let shop = shop(kind).await;
    let due = [
        bought(&shop, "ana", "deck-monthly").await,
        bought(&shop, "ben", "buoy-sats").await,
    ];
    // Ten minutes before they fall due.
    let through = due[0].stands(&shop).await["paid_through"].clone();
    let ends: billing_domain::time::Timestamp = text(&through).parse().unwrap();
    let before = ends.duration_since(shop.now()) - SignedDuration::from_mins(10);
    shop.pass(before).await;
    let told = opens(&shop, "cleo", "deck-monthly").await;
    let untold = opens(&shop, "dora", "deck-monthly").await;

    down(&shop, FaultKind::ServerError);
    pays_untold(&shop, &untold.page);
    assert!(loses(&shop) > 0);
    pays_untold(&shop, &told.page);
    hours(&shop, 2).await;
    told.has_nothing(&shop).await;
    for buyer in &due {
        assert_eq!(buyer.at_btcpay(&shop).len(), 1, "no other page can be made");
        assert_ne!(buyer.plan(&shop).await, "", "nobody lapses by it");
    }
    assert_eq!(
        parked(&shop).await,
        [] as [&str; 0],
        "an outage is no reason to ask"
    );

    shop.fake.faults().clear();
    // What was told is read again within the hour, with no list of what was paid.
    shop.pass(SignedDuration::from_hours(1)).await;
    has_one_deck(&shop, &told).await;
    hours(&shop, 3).await;
    has_one_deck(&shop, &told).await;
    has_one_deck(&shop, &untold).await;
    for buyer in &due {
        assert_eq!(buyer.at_btcpay(&shop).len(), 2, "one invoice for the cycle");
        let invoices = buyer.invoices(&shop).await;
        assert_eq!(invoices.len(), 2, "{invoices:#?}");
        pays(&shop, &buyer.owes(&shop).await).await;
        assert_eq!(buyer.stands(&shop).await["status"], "active");
        assert_ne!(buyer.stands(&shop).await["paid_through"], through);
    }
    assert_eq!(shop.told("subscription.activated"), 4);
    assert_eq!(shop.told("subscription.renewed"), 2);
    assert_eq!(shop.told("subscription.lapsed"), 0);
    shop.ends_well().await;
}

async fn k_16_days_without_btcpay_are_closed_by_one_replay_each(kind: StoreKind) {
    let shop = shop(kind).await;
    let cleo = opens(&shop, "cleo", "deck-monthly").await;
    down(&shop, FaultKind::ServerError);
    pays_untold(&shop, &cleo.page);
    shop.pass(days(4)).await;
    cleo.has_nothing(&shop).await;
    let waits = parked(&shop).await;
    assert!(!waits.is_empty());
    assert!(
        waits.iter().all(|reason| *reason == "attempts_exhausted"),
        "{waits:?}"
    );

    // It is found without anybody's help, and what waits says nothing new any more.
    shop.fake.faults().clear();
    hours(&shop, 2).await;
    has_one_deck(&shop, &cleo).await;
    for row in shop.rows("/v1/parked?limit=100").await {
        let url = format!("/v1/parked/{}/replay", text(&row["id"]));
        let replayed = shop.operate(&url, &json!({})).await;
        replayed.is(StatusCode::NO_CONTENT);
    }
    shop.settle().await;
    has_one_deck(&shop, &cleo).await;
    assert_eq!(shop.told("subscription.activated"), 1);
    shop.ends_well().await;
}
