//! Refunds that an operator orders: Stripe sends the money, once, whatever is lost on the
//! way, and what it takes is told like every refund.

use billing_testkit::fakes::stripe::FakeStripe;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, Sold, bought, days, reasons, shop, sold};
use crate::rig::{StoreKind, permutations};
use crate::scenarios::on_both_stores;
use crate::scenarios::paid_back::{self, Sends, back, refunds, unheard, usd};

on_both_stores! {
    /// ordered here, a part keeps the time and the rest ends it.
    x_11_a_refund_is_ordered_at_stripe;
    /// a lost answer makes no second refund, whoever tells of the first.
    x_11_a_lost_answer_makes_no_second_refund_at_stripe;
    /// the webhooks before the answer, after it, twice, in any order or never: the
    /// same.
    x_11_a_refund_at_stripe_is_told_once_in_any_order;
    /// what a bank has yet to decide took nothing; where it fails, a person is shown.
    x_11_a_refund_at_stripe_that_fails_takes_nothing;
    /// what is not there to go back is refused by a code, and nothing is sent.
    x_11_what_cannot_go_back_at_stripe_is_refused;
    /// given up, tried again and ordered anew, it is sent once.
    x_11_a_refund_that_was_given_up_is_sent_once_at_stripe;
    /// a refusal that nobody waits for is shown to a person, once.
    x_11_a_late_refusal_of_a_refund_at_stripe_is_shown;
}

impl Sends for FakeStripe {
    const REFUNDS: &'static str = "/v1/refunds";
    const AT_FIRST: &'static str = "done";

    async fn renewed(shop: &Shop, who: &str) -> String {
        renewed(shop, who).await.customer
    }

    fn taken_on(shop: &Shop) -> usize {
        usize::try_from(paid_back(shop).0).unwrap()
    }

    fn carries_out(_shop: &Shop, _refund: &str) {}
}

/// How often, and how much, Stripe has paid back.
fn paid_back(shop: &Shop) -> (u64, i64) {
    let books = shop.fake.books();
    let accounts = books.customers.values();
    accounts.fold((0, 0), |(refunds, amount), held| {
        let all: i64 = held.refunded.values().sum();
        (refunds + held.refunds, amount + all)
    })
}

fn done(amount: i64) -> (String, i64) {
    ("done".to_owned(), amount)
}

/// Somebody in the second period, which costs eight dollars.
async fn renewed(shop: &Shop, who: &str) -> Sold {
    let held = sold(shop, who, "bosun-monthly").await;
    shop.pass(days(33)).await;
    assert_eq!(held.invoices(shop).await.len(), 2);
    held
}

async fn second(shop: &Shop, held: &Sold) -> Value {
    held.invoices(shop).await[1].clone()
}

