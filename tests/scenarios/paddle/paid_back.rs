//! Refunds that an operator orders: asked of Paddle once, whatever is lost on the way, and
//! counted once it has approved them.

use billing_domain::parked::ParkReason;
use billing_domain::proration::TaxRate;
use billing_testkit::fakes::paddle::{FakePaddle, Rules};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, bought, days, invoices, plan_of, shop, shop_of};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;
use crate::scenarios::paid_back::{self, Sends, back, newest, refunds, unheard, usd};

on_both_stores! {
    /// ordered here, it counts once it is approved; a rejected one took nothing, and
    /// is shown to a person.
    x_11_a_refund_is_ordered_at_paddle;
    /// parts of what was paid, tax included, until nothing is left.
    x_11_parts_are_ordered_back_of_a_taxed_payment_at_paddle;
    /// a lost answer asks for no second refund, whoever tells of the first.
    x_11_a_lost_answer_makes_no_second_refund_at_paddle;
    /// the webhooks before the answer, after it, twice, in any order or never: the
    /// same.
    x_11_a_refund_at_paddle_is_told_once_in_any_order;
    /// what is not there to go back is refused by a code, and nothing is asked for.
    x_11_what_cannot_go_back_at_paddle_is_refused;
    /// given up, tried again and ordered anew, it is asked for once.
    x_11_a_refund_that_was_given_up_is_sent_once_at_paddle;
    /// a refusal that nobody waits for is shown to a person, once.
    x_11_a_late_refusal_of_a_refund_at_paddle_is_shown;
}

impl Sends for FakePaddle {
    const REFUNDS: &'static str = "/adjustments";
    const AT_FIRST: &'static str = "pending";

    async fn renewed(shop: &Shop, who: &str) -> String {
        renewed(shop, who).await
    }

    fn taken_on(shop: &Shop) -> usize {
        asked(shop).0
    }

    fn carries_out(shop: &Shop, refund: &str) {
        shop.fake.decide_refund(refund, true).unwrap();
    }
}

/// Refunds are approved at once, and tax is put on top that needs rounding.
fn taxed() -> Rules {
    Rules {
        tax: TaxRate { millionths: 81_000 },
        approve_refunds: true,
        ..Rules::default()
    }
}

/// How many refunds were asked for, and how much has gone back.
fn asked(shop: &Shop) -> (usize, i64) {
    let books = shop.fake.books();
    let accounts = books.customers.values();
    let gone = accounts.flat_map(|held| held.refunded.values()).sum();
    (shop.fake.world().adjustments.len(), gone)
}

/// Somebody in the second month of a plan.
async fn renewed(shop: &Shop, who: &str) -> String {
    let customer = bought(shop, who, "team-monthly").await;
    shop.pass(days(32)).await;
    assert_eq!(invoices(shop, &customer).await.len(), 2);
    customer
}

