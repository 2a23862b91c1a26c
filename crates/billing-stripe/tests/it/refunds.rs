//! Sending money back, over the stateful fake and call by call.

use billing_domain::effect::{EffectKey, Order, PromiseRefund};
use billing_domain::fact::{Fact, Observed, RefundSnapshot, RefundState};
use billing_domain::money::{Currency, Money};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::{Answer, PaymentProvider, PerformError, Refunds};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::contract::Contracted;
use crate::support::{Far, account, brief, no, ok};

const INVOICE: &str = "inv_00000000000000000000000000000004";

fn usd(cents: i64) -> Money {
    Money::new(cents, Currency::USD)
}

/// So much of what was paid under this name; so much is known to be gone.
fn order(reference: &str, cents: i64, before: i64) -> PromiseRefund {
    PromiseRefund {
        provider: account(),
        invoice: INVOICE.parse().unwrap(),
        reference: reference.to_owned(),
        amount: usd(cents),
        paid: usd(2_000),
        before: Some(usd(before)),
        reason: Some("A day was lost".to_owned()),
    }
}

/// The invoice that paid for what is held.
fn invoice(bench: &Contracted) -> String {
    let held = bench.fake.object(bench.held()).unwrap();
    held["latest_invoice"].as_str().unwrap().to_owned()
}

async fn perform(
    bench: &Contracted,
    number: u32,
    order: PromiseRefund,
) -> Result<Answer, PerformError> {
    let effect = "eff_00000000000000000000000000000009".parse().unwrap();
    let key = EffectKey::refund(INVOICE.parse().unwrap(), number);
    let order = Order::PromiseRefund(order);
    bench.stripe.perform(effect, &key, &order).await
}

fn facts(answer: Result<Answer, PerformError>) -> Vec<Observed> {
    match answer {
        Ok(Answer::Done(facts)) => facts,
        other => panic!("the order is carried out, not {other:?}"),
    }
}

fn refunds(facts: &[Observed]) -> Vec<&RefundSnapshot> {
    facts
        .iter()
        .filter_map(|told| {
            let Fact::RefundSeen(seen) = &told.fact else {
                return None;
            };
            Some(seen)
        })
        .collect()
}

fn made(bench: &Contracted) -> u64 {
    let books = bench.fake.books();
    books.customers.values().map(|held| held.refunds).sum()
}

#[tokio::test]
async fn money_is_sent_once_under_a_key_whatever_is_lost() {
    let bench = Contracted::start().await;
    assert_eq!(bench.stripe.refunds(), Refunds::Sent);
    let paid = invoice(&bench);
    let lost = Fault::next(FaultKind::LostAnswer).on("POST", "/v1/refunds");
    bench.fake.fault(lost.after());
    let unknown = perform(&bench, 1, order(&paid, 500, 0)).await;
    assert!(
        matches!(unknown, Err(PerformError::Unknown(_))),
        "{unknown:?}"
    );
    assert_eq!(made(&bench), 1);
    for _ in 0..2 {
        let told = facts(perform(&bench, 1, order(&paid, 500, 0)).await);
        let told = refunds(&told);
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].state, told[0].amount),
            (RefundState::Done, usd(500))
        );
        let key = EffectKey::refund(INVOICE.parse().unwrap(), 1);
        assert_eq!(told[0].ordered, Some(key));
        assert_eq!(told[0].of[0], paid, "tied as these books have it");
    }
    assert_eq!(made(&bench), 1);
    // Once more, by another order; what had gone back before is told with it.
    let told = facts(perform(&bench, 2, order(&paid, 300, 500)).await);
    assert_eq!(refunds(&told).len(), 2);
    assert_eq!(made(&bench), 2);
    // What a webhook leads to says the same.
    let there = bench.fake.object(&refunds(&told)[0].refund).unwrap();
    let payment = ProviderRef {
        account: account(),
        kind: RefKind::Payment,
        id: there["payment_intent"].as_str().unwrap().to_owned(),
    };
    let read = bench.stripe.read(&payment).await.unwrap();
    let mut from_webhook: Vec<RefundSnapshot> = refunds(&read).into_iter().cloned().collect();
    let mut from_answer: Vec<RefundSnapshot> = refunds(&told).into_iter().cloned().collect();
    for told in from_webhook.iter_mut().chain(&mut from_answer) {
        told.of.truncate(1);
    }
    from_webhook.sort_by(|one, other| one.refund.cmp(&other.refund));
    from_answer.sort_by(|one, other| one.refund.cmp(&other.refund));
    assert_eq!(from_webhook, from_answer);
}