async fn x_11_a_refund_is_ordered_at_stripe(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = renewed(&shop, "ana").await;
    let invoice = second(&shop, &held).await;
    let part = json!({ "amount": usd(300), "reason": "A day was lost" });
    let sent = refunds(&shop, &invoice, &part).await;
    let sent = sent.is(StatusCode::CREATED).json();
    assert_eq!(
        (&sent["state"], &sent["amount"]),
        (&json!("done"), &usd(300))
    );
    assert!(sent.get("url").is_none_or(Value::is_null), "{sent}");
    // It is known before a webhook is there, and keeps the time.
    let invoice = second(&shop, &held).await;
    assert_eq!(back(&invoice), [done(300)]);
    assert_eq!(invoice["returned"][0]["id"], sent["id"]);
    let there = shop.fake.object(sent["id"].as_str().unwrap()).unwrap();
    let words = &there["metadata"];
    assert_eq!(words["billing_invoice"], invoice["id"]);
    assert_eq!(words["billing_operator"], "cellar");
    assert_eq!(words["billing_reason"], "A day was lost");
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    let promised = shop
        .happened(&held.customer, "invoice.refund_promised")
        .await;
    assert_eq!(promised.len(), 1, "{promised:?}");
    assert_eq!(promised[0]["note"], "A day was lost");

    // The same amount once more is another refund; then all that is left, which ends it.
    let again = refunds(&shop, &invoice, &part).await;
    let again = again.is(StatusCode::CREATED).json();
    assert_ne!(again["id"], sent["id"]);
    shop.pass(days(1)).await;
    let rest = refunds(&shop, &invoice, &json!({})).await;
    assert_eq!(rest.is(StatusCode::CREATED).json()["amount"], usd(200));
    shop.settle().await;
    assert_eq!(paid_back(&shop), (3, 800));
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(shop.told("invoice.refunded"), 3);
    let none = refunds(&shop, &invoice, &json!({})).await;
    none.refused(StatusCode::CONFLICT, "nothing_to_refund");
    // The next period is paid by itself, and gives access again.
    shop.pass(days(31)).await;
    assert_eq!(held.plan(&shop).await, "bosun");

    // A purchase is undone by it, here and there; one for life too.
    let ben = sold(&shop, "ben", "bosun-monthly").await;
    shop.pass(days(2)).await;
    let first = ben.invoices(&shop).await[0].clone();
    let whole = refunds(&shop, &first, &json!({})).await;
    assert_eq!(whole.is(StatusCode::CREATED).json()["amount"], usd(800));
    shop.settle().await;
    assert_eq!(ben.status(&shop).await, "canceled");
    assert_eq!(ben.there(&shop)["status"], "canceled");
    let cleo = bought(&shop, "cleo", "lifetime-once").await;
    assert_eq!(held_once(&shop, &cleo).await, "active");
    let once = shop.rows(&format!("/v1/invoices?customer={cleo}")).await;
    let whole = refunds(&shop, &once[0], &json!({})).await;
    assert_eq!(whole.is(StatusCode::CREATED).json()["amount"], usd(9_900));
    shop.settle().await;
    assert_eq!(held_once(&shop, &cleo).await, "canceled");
    // What was canceled there is looked at once more, some seconds later.
    shop.pass(days(1)).await;
    shop.ends_well().await;
}

/// How the one thing stands that somebody has bought.
async fn held_once(shop: &Shop, customer: &str) -> String {
    let rows = shop
        .rows(&format!("/v1/subscriptions?customer={customer}"))
        .await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0]["status"].as_str().unwrap().to_owned()
}

async fn x_11_a_lost_answer_makes_no_second_refund_at_stripe(kind: StoreKind) {
    paid_back::a_lost_answer_makes_no_second_refund(&shop(kind).await).await;
}

async fn x_11_a_refund_that_was_given_up_is_sent_once_at_stripe(kind: StoreKind) {
    paid_back::what_was_given_up_is_sent_once(&shop(kind).await).await;
}

async fn x_11_a_late_refusal_of_a_refund_at_stripe_is_shown(kind: StoreKind) {
    paid_back::a_late_refusal_is_shown(&shop(kind).await).await;
}

async fn x_11_a_refund_at_stripe_is_told_once_in_any_order(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.pass(days(2)).await;
    let mut refunded = 0;
    for webhook_first in [false, true] {
        for order in [vec![], vec![0, 1], vec![1, 0], vec![1, 1, 0, 0]] {
            let invoice = held.invoices(&shop).await[0].clone();
            let body = json!({ "amount": usd(50) });
            if webhook_first {
                unheard(&shop, &invoice, &body).await;
            } else {
                refunds(&shop, &invoice, &body)
                    .await
                    .is(StatusCode::CREATED);
            }
            refunded += 1;
            let webhooks = shop.fake.deliveries().take();
            assert_eq!(webhooks.len(), 2, "refund.created and charge.refunded");
            for place in &order {
                shop.deliver_each(&webhooks[*place..=*place]).await;
                shop.work().await;
            }
            // The worker hears the answer in the end, or has no more to ask.
            shop.pass(days(1)).await;
            if webhook_first {
                refunds(&shop, &invoice, &body)
                    .await
                    .is(StatusCode::CREATED);
            }
            let told = format!("{order:?}, webhook first: {webhook_first}");
            let invoice = held.invoices(&shop).await[0].clone();
            let all = vec![done(50); refunded];
            assert_eq!(back(&invoice), all, "{told}");
            assert_eq!(shop.told("invoice.refunded"), refunded, "{told}");
            let expected = (
                u64::try_from(refunded).unwrap(),
                50 * i64::try_from(refunded).unwrap(),
            );
            assert_eq!(paid_back(&shop), expected, "{told}");
        }
    }
    assert_eq!(held.plan(&shop).await, "bosun");
    shop.ends_well().await;
}

