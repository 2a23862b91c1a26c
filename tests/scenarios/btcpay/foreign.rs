//! Invoices in the same store that were not made by us, and say that they were.

use billing_domain::parked::{ParkReason, Parked};
use serde_json::{Value, json};

use super::shop::{Shop, bought, dashboard, days, opens, page, parked, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-20: what names an invoice of ours at another price, or one that was paid, is for a person.
    k_20_another_invoice_for_the_same_cycle_is_no_second_period;
    /// K-20: what pays for an invoice of ours that nobody knows is for a person.
    k_20_what_is_paid_for_something_unknown_waits_for_a_person;
    /// K-20: what the store sells besides is nobody's business.
    k_20_what_the_store_sells_besides_is_nothing;
}

/// Somebody makes an invoice with this metadata, and it is paid.
async fn paid(shop: &Shop, sats: u64, metadata: &Value) {
    let body = json!({ "amount": sats.to_string(), "currency": "SATS", "metadata": metadata });
    let made = dashboard(shop, "invoices", &body).await;
    let id = made["id"].as_str().unwrap();
    shop.fake.pay_by_lightning(id, sats).unwrap();
    shop.settle().await;
}

async fn k_20_another_invoice_for_the_same_cycle_is_no_second_period(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "buoy-sats").await;
    shop.pass(days(32)).await;
    let owed = ana.newest(&shop).await;
    let metadata = shop.fake.invoice(&ana.owes(&shop).await).unwrap().metadata;
    let before = ana.stands(&shop).await;
    paid(&shop, 1, &metadata).await;
    assert_eq!(ana.stands(&shop).await, before);
    assert_eq!(parked(&shop).await, ["amount_mismatch"]);
    assert_eq!(shop.told("subscription.renewed"), 0);
    // Paid as it was asked for, and then again by another.
    pays(&shop, &page(&owed["pay_url"])).await;
    let after = ana.stands(&shop).await;
    assert_eq!(after["status"], "active");
    paid(&shop, 50_000, &metadata).await;
    assert_eq!(ana.stands(&shop).await, after);
    assert_eq!(shop.told("subscription.renewed"), 1);
    let mut reasons = parked(&shop).await;
    reasons.sort_unstable();
    assert_eq!(reasons, ["amount_mismatch", "late_payment"]);
    shop.is_sound().await;
}

async fn k_20_what_is_paid_for_something_unknown_waits_for_a_person(kind: StoreKind) {
    for (named, customer_is_known) in [
        ("billing_invoice", true),
        ("billing_invoice", false),
        ("billing_checkout", true),
        ("billing_checkout", false),
    ] {
        let shop = shop(kind).await;
        let ana = bought(&shop, "ana", "buoy-sats").await;
        shop.pass(days(32)).await;
        let page = match named {
            "billing_invoice" => ana.owes(&shop).await,
            _ => ana.page.clone(),
        };
        let before = ana.stands(&shop).await;
        // As after a backup was put back: its row is gone, or its customer is too.
        let mut metadata = shop.fake.invoice(&page).unwrap().metadata;
        metadata[named] = json!(unheard_of(&metadata[named]));
        if !customer_is_known {
            let customer = unheard_of(&metadata["billing_customer"]);
            metadata["billing_customer"] = json!(customer);
        }
        paid(&shop, 50_000, &metadata).await;
        let found = shop.parked().await;
        assert!(!found.is_empty(), "{named} {customer_is_known}");
        let unlinked = |row: &Parked| row.reason == ParkReason::Unlinked && row.inbox.is_some();
        assert!(found.iter().all(unlinked), "{found:#?}");
        assert_eq!(ana.stands(&shop).await, before);
        assert_eq!(shop.store.next_work().await.unwrap().inbox, None);
        if !customer_is_known {
            continue;
        }
        // Unpaid, it is nobody's loss.
        let body = json!({ "amount": "50000", "currency": "SATS", "metadata": metadata });
        let made = dashboard(&shop, "invoices", &body).await;
        shop.fake.pay(made["id"].as_str().unwrap(), 20_000).unwrap();
        shop.settle().await;
        assert_eq!(shop.parked().await.len(), found.len());
        shop.is_sound().await;
    }
}

/// An id of the same kind that nobody has.
fn unheard_of(id: &Value) -> String {
    let id = id.as_str().unwrap();
    let (rest, last) = id.split_at(id.len() - 12);
    assert_ne!(last, "0123456789ab");
    format!("{rest}0123456789ab")
}

async fn k_20_what_the_store_sells_besides_is_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = opens(&shop, "ana", "deck-monthly").await;
    paid(&shop, 50_000, &json!({ "orderId": "a book" })).await;
    let mut metadata = shop.fake.invoice(&ana.page).unwrap().metadata;
    metadata["billing_operator"] = json!("another deployment");
    paid(&shop, 50_000, &metadata).await;
    ana.has_nothing(&shop).await;
    assert_eq!(shop.parked().await, []);
    shop.ends_well().await;
}
