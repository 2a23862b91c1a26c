//! Invoices of our own, and what goes back of one, as `record.py` says them.

use billing_domain::effect::{CreateInvoice, Order, PromiseRefund};
use billing_domain::money::{Currency, Money};
use serde_json::{Value, json};

use super::Recording;
use crate::support::{Far, account, ok};

const INVOICE: &str = "inv_00000000000000000000000000000004";

/// An invoice of ours, in this status, with so many lines.
fn own(status: &str, lines: &Value) -> Value {
    json!({
        "id": "in_1", "status": status, "customer": "cus_9", "currency": "usd",
        "total": 2_000, "amount_due": 2_000, "attempt_count": 0,
        "billing_reason": "manual",
        "metadata": { "billing_operator": "acme", "billing_invoice": INVOICE,
            "billing_customer": "cus_00000000000000000000000000000002" },
        "lines": { "data": lines },
    })
}

pub(super) async fn own_invoices(recording: &mut Recording) {
    for (method, draft) in [
        (Value::Null, "draft an invoice"),
        (json!("pm_1"), "draft an invoice for a method of payment"),
    ] {
        let far = Far::start().await;
        let held = json!({ "id": "sub_1", "default_payment_method": method });
        let open = ok(&own("open", &json!([{ "amount": 2_000 }])));
        for (verb, path, answer) in [
            ("GET", "/v1/invoices", ok(&json!({ "data": [] }))),
            ("GET", "/v1/subscriptions/sub_1", ok(&held)),
            ("POST", "/v1/invoices", ok(&own("draft", &json!([])))),
            ("POST", "/v1/invoiceitems", ok(&json!({ "id": "ii_1" }))),
            ("POST", "/v1/invoices/in_1/finalize", open.clone()),
            ("GET", "/v1/invoices/in_1", open),
        ] {
            far.answers(verb, path, answer).await;
        }
        let order = Order::CreateInvoice(CreateInvoice {
            provider: account(),
            invoice: INVOICE.parse().unwrap(),
            customer: "cus_00000000000000000000000000000002".parse().unwrap(),
            customer_ref: Some("cus_9".to_owned()),
            subscription: "sub_00000000000000000000000000000005".parse().unwrap(),
            subscription_ref: Some("sub_1".to_owned()),
            cycle: None,
            description: "Calls".to_owned(),
            amount: Money::new(2_000, Currency::USD),
        });
        far.done(&order).await;
        let calls = [
            "list the invoices of a customer",
            "read a subscription",
            draft,
            "put a line onto a draft",
            "make a draft final",
            "read an invoice",
        ];
        recording.has(&far, &calls).await;
    }
    let far = Far::start().await;
    let void = ok(&own("void", &json!([{ "amount": 2_000 }])));
    far.answers("POST", "/v1/invoices/in_1/void", void.clone())
        .await;
    far.answers("GET", "/v1/invoices/in_1", void).await;
    let order = Order::VoidInvoice {
        provider: account(),
        invoice: INVOICE.parse().unwrap(),
        reference: Some("in_1".to_owned()),
    };
    far.done(&order).await;
    recording
        .has(&far, &["void an invoice", "read an invoice"])
        .await;
}

pub(super) async fn refunds(recording: &mut Recording) {
    let far = Far::start().await;
    let paid = json!({ "data": [{ "invoice": "in_1", "status": "paid",
        "payment": { "type": "payment_intent", "payment_intent": "pi_1" } }] });
    let made = json!({ "id": "re_1", "status": "succeeded", "amount": 500, "currency": "usd" });
    for (verb, path, answer) in [
        ("GET", "/v1/invoice_payments", ok(&paid)),
        ("GET", "/v1/refunds", ok(&json!({ "data": [] }))),
        ("POST", "/v1/refunds", ok(&made)),
    ] {
        far.answers(verb, path, answer).await;
    }
    let order = Order::PromiseRefund(PromiseRefund {
        provider: account(),
        invoice: INVOICE.parse().unwrap(),
        reference: "in_1".to_owned(),
        amount: Money::new(500, Currency::USD),
        paid: Money::new(2_000, Currency::USD),
        before: Some(Money::zero(Currency::USD)),
        reason: Some("A day was lost".to_owned()),
    });
    far.done(&order).await;
    let calls = [
        "list what paid an invoice",
        "list what pi_1 went back",
        "pay back",
    ];
    recording.has(&far, &calls).await;
}
