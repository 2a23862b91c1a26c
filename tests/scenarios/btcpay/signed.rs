//! What BTCPay tells, believed by its signature and then only as a reason to look.

use billing_ports::WebhookRequest;
use billing_testkit::fakes::btcpay::{DEFAULT_SECRET, OWN_WEBHOOK, SIGNATURE_HEADER, signature};
use billing_testkit::fakes::rig::FaultKind;
use bytes::Bytes;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, OLD_SECRET, Shop, days, down, opens, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-20: what is not signed by a secret of the store's is a 401, and nothing is written.
    k_20_only_what_the_store_signed_is_taken;
    /// K-20: settled in the body and unpaid at the store grants nothing.
    k_20_a_webhook_that_lies_grants_nothing;
    /// K-20: while BTCPay cannot be asked, a webhook is kept, and nothing is granted.
    k_20_nothing_is_granted_before_it_was_confirmed;
}

fn signed(secret: &str, body: &Value) -> WebhookRequest {
    let body = Bytes::from(body.to_string());
    WebhookRequest {
        headers: vec![(SIGNATURE_HEADER.to_owned(), signature(secret, &body))],
        body,
    }
}

/// A webhook that says that this invoice was settled.
fn settled(shop: &Shop, invoice: &str, delivery: &str) -> Value {
    let metadata = shop.fake.invoice(invoice).map(|held| held.metadata);
    json!({
        "deliveryId": delivery, "originalDeliveryId": delivery, "isRedelivery": false,
        "webhookId": OWN_WEBHOOK, "type": "InvoiceSettled", "manuallyMarked": false,
        "overPaid": false, "status": "Settled", "additionalStatus": "None",
        "amount": "50000", "currency": "SATS", "paidAmount": "50000",
        "timestamp": shop.now().as_second(), "storeId": shop.fake.world().store_id,
        "invoiceId": invoice, "metadata": metadata,
    })
}

async fn takes(shop: &Shop, request: &WebhookRequest) {
    shop.deliver("btcpay", request).await.is(StatusCode::OK);
    shop.work().await;
}

async fn k_20_only_what_the_store_signed_is_taken(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.fake.pay_by_lightning(&ana.page, 50_000).unwrap();
    let told = shop.fake.deliveries().take();
    let genuine = told.last().unwrap().request();
    let altered = WebhookRequest {
        body: Bytes::from([genuine.body.as_ref(), b" "].concat()),
        ..genuine.clone()
    };
    let body: Value = serde_json::from_slice(&genuine.body).unwrap();
    let bare = WebhookRequest {
        headers: Vec::new(),
        body: genuine.body.clone(),
    };
    let unnamed = signature(DEFAULT_SECRET, &genuine.body);
    let unnamed = WebhookRequest {
        headers: vec![(SIGNATURE_HEADER.to_owned(), unnamed.replace("sha256=", ""))],
        body: genuine.body.clone(),
    };
    for refused in [
        bare,
        altered,
        unnamed,
        signed("another store's secret", &body),
        signed("", &body),
    ] {
        let seen = shop.deliver("btcpay", &refused).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    for there in ["stripe", "btcpay/other", "none"] {
        let seen = shop.deliver(there, &genuine).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    shop.work().await;
    assert_eq!(shop.store.next_work().await.unwrap().inbox, None);
    ana.has_nothing(&shop).await;
    // While secrets are rotated both are believed, and once is as good as ten times.
    for secret in [OLD_SECRET, DEFAULT_SECRET] {
        for _ in 0..5 {
            takes(&shop, &signed(secret, &body)).await;
        }
    }
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(shop.told("subscription.activated"), 1);
    shop.ends_well().await;
}

async fn k_20_a_webhook_that_lies_grants_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    // Known, unknown, of another store, and of somebody else's sale in this one.
    let lie = settled(&shop, &ana.page, "lie-1");
    let mut unknown = settled(&shop, "unheardOf", "lie-2");
    unknown["metadata"] = lie["metadata"].clone();
    let mut elsewhere = settled(&shop, &ana.page, "lie-3");
    elsewhere["storeId"] = json!("AnotherStore");
    let mut foreign = settled(&shop, &ana.page, "lie-4");
    foreign["metadata"] = json!({ "orderId": "a book" });
    for lie in [lie, unknown, elsewhere, foreign] {
        takes(&shop, &signed(DEFAULT_SECRET, &lie)).await;
        shop.pass(SignedDuration::from_mins(1)).await;
        ana.has_nothing(&shop).await;
    }
    assert_eq!(shop.parked().await, []);
    pays(&shop, &ana.page).await;
    assert_eq!(ana.plan(&shop).await, "deck");
    // Nor is a renewal paid by saying so.
    shop.pass(days(32)).await;
    let owed = ana.owes(&shop).await;
    let before = ana.stands(&shop).await;
    takes(
        &shop,
        &signed(DEFAULT_SECRET, &settled(&shop, &owed, "lie-5")),
    )
    .await;
    assert_eq!(ana.stands(&shop).await, before);
    assert_eq!(shop.told("subscription.renewed"), 0);
    // A license of another's is not to be had by naming it.
    let ben = opens(&shop, "ben", "deck-monthly").await;
    let mut swapped = settled(&shop, &ana.page, "lie-6");
    swapped["metadata"] = shop.fake.invoice(&ben.page).unwrap().metadata;
    takes(&shop, &signed(DEFAULT_SECRET, &swapped)).await;
    ben.has_nothing(&shop).await;
    shop.is_sound().await;
}

async fn confirmed_later(shop: &Shop, ana: &Buyer, fault: FaultKind) {
    down(shop, fault);
    shop.deliver_all().await;
    shop.work().await;
    for _ in 0..4 {
        shop.pass(SignedDuration::from_mins(2)).await;
        ana.has_nothing(shop).await;
    }
    let waits = shop.store.next_work().await.unwrap().inbox;
    assert!(waits.is_some_and(|at| shop.now() < at), "{waits:?}");
    shop.fake.faults().clear();
    shop.pass(SignedDuration::from_hours(2)).await;
    assert_eq!(ana.plan(shop).await, "deck");
    assert_eq!(ana.licenses(shop).await.len(), 1);
}

async fn k_20_nothing_is_granted_before_it_was_confirmed(kind: StoreKind) {
    for fault in [
        FaultKind::LostAnswer,
        FaultKind::HtmlBadGateway,
        FaultKind::CutBody,
    ] {
        let shop = shop(kind).await;
        let ana = opens(&shop, "ana", "deck-monthly").await;
        shop.fake.pay_by_lightning(&ana.page, 50_000).unwrap();
        confirmed_later(&shop, &ana, fault).await;
        shop.ends_well().await;
    }
}
