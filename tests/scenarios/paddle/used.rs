//! Metered use of what Paddle charges: a charge of its own beside the items of a
//! subscription.

use billing::ReplayAsk;
use billing_domain::money::Currency;
use billing_domain::proration::TaxRate;
use billing_domain::time::{Interval, Timestamp, shifted};

use billing_testkit::fakes::paddle::{Card, PriceSeed, Rules};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, bought, days, id, only, only_at_paddle, plan_of, shop_selling};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// G-11: what is beyond the included is charged at Paddle at the cycle's end, once,
    /// and pays for no cycle there.
    g_11_paddle_charges_what_was_used_once;
    /// G-11: whichever answer is lost, and however often webhooks come, once.
    g_11_a_lost_answer_of_paddle_s_charges_use_once;
    /// G-11: a card that is declined takes nothing away; it is charged with the next.
    g_11_use_that_paddle_s_card_declines_is_charged_with_the_next;
    /// G-11: what is less than Paddle charges, or comes while a renewal is overdue, is
    /// charged with the next.
    g_11_use_that_paddle_does_not_collect_is_charged_with_the_next;
    /// G-11: what was used of a subscription that has ended is paid on a page.
    g_11_the_last_use_of_what_ended_at_paddle_is_paid_on_its_page;
}

const METERED: &str = r#"
currency: usd
product: "Inkwell"
defaults: { newcomer: free }
features:
  calls: { kind: count, name: "Calls", meter: sum }
plans:
  free: { name: Free, rank: 0, entitlements: { calls: 0 } }
  press:
    name: Press
    rank: 20
    grace: 7d
    entitlements: { calls: 1000 }
    prices:
      press-monthly:
        amount: 8.00
        interval: month
        paddle: pri_press
        overage: { calls: { per: 100, amount: 0.50 } }
"#;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A shop at which tax of a fifth is put on top, and somebody who has bought there.
async fn metered(kind: StoreKind) -> (Shop, String) {
    let rules = Rules {
        tax: TaxRate {
            millionths: 200_000,
        },
        retries: vec![days(3), days(10)],
        ..Rules::default()
    };
    let shop = shop_selling(kind, rules, METERED).await;
    let month = Some(Interval::MONTH);
    let press = PriceSeed::new("pri_press", 800, Currency::USD, month);
    shop.fake.sell(&press);
    let ana = bought(&shop, "ana", "press-monthly").await;
    (shop, ana)
}

async fn used(shop: &Shop, customer: &str, name: &str, calls: u64) {
    let event = json!({ "id": name, "feature": "calls", "value": calls });
    let url = format!("/v1/customers/{customer}/usage");
    let taken = shop.operate(&url, &json!({ "events": [event] })).await;
    assert_eq!(taken.is(StatusCode::OK).json()["counted"], 1);
}

/// What Paddle has taken, payment by payment, tax included.
fn taken(shop: &Shop) -> Vec<i64> {
    let world = shop.fake.world();
    let mut paid: Vec<_> = world
        .transactions
        .values()
        .filter(|one| one.captured() > 0)
        .collect();
    paid.sort_by_key(|one| (one.billed_at, one.id.clone()));
    paid.iter().map(|one| one.captured()).collect()
}

/// Our invoices of use, oldest first.
async fn of_use(shop: &Shop, customer: &str) -> Vec<Value> {
    let url = format!("/v1/invoices?customer={customer}");
    let mut invoices = shop.rows(&url).await;
    invoices.retain(|invoice| invoice["purpose"] == "usage");
    invoices.reverse();
    invoices
}

/// How they stand, and what they come to.
async fn stand(shop: &Shop, customer: &str) -> Vec<(String, i64)> {
    let of = |invoice: &Value| {
        let status = invoice["status"].as_str().unwrap().to_owned();
        (status, invoice["amount"]["amount"].as_i64().unwrap())
    };
    of_use(shop, customer).await.iter().map(of).collect()
}

fn stands(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    let rows = rows.iter();
    rows.map(|(status, amount)| ((*status).to_owned(), *amount))
        .collect()
}