#[tokio::test]
async fn what_went_back_unheard_is_told_and_nothing_is_sent() {
    let bench = Contracted::start().await;
    let paid = invoice(&bench);
    bench.fake.refund(&paid, Some(700)).unwrap();
    let told = facts(perform(&bench, 1, order(&paid, 500, 0)).await);
    assert_eq!(refunds(&told).len(), 1);
    let refused = told.iter().find_map(|told| {
        let Fact::Refused { code, .. } = &told.fact else {
            return None;
        };
        Some(code.as_str())
    });
    assert_eq!(refused, Some("refunded_meanwhile"));
    assert_eq!(made(&bench), 1, "the one that was made there");
    // Known by then, it stands in nobody's way; one that failed neither.
    let there = refunds(&told)[0].refund.clone();
    let told = facts(perform(&bench, 2, order(&paid, 500, 700)).await);
    assert_eq!(refunds(&told).len(), 2);
    bench.fake.fail_refund(&there).unwrap();
    let told = facts(perform(&bench, 3, order(&paid, 500, 500)).await);
    assert_eq!(refunds(&told).len(), 3);
}

#[tokio::test]
async fn what_stripe_refuses_is_a_refusal_and_nothing_is_told() {
    let bench = Contracted::start().await;
    let paid = invoice(&bench);
    bench.fake.refund(&paid, None).unwrap();
    let more = order(&paid, 100, 2_000);
    let refused = perform(&bench, 1, more).await;
    let Ok(Answer::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, "charge_already_refunded");
}

#[tokio::test]
async fn a_refund_that_waits_is_pending_until_its_bank_has_decided() {
    let bench = Contracted::start().await;
    let paid = invoice(&bench);
    bench.fake.hold_refunds(true);
    let told = facts(perform(&bench, 1, order(&paid, 500, 0)).await);
    assert_eq!(refunds(&told)[0].state, RefundState::Pending);
    let refund = refunds(&told)[0].refund.clone();
    bench.fake.settle_refund(&refund).unwrap();
    let told = facts(perform(&bench, 1, order(&paid, 500, 0)).await);
    assert_eq!(refunds(&told)[0].state, RefundState::Done);
    bench.fake.fail_refund(&refund).unwrap();
    let told = facts(perform(&bench, 1, order(&paid, 500, 0)).await);
    assert_eq!(refunds(&told)[0].state, RefundState::Failed);
    assert_eq!(refunds(&told).len(), 1);
}

fn sends(reference: &str) -> Order {
    Order::PromiseRefund(order(reference, 500, 0))
}

fn payment(intent: &str, status: &str) -> Value {
    json!({ "status": status, "payment": { "type": "payment_intent", "payment_intent": intent } })
}

