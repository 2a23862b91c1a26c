//! What falls due through BTCPay: worked off in bounded batches, oldest first, and held
//! up by nobody.

use std::sync::Arc;
use std::time::Duration;

use billing::{Billing, Limits};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::Clock;
use billing_testkit::SeededIds;
use billing_testkit::fakes::btcpay::lightning_failure;
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, asked, bought, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-11: an empty go writes nothing and asks nobody.
    k_11_with_nothing_due_nothing_is_done_at_btcpay;
    /// K-11: batches are bounded, the oldest first, and one that fails stops no other.
    k_11_one_that_fails_at_btcpay_stops_no_other;
}

/// How much later each of the buyers comes than the one before.
const APART: SignedDuration = SignedDuration::from_hours(1);

/// Until what could not be asked for is asked for again.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// What ids of the second worker are drawn from: other ones than the server's own.
const SEED: u64 = 0x0011;

/// Five whose renewals fall due an hour after one another, the first first.
async fn buyers(shop: &Shop) -> Vec<Buyer> {
    let mut buyers = Vec::new();
    for who in ["ana", "ben", "cem", "dan", "eva"] {
        buyers.push(bought(shop, who, "deck-monthly").await);
        shop.pass(APART).await;
    }
    buyers
}

/// Another worker on the same books, who takes two at a time.
fn worker(shop: &Shop) -> Billing {
    let clock: Arc<dyn Clock> = Arc::new(shop.fake.clock().clone());
    let ids = Arc::new(SeededIds::new(SEED));
    Billing::builder(Arc::clone(&shop.store), clock, ids)
        .provider(Arc::clone(&shop.provider))
        .notifier(Arc::new(shop.notifier.clone()))
        .limits(Limits {
            batch: 2,
            ..Limits::default()
        })
        .build()
        .unwrap()
}

async fn due(shop: &Shop, buyer: &Buyer) -> Timestamp {
    let through = &buyer.stands(shop).await["paid_through"];
    through.as_str().unwrap().parse().unwrap()
}

/// Whose renewal has an invoice, in their order.
async fn opened(shop: &Shop, buyers: &[Buyer]) -> Vec<bool> {
    let mut opened = Vec::new();
    for buyer in buyers {
        opened.push(buyer.invoices(shop).await.len() == 2);
    }
    opened
}

/// All that an operator can read of them.
async fn books(shop: &Shop, buyers: &[Buyer]) -> Value {
    let mut books = Vec::new();
    for buyer in buyers {
        let journal = format!("/v1/customers/{}/journal?limit=100", buyer.customer);
        books.push(json!([
            buyer.stands(shop).await,
            buyer.invoices(shop).await,
            buyer.licenses(shop).await,
            shop.rows(&journal).await,
        ]));
    }
    Value::Array(books)
}

async fn k_11_with_nothing_due_nothing_is_done_at_btcpay(kind: StoreKind) {
    let shop = shop(kind).await;
    let buyers = buyers(&shop).await;
    let worker = worker(&shop);
    let first = due(&shop, &buyers[0]).await;
    let moment = SignedDuration::from_secs(1);
    shop.pass_until(shifted(first, -moment)).await;
    let before = books(&shop, &buyers).await;
    let next = shop.store.next_work().await.unwrap();
    let told = shop.notifier.events();
    shop.fake.requests().clear();
    for _ in 0..3 {
        let done = worker.work(Duration::ZERO).await.unwrap();
        assert!(done.is_empty() && !done.more, "{done:?}");
        assert!(worker.work_until_idle().await.unwrap().is_empty());
    }
    assert_eq!(shop.fake.requests().all(), [], "nobody is asked");
    assert_eq!(books(&shop, &buyers).await, before);
    assert_eq!(shop.store.next_work().await.unwrap(), next);
    assert_eq!(shop.notifier.events(), told);
    // A second later there is something to do, of one of them.
    shop.fake.advance(moment);
    assert_eq!(worker.work_until_idle().await.unwrap().due, 1);
    assert_eq!(
        opened(&shop, &buyers).await,
        [true, false, false, false, false]
    );
    assert_eq!(asked(&shop), [first]);
    shop.ends_well().await;
}

async fn k_11_one_that_fails_at_btcpay_stops_no_other(kind: StoreKind) {
    for failure in [FaultKind::ServerError, lightning_failure()] {
        let shop = shop(kind).await;
        let buyers = buyers(&shop).await;
        let worker = worker(&shop);
        let (fourth, last) = (due(&shop, &buyers[3]).await, due(&shop, &buyers[4]).await);
        assert_eq!(last.duration_since(fourth), APART);
        // Nobody has worked since before the first of them fell due.
        shop.fake.advance(fourth.duration_since(shop.now()));
        shop.fake.requests().clear();
        shop.fake.fault(Fault::next(failure).on("POST", "/"));

        // Two at a time, the oldest first, and none before it is due.
        for so_far in [2, 4] {
            let done = worker.work(Duration::ZERO).await.unwrap();
            assert_eq!((done.due, done.more), (2, true));
            let expected: Vec<bool> = (0..5).map(|place| place < so_far).collect();
            assert_eq!(opened(&shop, &buyers).await, expected);
        }
        let done = worker.work_until_idle().await.unwrap();
        assert_eq!(done.due, 0, "{done:?}");

        // One was refused; each of the others has a page, and pays there.
        assert_eq!(shop.fake.faults().open(), [], "it struck");
        assert_eq!(asked(&shop), [fourth; 4]);
        let mut waits = Vec::new();
        for buyer in &buyers[..4] {
            if buyer.newest(&shop).await["pay_url"].is_null() {
                assert_eq!(buyer.at_btcpay(&shop).len(), 1);
                waits.push(buyer);
            } else {
                assert_eq!(buyer.at_btcpay(&shop).len(), 2);
                pays(&shop, &buyer.owes(&shop).await).await;
                assert_eq!(buyer.stands(&shop).await["status"], "active");
            }
        }
        assert_eq!(waits.len(), 1, "{waits:?}");
        assert_eq!(shop.told("subscription.renewed"), 3);

        // Asked for again, it has its page too; the last one comes in its own time.
        shop.pass_until(shifted(fourth, AGAIN)).await;
        assert_eq!(asked(&shop)[4..], [shifted(fourth, AGAIN)]);
        pays(&shop, &waits[0].owes(&shop).await).await;
        assert_eq!(opened(&shop, &buyers).await[4..], [false]);
        shop.pass_until(last).await;
        assert_eq!(asked(&shop)[5..], [last]);
        pays(&shop, &buyers[4].owes(&shop).await).await;
        assert_eq!(shop.told("subscription.renewed"), 5);
        assert_eq!(shop.told("subscription.lapsed"), 0);
        shop.ends_well().await;
    }
}
