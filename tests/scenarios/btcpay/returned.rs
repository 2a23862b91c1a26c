//! What goes back through BTCPay: a promise that the buyer claims.

use serde_json::json;

use super::shop::{Shop, asks, bought, dashboard, loses, opens, shop};
use crate::rig::StoreKind;
use crate::scenarios::harbor::sat;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a refund counts once it was claimed and sent, and revokes its license.
    x_11_a_refund_at_btcpay_counts_once_it_was_sent;
    /// what was paid above what was owed goes back, and ends nothing.
    x_11_what_was_overpaid_at_btcpay_goes_back_and_ends_nothing;
}

/// Promises what was paid for an invoice back, less so many percent, as a shopkeeper does.
async fn promises(shop: &Shop, invoice: &str, less: u8) -> String {
    let body = json!({
        "refundVariant": "RateThen", "payoutMethodId": "BTC-CHAIN",
        "subtractPercentage": less.to_string(),
    });
    let made = dashboard(shop, &format!("invoices/{invoice}/refund"), &body).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn x_11_a_refund_at_btcpay_counts_once_it_was_sent(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "deck-monthly").await;
    let ben = bought(&shop, "ben", "deck-monthly").await;
    let pull = promises(&shop, &ana.page, 0).await;
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck", "a promise is no refund");
    shop.fake.claim(&pull).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck", "nothing was sent yet");
    shop.fake.approve_claim(&pull).unwrap();
    shop.settle().await;
    let invoice = ana.newest(&shop).await;
    assert_eq!(invoice["returned"][0]["amount"], sat(50_000));
    assert_eq!(invoice["returned"][0]["state"], "done");
    assert_eq!(ana.stands(&shop).await["status"], "canceled");
    assert_eq!(ana.plan(&shop).await, "");
    let license = &ana.licenses(&shop).await[0];
    let license = shop.read(&format!("/v1/licenses/{license}")).await;
    assert_eq!(license["status"], "revoked");
    assert_eq!(ben.plan(&shop).await, "deck");
    // A part of it keeps the access.
    let pull = promises(&shop, &ben.page, 50).await;
    shop.fake.claim(&pull).unwrap();
    shop.fake.approve_claim(&pull).unwrap();
    shop.settle().await;
    assert_eq!(
        ben.newest(&shop).await["returned"][0]["amount"],
        sat(25_000)
    );
    assert_eq!(ben.plan(&shop).await, "deck");
    assert_eq!(loses(&shop), 0);
    asks(&shop).await;
    shop.ends_well().await;
}

async fn x_11_what_was_overpaid_at_btcpay_goes_back_and_ends_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    // Twice, by two transactions.
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay(&ana.page, 50_000).unwrap();
    shop.fake.pay(&ana.page, 50_000).unwrap();
    // Too much, by one.
    let ben = opens(&shop, "ben", "deck-monthly").await;
    shop.fake.pay(&ben.page, 60_000).unwrap();
    for (buyer, above) in [(&ana, 50_000), (&ben, 10_000)] {
        shop.fake.confirm(&buyer.page).unwrap();
        shop.settle().await;
        assert_eq!(buyer.plan(&shop).await, "deck");
        let body = json!({ "refundVariant": "OverpaidAmount", "payoutMethodId": "BTC-CHAIN" });
        let path = format!("invoices/{}/refund", buyer.page);
        let made = dashboard(&shop, &path, &body).await;
        let pull = made["id"].as_str().unwrap();
        shop.fake.claim(pull).unwrap();
        shop.fake.approve_claim(pull).unwrap();
        shop.settle().await;
        let invoice = buyer.newest(&shop).await;
        assert_eq!(invoice["returned"][0]["amount"], sat(above));
        assert_eq!(invoice["returned"][0]["state"], "done");
        assert_eq!(buyer.plan(&shop).await, "deck", "{invoice:#}");
        assert_eq!(buyer.stands(&shop).await["status"], "active");
        let held = shop
            .read(&format!("/v1/customers/{}", buyer.customer))
            .await;
        assert_eq!(held["balances"], json!([]), "{held:#}");
        // What it was paid by, besides, undoes it.
        let pull = promises(&shop, &buyer.page, 0).await;
        shop.fake.claim(&pull).unwrap();
        shop.fake.approve_claim(&pull).unwrap();
        shop.settle().await;
        assert_eq!(buyer.plan(&shop).await, "");
    }
    assert_eq!(loses(&shop), 0);
    shop.is_sound().await;
}
