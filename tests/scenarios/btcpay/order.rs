//! BTCPay's webhooks as they come: in any order, several times, all at once.

use billing_testkit::fakes::rig::SignedWebhook;
use futures_util::future::join_all;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, bought, days, opens, pays_untold, shop};
use crate::rig::{StoreKind, permutations};
use crate::scenarios::harbor::text;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// the webhooks of one purchase, in any order, are one purchase.
    x_02_one_purchase_at_btcpay_in_any_order;
    /// once, twice or twenty times at once, of a purchase and of a renewal.
    x_01_btcpay_s_webhooks_twenty_times_at_once;
}

/// What is kept of a buyer, but for ids and instants of ours.
async fn kept(shop: &Shop, buyer: &Buyer) -> Value {
    let mut stands = buyer.stands(shop).await;
    for own in ["id", "customer", "created_at"] {
        stands[own].take();
    }
    let invoices = buyer.invoices(shop).await;
    let mut invoices: Vec<Value> = invoices.iter().map(Value::clone).collect();
    for row in &mut invoices {
        for own in ["id", "customer", "subscription", "opened_at"] {
            row[own].take();
        }
    }
    let url = format!("/v1/customers/{}/journal?limit=100", buyer.customer);
    let events = shop.rows(&url).await;
    let mut events: Vec<String> = events.iter().map(|row| text(&row["event"])).collect();
    // Whether it was on its way first depends on when somebody looked.
    events.retain(|event| event != "invoice.opened" && event != "invoice.settled");
    events.sort();
    let licenses = buyer.licenses(shop).await.len();
    json!({ "stands": stands, "invoices": invoices, "journal": events, "licenses": licenses })
}

async fn about_to_have(shop: &Shop) -> (Buyer, Vec<SignedWebhook>) {
    let ana = opens(shop, "ana", "deck-monthly").await;
    pays_untold(shop, &ana.page);
    (ana, shop.fake.deliveries().take())
}

async fn x_02_one_purchase_at_btcpay_in_any_order(kind: StoreKind) {
    let mut first = None;
    let kinds = [
        "InvoiceCreated",
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
        "InvoicePaymentSettled",
        "InvoiceSettled",
    ];
    // Every order once, and where a fresh database takes its time, some of them.
    let each = if kind == StoreKind::Sqlite { 1 } else { 13 };
    let orders = permutations(&kinds).into_iter().enumerate();
    for (count, order) in orders.step_by(each) {
        let shop = shop(kind).await;
        let (ana, mut told) = about_to_have(&shop).await;
        let place = |one: &SignedWebhook| order.iter().position(|kind| *kind == one.event.kind);
        told.sort_by_key(place);
        assert_eq!(told.len(), order.len());
        for one in &told {
            shop.deliver_each(std::slice::from_ref(one)).await;
            if count.is_multiple_of(2) {
                shop.work().await;
            }
        }
        shop.settle().await;
        assert_eq!(ana.plan(&shop).await, "deck", "{order:?}");
        for once in [
            "subscription.activated",
            "license.issued",
            "checkout.completed",
        ] {
            assert_eq!(shop.told(once), 1, "{once} {order:?}");
        }
        let kept = kept(&shop, &ana).await;
        assert_eq!(
            *first.get_or_insert_with(|| kept.clone()),
            kept,
            "{order:?}"
        );
        shop.ends_well().await;
    }
    // And as each was true when it came.
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    shop.settle().await;
    shop.fake.pay_in_full(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "");
    shop.fake.confirm(&ana.page).unwrap();
    shop.settle().await;
    assert_eq!(first, Some(kept(&shop, &ana).await));
    shop.ends_well().await;
}

async fn x_01_btcpay_s_webhooks_twenty_times_at_once(kind: StoreKind) {
    let mut left = Vec::new();
    for times in [1, 2, 20] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "deck-monthly").await;
        shop.pass(days(32)).await;
        pays_untold(&shop, &ana.owes(&shop).await);
        let told = shop.fake.deliveries().take();
        for one in &told {
            let request = one.request();
            let all = (0..times).map(|_| shop.deliver("btcpay", &request));
            let works = async {
                shop.billing.work_until_idle().await.unwrap();
            };
            let (answers, ()) = tokio::join!(join_all(all), works);
            assert!(answers.iter().all(|seen| seen.status == StatusCode::OK));
        }
        shop.settle().await;
        shop.deliver_each(&told).await;
        shop.settle().await;
        assert_eq!(shop.told("subscription.renewed"), 1);
        left.push(kept(&shop, &ana).await);
        shop.ends_well().await;
    }
    assert_eq!(left[0], left[1]);
    assert_eq!(left[0], left[2]);
}
