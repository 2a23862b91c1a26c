//! What goes back through BTCPay: a promise that the buyer claims.

use serde_json::json;

use super::shop::{Shop, asks, bought, dashboard, loses, opens, parked, rereads, shop};
use crate::rig::StoreKind;
use crate::scenarios::harbor::sat;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a refund counts once it was claimed and sent, and revokes its license.
    x_11_a_refund_at_btcpay_counts_once_it_was_sent;
    /// what was refunded is not given back by hearing of its payment again, nor by
    /// paying at its page once more.
    x_11_what_was_refunded_at_btcpay_stays_so_whatever_is_told_again;
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

async fn x_11_what_was_refunded_at_btcpay_stays_so_whatever_is_told_again(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay_in_full(&ana.page).unwrap();
    shop.fake.confirm(&ana.page).unwrap();
    let settled = shop.fake.deliveries().take();
    shop.deliver_each(&settled).await;
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "deck");
    let pull = promises(&shop, &ana.page, 0).await;
    shop.fake.claim(&pull).unwrap();
    shop.fake.approve_claim(&pull).unwrap();
    shop.settle().await;
    let license = ana.licenses(&shop).await.remove(0);
    let has_nothing = async |when: &str| {
        assert_eq!(ana.stands(&shop).await["status"], "canceled", "{when}");
        assert_eq!(ana.plan(&shop).await, "", "{when}");
        let held = ana.licenses(&shop).await;
        assert_eq!(held, std::slice::from_ref(&license), "{when}");
        let shown = shop.read(&format!("/v1/licenses/{license}")).await;
        assert_eq!(shown["status"], "revoked", "{when}");
    };
    has_nothing("refunded").await;
    let balance = async || {
        let held = shop.read(&format!("/v1/customers/{}", ana.customer)).await;
        held["balances"].clone()
    };
    let kept = ana.invoices(&shop).await;
    // The same webhooks again, as a store is made to send them; and its books, read again.
    shop.deliver_each(&settled).await;
    shop.settle().await;
    asks(&shop).await;
    rereads(&shop).await;
    has_nothing("told again").await;
    assert_eq!(ana.invoices(&shop).await, kept);
    assert_eq!((balance().await, parked(&shop).await), (json!([]), vec![]));
    // As another delivery of the same, under a name of its own.
    shop.fake.tell("InvoiceSettled", &ana.page, json!({}));
    assert!(shop.deliver_all().await > 0);
    shop.settle().await;
    has_nothing("told as news").await;
    assert_eq!(ana.invoices(&shop).await, kept);
    assert_eq!((balance().await, parked(&shop).await), (json!([]), vec![]));
    // Paid once more: what came is theirs, and a person looks.
    shop.fake.pay(&ana.page, 50_000).unwrap();
    shop.fake.confirm(&ana.page).unwrap();
    for _ in 0..2 {
        shop.settle().await;
        asks(&shop).await;
        rereads(&shop).await;
        has_nothing("paid again").await;
        assert_eq!(parked(&shop).await, ["late_payment"]);
        let held = balance().await;
        assert_eq!(held.as_array().unwrap().len(), 1, "{held}");
        assert_eq!(held[0]["amount"], 2_500, "{held}");
    }
    assert_eq!(loses(&shop), 0);
    shop.is_sound().await;
}
