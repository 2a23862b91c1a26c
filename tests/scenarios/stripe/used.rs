//! Metered use of what Stripe charges: an invoice of our own beside its schedule.

use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::{Card, FakeOptions};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, Sold, account, days, options, sold, with};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-11: what is beyond the included is charged at Stripe at the cycle's end, once.
    g_11_stripe_charges_what_was_used_once;
    /// G-11: whichever answer is lost, and however often webhooks come, once.
    g_11_a_lost_answer_of_stripe_s_charges_use_once;
    /// G-11: a card that is declined takes nothing away; it is paid on its page.
    g_11_use_that_a_card_declines_is_paid_on_its_page;
    /// G-11: what was used of a subscription that has ended is charged like any other.
    g_11_the_last_use_of_what_ended_at_stripe_is_charged;
}

const METERED: &str = r#"
currency: usd
product: "Cellar Storage"
defaults: { newcomer: free }
features:
  calls: { kind: count, name: "Calls", meter: sum }
plans:
  free: { name: Free, rank: 0, entitlements: { calls: 0 } }
  bosun:
    name: Bosun
    rank: 20
    entitlements: { calls: 1000 }
    prices:
      bosun-monthly:
        amount: 8.00
        interval: month
        stripe: price_bosun
        overage: { calls: { per: 100, amount: 0.50 } }
"#;

async fn metered(kind: StoreKind) -> (Shop, Sold) {
    let fake = account(FakeOptions::default()).await;
    let options = options(&fake, "cellar");
    let shop = with(kind.fresh().await, fake, options, METERED).await;
    let ana = sold(&shop, "ana", "bosun-monthly").await;
    (shop, ana)
}

async fn used(shop: &Shop, of: &Sold, id: &str, calls: u64) {
    let event = json!({ "id": id, "feature": "calls", "value": calls });
    let url = format!("/v1/customers/{}/usage", of.customer);
    let taken = shop.operate(&url, &json!({ "events": [event] })).await;
    assert_eq!(taken.is(StatusCode::OK).json()["counted"], 1);
}

/// How often money was taken at Stripe, and how much.
fn taken(shop: &Shop, of: &Sold) -> (u64, i64) {
    let books = shop.fake.books();
    let account = &books.customers[&of.payer];
    (account.charges, account.charged["usd"])
}

/// Our invoices of use, oldest first.
async fn of_use(shop: &Shop, of: &Sold) -> Vec<Value> {
    let mut invoices = of.invoices(shop).await;
    invoices.retain(|invoice| invoice["purpose"] == "usage");
    invoices
}

async fn period_end(shop: &Shop, of: &Sold) -> billing_domain::time::Timestamp {
    let url = format!("/v1/customers/{}/usage", of.customer);
    let usage = shop.read(&url).await;
    usage["period_end"].as_str().unwrap().parse().unwrap()
}

async fn g_11_stripe_charges_what_was_used_once(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    used(&shop, &ana, "e1", 900).await;
    used(&shop, &ana, "e2", 300).await;
    let end = period_end(&shop, &ana).await;
    let before = billing_domain::time::shifted(end, SignedDuration::from_mins(59));
    shop.pass_until(before).await;
    assert_eq!(of_use(&shop, &ana).await, [] as [Value; 0]);
    // Of the new cycle, which Stripe has not collected yet.
    used(&shop, &ana, "e3", 1_050).await;
    shop.pass(days(1)).await;
    // The purchase, the renewal, and two hundreds beyond.
    assert_eq!(taken(&shop, &ana), (3, 800 + 800 + 100));
    let invoices = of_use(&shop, &ana).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["status"], "settled");
    assert_eq!(invoices[0]["amount"]["amount"], 100);
    assert_eq!(ana.plan(&shop).await, "bosun");
    // 25 are too little for Stripe to collect: charged, and collected with the next renewal.
    shop.pass(days(31)).await;
    assert_eq!(taken(&shop, &ana), (4, 3 * 800 + 100));
    assert_eq!(of_use(&shop, &ana).await[1]["status"], "settled");
    shop.pass(days(31)).await;
    assert_eq!(taken(&shop, &ana), (5, 4 * 800 + 100 + 25));
    assert_eq!(of_use(&shop, &ana).await.len(), 2);
    let amounts = ana.invoices(&shop).await;
    let amounts = amounts.iter();
    let amounts = amounts.map(|one| one["amount"]["amount"].as_i64().unwrap());
    assert_eq!(
        amounts.sum::<i64>(),
        4 * 800 + 100 + 25,
        "each is told once"
    );
    shop.ends_well().await;
}