async fn x_11_a_refund_is_ordered_at_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = renewed(&shop, "ana").await;
    let invoice = newest(&shop, &ana).await;
    let body = json!({ "reason": "Nobody could write" });
    let sent = refunds(&shop, &invoice, &body).await;
    let sent = sent.is(StatusCode::CREATED).json();
    assert_eq!(
        (&sent["state"], &sent["amount"]),
        (&json!("pending"), &usd(3_000))
    );
    let there = shop.fake.world().adjustments[sent["id"].as_str().unwrap()].clone();
    assert!(
        there.reason.starts_with("Nobody could write [refund:"),
        "{}",
        there.reason
    );
    assert!(there.full, "all of it");
    shop.settle().await;
    let told = newest(&shop, &ana).await;
    assert_eq!(back(&told), [("pending".to_owned(), 3_000)]);
    assert_eq!(told["returned"][0]["id"], sent["id"]);
    assert_eq!(plan_of(&shop, &ana).await, "team", "nothing went back yet");
    let more = refunds(&shop, &invoice, &body).await;
    more.refused(StatusCode::CONFLICT, "nothing_to_refund");

    // Rejected, it took nothing: a person is shown it, once, and it can be ordered anew.
    shop.pass(days(1)).await;
    shop.fake
        .decide_refund(sent["id"].as_str().unwrap(), false)
        .unwrap();
    let webhooks = shop.fake.deliveries().take();
    shop.deliver_each(&webhooks).await;
    shop.deliver_each(&webhooks).await;
    shop.settle().await;
    assert_eq!(
        back(&newest(&shop, &ana).await),
        [("failed".to_owned(), 3_000)]
    );
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(shop.told("invoice.refunded"), 0);
    let parked = shop.parked().await;
    assert_eq!(parked.len(), 1, "{parked:#?}");
    assert_eq!(parked[0].reason, ParkReason::ProviderRefused);
    let again = refunds(&shop, &invoice, &body).await;
    let again = again.is(StatusCode::CREATED).json();
    assert_ne!(again["id"], sent["id"]);
    shop.pass(days(1)).await;
    shop.fake
        .decide_refund(again["id"].as_str().unwrap(), true)
        .unwrap();
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    assert_eq!(shop.told("invoice.refunded"), 1);
    assert_eq!(asked(&shop), (2, 3_000));
    // The next period is paid for, and gives access again.
    shop.pass(days(31)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(shop.parked().await.len(), 1, "once");
    shop.is_sound().await;
}

async fn x_11_parts_are_ordered_back_of_a_taxed_payment_at_paddle(kind: StoreKind) {
    let shop = shop_of(kind, taxed()).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    let invoice = newest(&shop, &ana).await;
    assert_eq!(invoice["payments"][0]["amount"], usd(3_243), "as paid");
    let part = json!({ "amount": usd(1_000) });
    for _ in 0..2 {
        let sent = refunds(&shop, &invoice, &part).await;
        let sent = sent.is(StatusCode::CREATED).json();
        assert_eq!(sent["amount"], usd(1_000));
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "team");
    }
    let beyond = refunds(&shop, &invoice, &json!({ "amount": usd(1_244) })).await;
    beyond.refused(StatusCode::UNPROCESSABLE_ENTITY, "refund_beyond_paid");
    let rest = refunds(&shop, &invoice, &json!({})).await;
    assert_eq!(rest.is(StatusCode::CREATED).json()["amount"], usd(1_243));
    shop.settle().await;
    assert_eq!(asked(&shop), (3, 3_243));
    assert_eq!(plan_of(&shop, &ana).await, "", "the purchase is undone");
    assert_eq!(shop.told("invoice.refunded"), 3);

    // What was bought once goes back with its license.
    let ben = bought(&shop, "ben", "lifetime-once").await;
    assert_eq!(plan_of(&shop, &ben).await, "lifetime");
    let invoice = newest(&shop, &ben).await;
    let whole = refunds(&shop, &invoice, &json!({})).await;
    whole.is(StatusCode::CREATED);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ben).await, "");
    let licenses = shop.rows(&format!("/v1/licenses?customer={ben}")).await;
    let license = format!("/v1/licenses/{}", licenses[0]["id"].as_str().unwrap());
    assert_eq!(shop.read(&license).await["status"], "revoked");
    shop.ends_well().await;
}

async fn x_11_a_lost_answer_makes_no_second_refund_at_paddle(kind: StoreKind) {
    paid_back::a_lost_answer_makes_no_second_refund(&shop(kind).await).await;
}

async fn x_11_a_refund_that_was_given_up_is_sent_once_at_paddle(kind: StoreKind) {
    paid_back::what_was_given_up_is_sent_once(&shop(kind).await).await;
}

async fn x_11_a_late_refusal_of_a_refund_at_paddle_is_shown(kind: StoreKind) {
    paid_back::a_late_refusal_is_shown(&shop(kind).await).await;
}

