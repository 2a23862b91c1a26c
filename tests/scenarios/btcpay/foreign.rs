//! Invoices in the same store that were not made by us, and say that they were.

use billing_domain::parked::{ParkReason, Parked};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, bought, dashboard, days, opens, page, parked, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::harbor::{sat, usd};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-20: what names an invoice of ours at another price, or one that was paid, is for a person.
    k_20_another_invoice_for_the_same_cycle_is_no_second_period;
    /// K-20: a page that says another price or rate than was ordered is for a person, and
    /// what was ordered can be paid as ever.
    k_20_a_page_that_nobody_ordered_grants_nothing;
    /// K-20: nor does such a page renew anything.
    k_20_a_renewal_that_nobody_ordered_renews_nothing;
    /// K-20: what was ordered when its answer was lost is held to what was asked for.
    k_20_a_lost_answer_makes_no_purchase_cheaper;
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

/// What is written on a page, with a rate by which 500 satoshi are all of its price.
fn cheap(shop: &Shop, page: &str, listed: &Value) -> Value {
    let mut metadata = shop.fake.invoice(page).unwrap().metadata;
    metadata["billing_conversion"] = json!({
        "listed": listed, "collected": sat(500), "rate": 500_000_000,
        "source": "btcpay", "at": "2026-01-01T00:00:00Z",
    });
    metadata
}

/// The only thing that waits for a person is about these 500 satoshi.
async fn names_the_money(shop: &Shop) {
    let found = shop.parked().await;
    let [row] = &found[..] else {
        panic!("{found:#?}");
    };
    let reason = row.reason.as_str();
    assert!(
        ["currency_mismatch", "amount_mismatch", "late_payment"].contains(&reason),
        "{reason}"
    );
    assert!(row.evidence.contains("SAT 500"), "{}", row.evidence);
}

async fn k_20_a_page_that_nobody_ordered_grants_nothing(kind: StoreKind) {
    for (price, plan, listed) in [
        ("deck-monthly", "deck", usd(2_500)),
        ("buoy-sats", "buoy", sat(50_000)),
    ] {
        let shop = shop(kind).await;
        let ana = opens(&shop, "ana", price).await;
        let metadata = cheap(&shop, &ana.page, &listed);
        paid(&shop, 500, &metadata).await;
        ana.has_nothing(&shop).await;
        names_the_money(&shop).await;
        // What was ordered can be paid as ever, for all of its price.
        pays(&shop, &ana.page).await;
        assert_eq!(ana.plan(&shop).await, plan);
        let sold = ana.newest(&shop).await;
        assert_eq!(sold["status"], "settled");
        if plan == "deck" {
            assert_eq!(sold["conversion"]["collected"], sat(50_000));
        }
        shop.is_sound().await;
    }
}

async fn k_20_a_renewal_that_nobody_ordered_renews_nothing(kind: StoreKind) {
    for (price, listed) in [("deck-monthly", usd(2_500)), ("buoy-sats", sat(50_000))] {
        let shop = shop(kind).await;
        let ben = bought(&shop, "ben", price).await;
        shop.pass(days(32)).await;
        let owed = ben.owes(&shop).await;
        let before = ben.stands(&shop).await;
        // Told as another page at a rate that is not ten times off.
        let mut metadata = cheap(&shop, &owed, &listed);
        metadata["billing_conversion"]["collected"] = sat(5_001);
        let like_it = json!({ "amount": "5001", "currency": "SATS", "metadata": metadata });
        let made = dashboard(&shop, "invoices", &like_it).await;
        shop.fake
            .pay_by_lightning(made["id"].as_str().unwrap(), 5_001)
            .unwrap();
        shop.settle().await;
        assert_eq!(ben.stands(&shop).await, before);
        assert_eq!(shop.parked().await.len(), 1);
        pays(&shop, &owed).await;
        assert_eq!(ben.stands(&shop).await["status"], "active");
        shop.is_sound().await;
    }
}

async fn k_20_a_lost_answer_makes_no_purchase_cheaper(kind: StoreKind) {
    for cheaper_first in [true, false] {
        let shop = shop(kind).await;
        let customer = shop.customer("ana").await;
        let session = shop.session(&customer).await;
        let lost = Fault::next(FaultKind::LostAnswer).on("POST", "/").after();
        shop.fake.fault(lost);
        let asked = json!({ "price": "deck-monthly" });
        let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
        refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
        let made = shop.fake.world().order.last().unwrap().clone();
        let ana = Buyer {
            customer,
            page: made,
        };
        // The page was made, and nothing of it is known here.
        let metadata = cheap(&shop, &ana.page, &usd(2_500));
        if cheaper_first {
            paid(&shop, 500, &metadata).await;
            ana.has_nothing(&shop).await;
            names_the_money(&shop).await;
        }
        shop.pass(SignedDuration::from_mins(10)).await;
        assert_eq!(ana.at_btcpay(&shop).len(), 1 + usize::from(cheaper_first));
        pays(&shop, &ana.page).await;
        assert_eq!(ana.plan(&shop).await, "deck");
        let sold = ana.newest(&shop).await;
        assert_eq!(sold["conversion"]["collected"], sat(50_000));
        if !cheaper_first {
            paid(&shop, 500, &metadata).await;
            names_the_money(&shop).await;
        }
        assert_eq!(ana.licenses(&shop).await.len(), 1);
        shop.is_sound().await;
    }
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