async fn x_11_a_refund_at_stripe_that_fails_takes_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.fake.hold_refunds(true);
    let held = renewed(&shop, "ana").await;
    let invoice = second(&shop, &held).await;
    let sent = refunds(&shop, &invoice, &json!({})).await;
    let sent = sent.is(StatusCode::CREATED).json();
    assert_eq!(sent["state"], "pending");
    shop.settle().await;
    assert_eq!(
        back(&second(&shop, &held).await),
        [("pending".to_owned(), 800)]
    );
    assert_eq!(held.plan(&shop).await, "bosun", "nothing went back yet");
    assert_eq!(shop.told("invoice.refunded"), 0);
    let more = refunds(&shop, &invoice, &json!({})).await;
    more.refused(StatusCode::CONFLICT, "nothing_to_refund");

    shop.pass(days(1)).await;
    shop.fake.fail_refund(sent["id"].as_str().unwrap()).unwrap();
    let webhooks = shop.fake.deliveries().take();
    let orders = permutations(&webhooks);
    shop.deliver_each(&orders[orders.len() - 1]).await;
    shop.deliver_each(&webhooks).await;
    shop.settle().await;
    assert_eq!(
        back(&second(&shop, &held).await),
        [("failed".to_owned(), 800)]
    );
    assert_eq!(held.plan(&shop).await, "bosun");
    assert_eq!(reasons(&shop).await, ["provider_refused"]);
    assert_eq!(shop.told("invoice.refunded"), 0);
    assert_eq!(paid_back(&shop), (0, 0));

    // It makes room for another, which its bank carries out.
    let again = refunds(&shop, &invoice, &json!({})).await;
    let again = again.is(StatusCode::CREATED).json();
    assert_ne!(again["id"], sent["id"]);
    shop.pass(days(1)).await;
    shop.fake
        .settle_refund(again["id"].as_str().unwrap())
        .unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(shop.told("invoice.refunded"), 1);
    assert_eq!(reasons(&shop).await, ["provider_refused"], "once");
    shop.is_sound().await;
}

async fn x_11_what_cannot_go_back_at_stripe_is_refused(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    let invoice = held.invoices(&shop).await[0].clone();
    for (body, status, code) in [
        (
            json!({ "amount": usd(801) }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "refund_beyond_paid",
        ),
        (
            json!({ "amount": { "amount": 100, "currency": "eur" } }),
            StatusCode::BAD_REQUEST,
            "invalid_request",
        ),
        (
            json!({ "payment": "pi_nobodys" }),
            StatusCode::BAD_REQUEST,
            "invalid_request",
        ),
    ] {
        refunds(&shop, &invoice, &body).await.refused(status, code);
    }
    // While its bank contests it, Stripe refuses; that is told, and leaves nothing open.
    let dispute = shop.fake.dispute(&held.invoice).unwrap();
    shop.settle().await;
    let contested = refunds(&shop, &invoice, &json!({})).await;
    let said = contested.json();
    contested.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    assert_eq!(said["provider_code"], "charge_disputed", "{said}");
    shop.fake.close_dispute(&dispute, true).unwrap();
    shop.settle().await;
    assert_eq!(paid_back(&shop), (0, 0));

    // Somebody has given a part back in the dashboard, and nobody has heard: it is told
    // with the refusal, and then counts.
    let ben = sold(&shop, "ben", "bosun-monthly").await;
    shop.pass(days(2)).await;
    let invoice = ben.invoices(&shop).await[0].clone();
    shop.fake.refund(&ben.invoice, Some(500)).unwrap();
    drop(shop.fake.deliveries().take());
    let part = json!({ "amount": usd(300) });
    let unheard = refunds(&shop, &invoice, &part).await;
    assert_eq!(unheard.json()["provider_code"], "refunded_meanwhile");
    unheard.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    assert_eq!(back(&ben.invoices(&shop).await[0]), [done(500)]);
    let now = refunds(&shop, &invoice, &part).await;
    assert_eq!(now.is(StatusCode::CREATED).json()["amount"], usd(300));
    shop.settle().await;
    assert_eq!(paid_back(&shop), (2, 800));
    shop.ends_well().await;
}
