//! Payments at Stripe that somebody says are for a checkout of ours, and are not.

use billing_domain::money::Currency;
use billing_testkit::fakes::stripe::Card;
use serde_json::json;

use super::shop::{dashboard, days, opened, pays, reasons, session_of, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a payment link that is told our checkout's name completes nothing, and its
    /// money waits for a person, once.
    x_09_a_payment_link_with_our_checkout_s_name_gives_nothing;
}

async fn x_09_a_payment_link_with_our_checkout_s_name_gives_nothing(kind: StoreKind) {
    // A donation, and another thing that costs just as much.
    for cents in [100, 9_900] {
        let shop = shop(kind).await;
        shop.fake
            .price("price_mug", "prod_mug", cents, Currency::USD, None);
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, "lifetime-once").await;
        let name = checkout["id"].as_str().unwrap();
        let link = [
            ("mode", "payment"),
            ("line_items[0][price]", "price_mug"),
            ("line_items[0][quantity]", "1"),
            ("success_url", "https://elsewhere.test/thanks"),
            ("client_reference_id", name),
        ];
        let paid = dashboard(&shop.fake, "POST", "checkout/sessions", &link).await;
        let paid = paid["id"].as_str().unwrap();
        shop.fake.pay(paid, Card::Good).unwrap();
        shop.settle().await;
        shop.pass(days(1)).await;
        assert_eq!(shop.me(&ana).await["subscriptions"], json!([]));
        assert_eq!(reasons(&shop).await, ["amount_mismatch"]);
        let row = &shop.parked().await[0];
        assert!(row.evidence.contains(paid), "{}", row.evidence);
        let amount = if cents == 100 {
            "USD 1.00"
        } else {
            "USD 99.00"
        };
        assert!(row.evidence.contains(amount), "{}", row.evidence);
        assert_eq!(shop.told("checkout.completed"), 0);
        let kept = shop.rows(&format!("/v1/invoices?customer={ana}")).await;
        assert_eq!(kept[0]["amount"]["amount"], json!(cents));
        // Given back, it is nobody's any more.
        let intent = shop.fake.object(paid).unwrap()["payment_intent"].take();
        shop.fake.refund(intent.as_str().unwrap(), None).unwrap();
        shop.settle().await;
        shop.is_sound().await;
        // What was ordered is bought at its own page all the same.
        let again = opened(&shop, &ana, "lifetime-once").await;
        assert_ne!(session_of(&again), paid);
        pays(&shop, &again);
        shop.settle().await;
        let held = shop.me(&ana).await;
        assert_eq!(held["subscriptions"][0]["plan"], "lifetime");
        shop.is_sound().await;
    }
}