#[tokio::test]
async fn the_payment_of_an_invoice_is_the_one_that_paid_it() {
    for (payments, refused) in [
        (json!([]), Some("no_payment")),
        (json!([payment("pi_1", "open")]), Some("no_payment")),
        (json!([{ "status": "paid" }]), Some("no_payment")),
        (
            json!([payment("pi_1", "paid"), payment("pi_2", "paid")]),
            Some("several_payments"),
        ),
        (
            json!([payment("pi_0", "canceled"), payment("pi_1", "paid")]),
            None,
        ),
    ] {
        let far = Far::start().await;
        let made = json!({ "id": "re_1", "status": "succeeded", "amount": 500, "currency": "usd" });
        for (verb, path, answer) in [
            (
                "GET",
                "/v1/invoice_payments",
                ok(&json!({ "data": payments })),
            ),
            ("GET", "/v1/refunds", ok(&json!({ "data": [] }))),
            ("POST", "/v1/refunds", ok(&made)),
        ] {
            far.answers(verb, path, answer).await;
        }
        match refused {
            Some(code) => assert_eq!(far.refused(&sends("in_1")).await, code),
            None => assert_eq!(brief(&far.done(&sends("in_1")).await), ["re_1 Done"]),
        }
    }
    let far = Far::start().await;
    assert_eq!(far.refused(&sends("cs_1")).await, "no_payment");
    assert_eq!(far.calls().await, [] as [&str; 0]);
}

#[tokio::test]
async fn what_was_paid_once_goes_back_by_its_payment() {
    let far = Far::start().await;
    let made = json!({ "id": "re_1", "status": "pending", "amount": 500, "currency": "usd",
        "metadata": { "billing_refund": "key:1" } });
    far.answers("GET", "/v1/refunds", ok(&json!({ "data": [] })))
        .await;
    far.answers("POST", "/v1/refunds", ok(&made)).await;
    let told = far.done(&sends("pi_1")).await;
    assert_eq!(brief(&told), ["re_1 Pending"]);
    assert_eq!(refunds(&told)[0].of, ["pi_1"]);
    assert_eq!(told[0].link.refs[0].id, "pi_1");
    assert_eq!(far.calls().await, ["GET /v1/refunds", "POST /v1/refunds"]);
}

#[tokio::test]
async fn an_answer_given_again_is_not_how_it_stands() {
    let far = Far::start().await;
    let refund = |status: &str| {
        json!({ "id": "re_1", "status": status, "amount": 500, "currency": "usd",
            "metadata": { "billing_refund": "key:1" } })
    };
    // The list lags behind once; the key is known.
    far.answers_once("GET", "/v1/refunds", ok(&json!({ "data": [] })))
        .await;
    let stands = json!({ "data": [refund("failed")] });
    far.answers("GET", "/v1/refunds", ok(&stands)).await;
    let again = ok(&refund("succeeded")).insert_header("idempotent-replayed", "true");
    far.answers("POST", "/v1/refunds", again).await;
    assert_eq!(brief(&far.done(&sends("pi_1")).await), ["re_1 Failed"]);
}

#[tokio::test]
async fn a_key_that_may_not_refund_is_for_somebody_to_mend() {
    let far = Far::start().await;
    let denied = json!({ "error": { "type": "invalid_request_error",
        "message": "The provided key 'rk_test_***' does not have the required permissions" } });
    far.answers("GET", "/v1/refunds", ok(&json!({ "data": [] })))
        .await;
    far.answers("POST", "/v1/refunds", no(403, &denied)).await;
    let told = far.perform(&sends("pi_1")).await;
    assert!(
        matches!(told, Err(PerformError::Misconfigured(_))),
        "{told:?}"
    );
    assert!(!far.stripe.refuses_key(), "it may do everything else");
}

#[tokio::test]
async fn a_look_that_is_refused_refuses_no_refund() {
    let refused = json!({ "error": { "type": "invalid_request_error", "code": "parameter_unknown",
        "message": "no such parameter" } });
    for (looked_at, of) in [("/v1/refunds", "pi_1"), ("/v1/invoice_payments", "in_1")] {
        let far = Far::start().await;
        far.answers("GET", looked_at, no(400, &refused)).await;
        let told = far.perform(&sends(of)).await;
        assert!(matches!(told, Err(PerformError::Unknown(_))), "{told:?}");
        assert_eq!(far.calls().await, [format!("GET {looked_at}")]);
    }
}