async fn g_11_a_lost_answer_of_stripe_s_charges_use_once(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    used(&shop, &ana, "e1", 1_200).await;
    let end = period_end(&shop, &ana).await;
    shop.pass_until(end).await;
    // Each of the three calls is carried out and its answer lost: the draft's, its line's,
    // and that which makes it final.
    for (path, times) in [("/v1/invoices", 2), ("/v1/invoiceitems", 1)] {
        let lost = Fault::next(FaultKind::LostAnswer).after().times(times);
        shop.fake.fault(lost.on("POST", path));
    }
    shop.fake.advance(SignedDuration::from_mins(61));
    for _ in 0..3 {
        let sent = shop.fake.deliveries().take();
        shop.deliver_each(&sent).await;
        shop.deliver_each(&sent).await;
        shop.settle().await;
    }
    shop.pass(days(3)).await;
    assert!(shop.fake.faults().open().is_empty(), "all were lost");
    assert_eq!(taken(&shop, &ana), (3, 800 + 800 + 100));
    let invoices = of_use(&shop, &ana).await;
    assert_eq!(invoices.len(), 1);
    assert_eq!(invoices[0]["status"], "settled");
    assert_eq!(invoices[0]["payments"].as_array().unwrap().len(), 1);
    shop.ends_well().await;
}

async fn g_11_use_that_a_card_declines_is_paid_on_its_page(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    used(&shop, &ana, "e1", 1_200).await;
    let end = period_end(&shop, &ana).await;
    // Nothing else is to be paid then.
    shop.fake.cancel_in_portal(&ana.subscription).unwrap();
    shop.pass_until(billing_domain::time::shifted(
        end,
        SignedDuration::from_mins(59),
    ))
    .await;
    shop.fake
        .set_card(&ana.payer, Some(Card::FailsLater))
        .unwrap();
    shop.pass(SignedDuration::from_hours(2)).await;
    let invoices = of_use(&shop, &ana).await;
    assert_eq!(invoices[0]["status"], "open");
    let there = shop.fake.books();
    assert_eq!(there.customers[&ana.payer].declined, 1);
    let page = invoices[0]["pay_url"].as_str().unwrap();
    let id = page.rsplit('/').next().unwrap();
    shop.fake.pay_invoice(id, Card::Good).unwrap();
    shop.settle().await;
    let charged = of_use(&shop, &ana).await[0].clone();
    assert_eq!(charged["status"], "settled");
    assert_eq!(charged["payments"].as_array().unwrap().len(), 1);
    assert_eq!(shop.fake.object(id).unwrap()["amount_paid"], 100);
    shop.ends_well().await;
}

async fn g_11_the_last_use_of_what_ended_at_stripe_is_charged(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    shop.pass(days(5)).await;
    used(&shop, &ana, "e1", 1_150).await;
    let cancel = format!("/v1/subscriptions/{}/cancel", ana.id);
    let canceled = shop.operate(&cancel, &json!({ "when": "now" })).await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    assert_eq!(ana.plan(&shop).await, "free");
    assert_eq!(taken(&shop, &ana), (1, 800));
    shop.pass(SignedDuration::from_hours(2)).await;
    assert_eq!(taken(&shop, &ana), (2, 800 + 75));
    assert_eq!(of_use(&shop, &ana).await[0]["status"], "settled");
    shop.pass(days(60)).await;
    assert_eq!(taken(&shop, &ana), (2, 800 + 75));
    shop.ends_well().await;
}