async fn period_end(shop: &Shop, customer: &str) -> Timestamp {
    let usage = shop.read(&format!("/v1/customers/{customer}/usage")).await;
    usage["period_end"].as_str().unwrap().parse().unwrap()
}

/// What a customer is owed, below zero where it owes.
async fn balances(shop: &Shop, customer: &str) -> Value {
    let seen = shop.read(&format!("/v1/customers/{customer}")).await;
    seen["balances"].clone()
}

/// The books are sound, compared with Paddle's and with all that it ever told.
async fn agrees(shop: &Shop) {
    shop.ends_well().await;
    let mut found = Vec::new();
    let drifted = shop
        .billing
        .drift(None, |_, drift| found.push(format!("{drift:?}")));
    assert!(drifted.await.unwrap().unanswered.is_empty());
    let ask = ReplayAsk::default();
    let replayed = shop.billing.replay(&ask, |_, one| {
        found.push(format!("{one:?}"));
    });
    assert!(replayed.await.unwrap().rows > 0);
    let paddle = "paddle/main".parse().unwrap();
    let reread = shop
        .billing
        .reread(&paddle, |one| found.push(format!("{one:?}")));
    assert!(reread.await.unwrap().finished);
    assert_eq!(found, [] as [String; 0]);
    shop.ends_well().await;
}

