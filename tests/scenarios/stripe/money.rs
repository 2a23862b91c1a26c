//! What goes back of a payment, and changes on both sides of the wire.

use billing_testkit::fakes::stripe::Card;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    Shop, Sold, days, licensed, opened, pays, reasons, session_of, shop, shop_selling, sold,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a part that goes back keeps the time, the whole ends it.
    x_11_stripe_s_refunds_reach_access;
    /// a purchase that goes back is undone, here and there.
    x_11_a_refunded_purchase_ends_at_stripe_too;
    /// and its license is revoked, for a month or for life.
    x_11_a_refunded_purchase_at_stripe_revokes_its_license;
    /// a dispute is shown while it is open; won it is nothing, lost a full refund.
    x_11_stripe_s_disputes_reach_access;
    /// a refund that fails after it was done gives the time back.
    x_11_a_refund_that_fails_at_stripe_gives_back;
    /// an operator's change reaches Stripe.
    x_10_an_operator_s_change_reaches_stripe;
    /// Stripe's change reaches us, and what differs is told.
    x_10_stripe_s_changes_reach_us_and_drift_is_told;
}

fn states(invoice: &Value) -> Vec<(String, String)> {
    let returned = invoice["returned"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    returned
        .map(|back| (text(&back["kind"]), text(&back["state"])))
        .collect()
}

fn pair(kind: &str, state: &str) -> (String, String) {
    (kind.to_owned(), state.to_owned())
}

/// Somebody in the second period, and Stripe's id of the invoice that paid for it.
async fn renewed(shop: &Shop, who: &str) -> (Sold, String) {
    let held = sold(shop, who, "bosun-monthly").await;
    shop.pass(days(33)).await;
    let invoice = held.there(shop)["latest_invoice"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(invoice, held.invoice);
    (held, invoice)
}

async fn x_11_stripe_s_refunds_reach_access(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, second) = renewed(&shop, "ana").await;
    shop.fake.refund(&second, Some(300)).unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    let invoice = held.invoices(&shop).await[1].clone();
    assert_eq!(states(&invoice), [pair("refund", "done")]);
    assert_eq!(
        invoice["returned"][0]["amount"],
        json!({ "amount": 300, "currency": "usd" })
    );

    shop.pass(days(1)).await;
    shop.fake.refund(&second, None).unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "free");
    let stands = held.stands(&shop).await;
    assert_eq!(stands["gives_access"], false);
    assert_eq!(stands["withheld"][0]["invoice"], invoice["id"]);
    assert_eq!(shop.told("invoice.refunded"), 2);
    // The next period is paid by itself, and gives access again.
    shop.pass(days(31)).await;
    assert_eq!(held.there(&shop)["status"], "active");
    assert_eq!(held.plan(&shop).await, "bosun");
    shop.ends_well().await;
}

async fn x_11_a_refunded_purchase_ends_at_stripe_too(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.pass(days(2)).await;
    shop.fake.refund(&held.invoice, None).unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(held.status(&shop).await, "canceled");
    assert_eq!(
        held.there(&shop)["status"],
        "canceled",
        "nobody is charged for it again"
    );
    shop.ends_well().await;
}

async fn x_11_a_refunded_purchase_at_stripe_revokes_its_license(kind: StoreKind) {
    let shop = shop_selling(kind, &licensed()).await;
    for (revoked, (who, price, paid_by)) in (1..).zip([
        ("ana", "bosun-monthly", "invoice"),
        ("ben", "lifetime-once", "payment_intent"),
    ]) {
        let customer = shop.customer(who).await;
        let checkout = opened(&shop, &customer, price).await;
        pays(&shop, &checkout);
        shop.settle().await;
        let held = shop.me(&customer).await["subscriptions"].take();
        assert_eq!(held[0]["status"], "active");
        let licenses = format!("/v1/licenses?customer={customer}");
        let licenses = shop.rows(&licenses).await;
        assert_eq!(licenses.len(), 1, "{licenses:#?}");
        let license = format!("/v1/licenses/{}", licenses[0]["id"].as_str().unwrap());
        assert_eq!(shop.read(&license).await["status"], "good");

        shop.pass(days(2)).await;
        let page = shop.fake.object(&session_of(&checkout)).unwrap();
        let paid = page[paid_by].as_str().unwrap();
        shop.fake.refund(paid, None).unwrap();
        shop.settle().await;
        let held = format!("/v1/subscriptions/{}", held[0]["id"].as_str().unwrap());
        assert_eq!(shop.read(&held).await["status"], "canceled");
        assert_eq!(shop.read(&license).await["status"], "revoked");
        assert_eq!(shop.told("license.revoked"), revoked);
    }
    shop.ends_well().await;
}