async fn x_11_a_refund_at_paddle_is_told_once_in_any_order(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    shop.pass(days(2)).await;
    let mut refunded = 0_usize;
    for webhook_first in [false, true] {
        // What was created, then what was approved.
        for order in [vec![], vec![0, 1], vec![1, 0], vec![1, 1, 0, 0]] {
            let invoice = newest(&shop, &ana).await;
            let body = json!({ "amount": usd(50) });
            if webhook_first {
                unheard(&shop, &invoice, &body).await;
            } else {
                refunds(&shop, &invoice, &body)
                    .await
                    .is(StatusCode::CREATED);
            }
            refunded += 1;
            let told = format!("{order:?}, webhook first: {webhook_first}");
            let waiting = shop.fake.world().adjustments;
            let waiting = waiting.values().max_by_key(|one| one.created_at).unwrap();
            shop.fake.decide_refund(&waiting.id, true).unwrap();
            let webhooks = shop.fake.deliveries().take();
            assert_eq!(webhooks.len(), 2, "{told}");
            for place in &order {
                shop.deliver_each(&webhooks[*place..=*place]).await;
                shop.work().await;
            }
            shop.pass(days(1)).await;
            if order.is_empty() {
                // Nobody told: the account's own books are read.
                let paddle = "paddle/main".parse().unwrap();
                let reread = shop.billing.reread(&paddle, |_| {}).await.unwrap();
                assert!(reread.finished, "{reread:?}");
                shop.settle().await;
            }
            if webhook_first {
                refunds(&shop, &invoice, &body)
                    .await
                    .is(StatusCode::CREATED);
            }
            let invoice = newest(&shop, &ana).await;
            let all = vec![("done".to_owned(), 50); refunded];
            assert_eq!(back(&invoice), all, "{told}");
            assert_eq!(shop.told("invoice.refunded"), refunded, "{told}");
            let gone = 50 * i64::try_from(refunded).unwrap();
            assert_eq!(asked(&shop), (refunded, gone), "{told}");
        }
    }
    assert_eq!(plan_of(&shop, &ana).await, "team");
    shop.ends_well().await;
}

async fn x_11_what_cannot_go_back_at_paddle_is_refused(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    let invoice = newest(&shop, &ana).await;
    let beyond = refunds(&shop, &invoice, &json!({ "amount": usd(3_001) })).await;
    beyond.refused(StatusCode::UNPROCESSABLE_ENTITY, "refund_beyond_paid");
    // While one waits for approval, Paddle takes no other.
    let part = json!({ "amount": usd(300) });
    let first = refunds(&shop, &invoice, &part).await;
    let first = first.is(StatusCode::CREATED).json();
    let second = refunds(&shop, &invoice, &part).await;
    assert_eq!(
        second.json()["provider_code"],
        "adjustment_pending_refund_request"
    );
    second.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    assert_eq!(asked(&shop), (1, 0));
    shop.fake
        .decide_refund(first["id"].as_str().unwrap(), true)
        .unwrap();
    shop.settle().await;

    // Somebody has given a part back in the dashboard, and nobody has heard: it is told
    // with the refusal, and then counts.
    let there = json!({
        "action": "refund", "type": "partial", "reason": "by hand",
        "transaction_id": invoice["payments"][0]["reference"],
        "items": [{ "item_id": line(&shop, &invoice), "type": "partial", "amount": "500" }],
    });
    super::shop::dashboard(&shop, "POST", "adjustments", &there).await;
    drop(shop.fake.deliveries().take());
    let unheard = refunds(&shop, &invoice, &part).await;
    assert_eq!(unheard.json()["provider_code"], "refunded_meanwhile");
    unheard.refused(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused");
    let told = newest(&shop, &ana).await;
    assert_eq!(
        back(&told),
        [("done".to_owned(), 300), ("pending".to_owned(), 500)]
    );
    shop.ends_well().await;
}

/// The one line of what paid for an invoice.
fn line(shop: &Shop, invoice: &Value) -> String {
    let paid = invoice["payments"][0]["reference"].as_str().unwrap();
    shop.fake.world().transactions[paid].lines[0].id.clone()
}