async fn g_11_paddle_charges_what_was_used_once(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    used(&shop, &ana, "e1", 900).await;
    used(&shop, &ana, "e2", 300).await;
    let end = period_end(&shop, &ana).await;
    shop.pass_until(shifted(end, SignedDuration::from_mins(59)))
        .await;
    assert_eq!(stand(&shop, &ana).await, []);
    // Of the new cycle.
    used(&shop, &ana, "e3", 1_400).await;
    shop.pass(days(1)).await;
    // The purchase, the renewal, and two hundreds beyond, each with tax on top.
    assert_eq!(taken(&shop), [960, 960, 120]);
    assert_eq!(stand(&shop, &ana).await, stands(&[("settled", 100)]));
    assert_eq!(
        of_use(&shop, &ana).await[0]["payments"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(plan_of(&shop, &ana).await, "press");
    agrees(&shop).await;
    shop.pass(days(31)).await;
    assert_eq!(taken(&shop), [960, 960, 120, 960, 240]);
    shop.pass(days(31)).await;
    assert_eq!(taken(&shop), [960, 960, 120, 960, 240, 960]);
    let both = stands(&[("settled", 100), ("settled", 200)]);
    assert_eq!(stand(&shop, &ana).await, both);
    agrees(&shop).await;
}

async fn g_11_a_lost_answer_of_paddle_s_charges_use_once(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    used(&shop, &ana, "e1", 1_200).await;
    let end = period_end(&shop, &ana).await;
    shop.pass_until(end).await;
    // It is carried out, and neither that nor what it came to is heard.
    let lost = Fault::next(FaultKind::LostAnswer).after();
    shop.fake.fault(lost.on("POST", "/subscriptions"));
    let unread = Fault::next(FaultKind::HtmlBadGateway).skip(1).times(2);
    shop.fake.fault(unread.on("GET", "/transactions"));
    shop.fake.advance(SignedDuration::from_mins(61));
    for _ in 0..3 {
        let sent = shop.fake.deliveries().take();
        shop.deliver_each(&sent).await;
        shop.deliver_each(&sent).await;
        shop.settle().await;
    }
    shop.pass(days(3)).await;
    assert!(shop.fake.faults().open().is_empty(), "all were lost");
    assert_eq!(taken(&shop), [960, 960, 120]);
    assert_eq!(stand(&shop, &ana).await, stands(&[("settled", 100)]));
    assert_eq!(
        of_use(&shop, &ana).await[0]["payments"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    agrees(&shop).await;
}

async fn g_11_use_that_paddle_s_card_declines_is_charged_with_the_next(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    used(&shop, &ana, "e1", 1_200).await;
    let end = period_end(&shop, &ana).await;
    shop.pass_until(shifted(end, SignedDuration::from_mins(30)))
        .await;
    let held = only_at_paddle(&shop).id;
    shop.fake.set_card(&held, Card::Declined).unwrap();
    used(&shop, &ana, "e2", 1_200).await;
    shop.pass(HOUR).await;
    assert_eq!(stand(&shop, &ana).await, stands(&[("void", 100)]));
    let owed = json!([{ "currency": "usd", "amount": -100 }]);
    assert_eq!(balances(&shop, &ana).await[0]["amount"], owed[0]["amount"]);
    assert_eq!(shop.told("invoice.payment_failed"), 1);
    // Nothing is taken away for it.
    assert_eq!(only(&shop, &ana).await["status"], "active");
    assert_eq!(plan_of(&shop, &ana).await, "press");
    assert_eq!(taken(&shop), [960, 960]);
    agrees(&shop).await;
    shop.fake.set_card(&held, Card::Pays).unwrap();
    let end = period_end(&shop, &ana).await;
    shop.pass_until(shifted(end, days(1))).await;
    assert_eq!(taken(&shop), [960, 960, 960, 240]);
    let both = stands(&[("void", 100), ("settled", 200)]);
    assert_eq!(stand(&shop, &ana).await, both);
    assert_eq!(balances(&shop, &ana).await, json!([]));
    agrees(&shop).await;
}

async fn g_11_use_that_paddle_does_not_collect_is_charged_with_the_next(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    // One hundred is half a dollar, and Paddle takes no less than 0.70.
    used(&shop, &ana, "e1", 1_100).await;
    let end = period_end(&shop, &ana).await;
    shop.pass_until(shifted(end, days(1))).await;
    assert_eq!(stand(&shop, &ana).await, stands(&[("void", 50)]));
    // The renewal is declined, and paid days later: meanwhile nothing is charged beside it.
    used(&shop, &ana, "e2", 1_100).await;
    let held = only_at_paddle(&shop).id;
    shop.fake.set_card(&held, Card::Declined).unwrap();
    let end = period_end(&shop, &ana).await;
    shop.pass_until(shifted(end, days(1))).await;
    assert_eq!(only(&shop, &ana).await["status"], "past_due");
    shop.fake.set_card(&held, Card::Pays).unwrap();
    shop.pass(days(4)).await;
    assert_eq!(only(&shop, &ana).await["status"], "active");
    assert_eq!(taken(&shop), [960, 960, 960]);
    used(&shop, &ana, "e3", 1_100).await;
    let end = period_end(&shop, &ana).await;
    shop.pass_until(shifted(end, days(1))).await;
    assert_eq!(taken(&shop), [960, 960, 960, 960, 180]);
    let all = stands(&[("void", 50), ("void", 100), ("settled", 150)]);
    assert_eq!(stand(&shop, &ana).await, all);
    agrees(&shop).await;
}

async fn g_11_the_last_use_of_what_ended_at_paddle_is_paid_on_its_page(kind: StoreKind) {
    let (shop, ana) = metered(kind).await;
    shop.pass(days(5)).await;
    used(&shop, &ana, "e1", 1_150).await;
    let cancel = format!("/v1/subscriptions/{}/cancel", id(&only(&shop, &ana).await));
    let canceled = shop.operate(&cancel, &json!({ "when": "now" })).await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "free");
    let lost = Fault::next(FaultKind::LostAnswer).after();
    shop.fake.fault(lost.on("POST", "/transactions"));
    shop.pass(SignedDuration::from_hours(3)).await;
    assert_eq!(taken(&shop), [960]);
    assert_eq!(stand(&shop, &ana).await, stands(&[("open", 75)]));
    agrees(&shop).await;
    let asked = of_use(&shop, &ana).await[0].clone();
    let page = asked["pay_url"].as_str().unwrap();
    let (_, page) = page.split_once("_ptxn=").unwrap();
    assert!(shop.fake.pay(page, Card::Pays).unwrap());
    shop.settle().await;
    assert_eq!(stand(&shop, &ana).await, stands(&[("settled", 75)]));
    assert_eq!(taken(&shop), [960, 90]);
    shop.pass(days(60)).await;
    assert_eq!(taken(&shop), [960, 90]);
    assert_eq!(shop.fake.world().transactions.len(), 2);
    agrees(&shop).await;
}