async fn x_11_stripe_s_disputes_reach_access(kind: StoreKind) {
    let shop = shop(kind).await;
    for (who, won, plan) in [("ana", true, "bosun"), ("ben", false, "free")] {
        let held = sold(&shop, who, "bosun-monthly").await;
        let dispute = shop.fake.dispute(&held.invoice).unwrap();
        shop.settle().await;
        assert_eq!(
            held.plan(&shop).await,
            "bosun",
            "a dispute is shown, and takes nothing"
        );
        let invoice = held.invoices(&shop).await[0].clone();
        assert_eq!(invoice["disputed"], true);
        assert_eq!(held.stands(&shop).await["disputed"], json!([invoice["id"]]));
        shop.fake.advance(days(1));
        shop.fake.close_dispute(&dispute, won).unwrap();
        shop.settle().await;
        let invoice = held.invoices(&shop).await[0].clone();
        assert_eq!(invoice["disputed"], false);
        let state = if won { "won" } else { "lost" };
        assert_eq!(states(&invoice), [pair("dispute", state)]);
        assert_eq!(held.plan(&shop).await, plan);
    }
    shop.ends_well().await;
}

async fn x_11_a_refund_that_fails_at_stripe_gives_back(kind: StoreKind) {
    let shop = shop(kind).await;
    let (held, second) = renewed(&shop, "ana").await;
    let refund = shop.fake.refund(&second, None).unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "free");
    shop.fake.advance(days(1));
    shop.fake.fail_refund(&refund).unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    shop.ends_well().await;
}

async fn x_10_an_operator_s_change_reaches_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "deckhand-monthly").await;
    shop.pass(days(10)).await;
    let change = json!({ "plan": "bosun", "collect": "none", "reason": "a gift" });
    let url = format!("/v1/subscriptions/{}/change-plan", held.id);
    let forced = shop.operate(&url, &change).await;
    assert!(forced.status.is_success(), "{}", forced.text);
    shop.settle().await;
    let there = held.there(&shop);
    assert_eq!(there["items"]["data"][0]["price"]["id"], "price_bosun");
    assert_eq!(there["items"]["data"].as_array().unwrap().len(), 1);
    assert_eq!(held.plan(&shop).await, "bosun");

    // Another interval would be charged there at once, whatever is asked for.
    let paid = held.invoices(&shop).await.len();
    let year = json!({ "price": "bosun-yearly", "collect": "none", "reason": "a gift" });
    let refused = shop.operate(&url, &year).await;
    refused.refused(StatusCode::UNPROCESSABLE_ENTITY, "charged_by_provider");
    shop.settle().await;
    let there = held.there(&shop);
    assert_eq!(there["items"]["data"][0]["price"]["id"], "price_bosun");
    assert_eq!(held.invoices(&shop).await.len(), paid, "nothing is charged");

    let url = format!("/v1/subscriptions/{}/cancel", held.id);
    let canceled = shop.operate(&url, &json!({})).await;
    assert!(canceled.status.is_success(), "{}", canceled.text);
    shop.settle().await;
    let there = held.there(&shop);
    assert!(
        there["cancel_at_period_end"] == true || there["cancel_at"].is_i64(),
        "{there}"
    );
    assert_eq!(there["status"], "active");
    assert!(held.stands(&shop).await["ends_at"].is_string());
    shop.pass(days(25)).await;
    assert_eq!(held.there(&shop)["status"], "canceled");
    assert_eq!(held.plan(&shop).await, "free");
    shop.ends_well().await;
}

async fn x_10_stripe_s_changes_reach_us_and_drift_is_told(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "deckhand-monthly").await;
    shop.fake.advance(days(3));
    // Changed there, and the webhooks of it are lost.
    shop.fake
        .switch_in_portal(&held.subscription, "price_bosun")
        .unwrap();
    shop.fake.set_card(&held.payer, Some(Card::Good)).unwrap();
    let lost = shop.fake.deliveries().take();
    assert!(!lost.is_empty());
    assert_eq!(held.plan(&shop).await, "deckhand");
    let mut drifts = Vec::new();
    let found = shop
        .billing
        .drift(None, |_, drift| drifts.push(format!("{drift:?}")));
    let found = found.await.unwrap();
    assert!(found.drifts > 0, "{drifts:?}");
    assert_eq!(
        held.plan(&shop).await,
        "deckhand",
        "telling changes nothing"
    );

    // Reading the account's own books makes ours right, and is told.
    let stripe = "stripe/main".parse().unwrap();
    let mut differences = 0;
    let reread = shop
        .billing
        .reread(&stripe, |_| differences += 1)
        .await
        .unwrap();
    assert!(reread.finished, "{reread:?}");
    assert!(differences > 0, "{reread:?}");
    shop.work().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    let after = shop
        .billing
        .drift(None, |_, drift| drifts.push(format!("{drift:?}")));
    assert_eq!(after.await.unwrap().drifts, 0, "{drifts:?}");
    // The lost webhooks, found after all, change nothing more.
    let before = held.stands(&shop).await;
    shop.deliver_each(&lost).await;
    shop.work().await;
    assert_eq!(held.stands(&shop).await, before);
    assert_eq!(reasons(&shop).await, Vec::<String>::new());
    let seen = shop.get(&format!("/v1/checkouts/{}", "chk_unknown")).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    shop.ends_well().await;
}
