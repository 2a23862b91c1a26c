//! What is asked for of a transaction's lines, and how a refund of ours is known again.

use billing_domain::effect::{EffectKey, Order, PromiseRefund};
use billing_ports::{PaymentProvider, PerformError};
use serde_json::{Value, json};

use super::{account, answer, paddle, respond, usd};
use crate::perform::body;
use crate::wire::{Adjustment, Transaction};

const INVOICE: &str = "inv_00000000000000000000000000000004";

fn key(number: u32) -> EffectKey {
    EffectKey::refund(INVOICE.parse().unwrap(), number)
}

fn order(cents: i64, reason: Option<&str>) -> PromiseRefund {
    PromiseRefund {
        provider: account(),
        invoice: INVOICE.parse().unwrap(),
        reference: "txn_1".to_owned(),
        amount: usd(cents),
        paid: usd(1_500),
        before: None,
        reason: reason.map(str::to_owned),
    }
}

/// Two lines, of ten dollars and of five.
fn transaction() -> Transaction {
    let line = |id: &str, total: &str| json!({ "id": id, "totals": { "total": total } });
    serde_json::from_value(json!({
        "id": "txn_1", "status": "completed",
        "details": { "line_items": [line("txnitm_a", "1000"), line("txnitm_b", "500")] },
    }))
    .unwrap()
}

fn adjusted(action: &str, status: &str, line: &str, total: &str) -> Adjustment {
    serde_json::from_value(json!({
        "id": "adj_1", "action": action, "status": status, "transaction_id": "txn_1",
        "currency_code": "USD", "reason": "by hand",
        "items": [{ "item_id": line, "totals": { "total": total } }],
        "totals": { "total": total }, "created_at": "2026-01-05T00:00:00Z",
    }))
    .unwrap()
}

fn items(cents: i64, made: &[Adjustment]) -> Option<Value> {
    let body = body(&key(1), &order(cents, None), &transaction(), made)?;
    assert_eq!(body["action"], "refund");
    assert_eq!(body["transaction_id"], "txn_1");
    if body["type"] == "full" {
        assert!(body.get("items").is_none(), "{body}");
        return Some(json!("full"));
    }
    assert_eq!(body["type"], "partial");
    Some(body["items"].clone())
}

fn part(line: &str, amount: &str) -> Value {
    json!({ "item_id": line, "type": "partial", "amount": amount })
}

fn whole(line: &str) -> Value {
    json!({ "item_id": line, "type": "full" })
}

#[test]
fn what_goes_back_is_taken_off_the_lines_in_their_order() {
    for (cents, expected) in [
        (1_500, Some(json!("full"))),
        (400, Some(json!([part("txnitm_a", "400")]))),
        (1_000, Some(json!([whole("txnitm_a")]))),
        (
            1_200,
            Some(json!([whole("txnitm_a"), part("txnitm_b", "200")])),
        ),
        (1_501, None),
    ] {
        assert_eq!(items(cents, &[]), expected, "{cents}");
    }
}

#[test]
fn what_was_adjusted_before_is_not_there_any_more() {
    for (action, status, left) in [
        ("refund", "approved", 600),
        ("refund", "pending_approval", 600),
        ("refund", "rejected", 1_000),
        ("credit", "approved", 600),
        ("chargeback_warning", "approved", 1_000),
    ] {
        let made = [adjusted(action, status, "txnitm_a", "400")];
        let told = format!("{action} {status}");
        let all = items(left + 500, &made);
        let first = if left == 1_000 {
            whole("txnitm_a")
        } else {
            part("txnitm_a", "600")
        };
        assert_eq!(all, Some(json!([first, whole("txnitm_b")])), "{told}");
        assert_eq!(items(left + 501, &made), None, "{told}");
    }
    // A chargeback that was lost and came back.
    let made = [
        adjusted("chargeback", "reversed", "txnitm_a", "1000"),
        adjusted("chargeback_reverse", "approved", "txnitm_a", "1000"),
    ];
    assert_eq!(
        items(1_500, &made),
        Some(json!([whole("txnitm_a"), whole("txnitm_b")]))
    );
}

#[test]
fn a_refund_of_ours_is_known_by_the_key_that_ends_its_reason() {
    let long = "x".repeat(600);
    for (reason, words) in [
        (None, ""),
        (Some("A day [of two] was lost"), "A day [of two] was lost "),
        (Some(long.as_str()), &format!("{} ", &long[..500])),
    ] {
        let body = body(&key(7), &order(100, reason), &transaction(), &[]).unwrap();
        let sent = body["reason"].as_str().unwrap();
        assert_eq!(sent, format!("{words}[{}]", key(7)));
        let mut there = adjusted("refund", "approved", "txnitm_a", "100");
        there.reason = Some(sent.to_owned());
        assert_eq!(there.ordered(), Some(key(7)));
    }
    for reason in ["", "by hand", "[ours]", "refund:x", "[refund:x] by hand"] {
        let mut there = adjusted("refund", "approved", "txnitm_a", "100");
        there.reason = Some(reason.to_owned());
        assert_eq!(there.ordered(), None, "{reason}");
    }
}

#[tokio::test]
async fn a_look_that_is_refused_refuses_no_refund() {
    let refused = json!({ "error": { "type": "request_error", "code": "bad_request",
        "detail": "invalid request" } });
    for looked_at in ["/adjustments", "/transactions/txn_1"] {
        let (far, paddle) = paddle().await;
        respond(&far, "GET", looked_at, 400, refused.clone()).await;
        if looked_at != "/adjustments" {
            answer(&far, "GET", "/adjustments", &json!([])).await;
        }
        let effect = "eff_00000000000000000000000000000009".parse().unwrap();
        let order = Order::PromiseRefund(order(400, None));
        let told = paddle.perform(effect, &key(1), &order).await;
        assert!(matches!(told, Err(PerformError::Unknown(_))), "{told:?}");
        let asked = far.received_requests().await.unwrap();
        assert!(asked.iter().all(|call| call.method == "GET"), "{asked:?}");
    }
}
