//! How things look in answers and deliveries. Changes nothing.

use billing_domain::money::Currency;
use serde_json::{Value, json};
use url::Url;

use super::decimal::Decimal;
use super::life::{can_invalidate, can_settle};
use super::things::{
    Delivery, Hook, Invoice, InvoiceStatus, Method, Payment, PaymentStatus, PullPayment,
};

/// Digits after the point where the currency is not known to have others.
const DIGITS: u32 = 2;

/// Digits after the point of amounts in a currency.
pub(super) fn digits(currency: &str) -> u32 {
    match currency {
        "BTC" => 8,
        "SATS" => 0,
        other => {
            let known: Option<Currency> = other.to_ascii_lowercase().parse().ok();
            known.map_or(DIGITS, |known| u32::from(known.exponent()))
        }
    }
}

/// An invoice, as it is read.
pub(super) fn invoice(invoice: &Invoice, base: &Url) -> Value {
    let mut marks = Vec::new();
    if can_settle(invoice) {
        marks.push("Settled");
    }
    if can_invalidate(invoice) {
        marks.push("Invalid");
    }
    let paid = worth(invoice, invoice.paid());
    // A top-up is worth what came in its time.
    let amount = match (invoice.amount, invoice.status) {
        (Some(amount), _) => amount,
        (None, InvoiceStatus::New | InvoiceStatus::Expired) => Decimal::ZERO,
        (None, InvoiceStatus::Processing | InvoiceStatus::Settled | InvoiceStatus::Invalid) => paid,
    };
    json!({
        "id": invoice.id,
        "storeId": Value::Null,
        "amount": amount.to_string(),
        "paidAmount": paid.to_string(),
        "currency": invoice.currency,
        "type": if invoice.amount.is_some() { "Standard" } else { "TopUp" },
        "checkoutLink": link(base, &format!("i/{}", invoice.id)),
        "createdTime": invoice.created.as_second(),
        "expirationTime": invoice.expires.as_second(),
        "monitoringExpiration": invoice.monitored.as_second(),
        "status": invoice.status.name(),
        "additionalStatus": invoice.additional.name(),
        "availableStatusesForManualMarking": marks,
        "archived": invoice.archived,
        "metadata": invoice.metadata,
        "checkout": checkout(invoice),
        "receipt": {"enabled": Value::Null, "showQR": Value::Null, "showPayments": Value::Null},
    })
}

fn checkout(invoice: &Invoice) -> Value {
    let minutes = |from: i64, to: i64| to.saturating_sub(from).div_euclid(60);
    let mut shown = json!({
        "paymentMethods": invoice.methods.iter().map(|one| one.id()).collect::<Vec<_>>(),
        "expirationMinutes": minutes(invoice.created.as_second(), invoice.expires.as_second()),
        "monitoringMinutes": minutes(invoice.expires.as_second(), invoice.monitored.as_second()),
        "redirectURL": Value::Null,
        "redirectAutomatically": false,
        "defaultLanguage": Value::Null,
    });
    for field in [
        "speedPolicy",
        "defaultPaymentMethod",
        "paymentTolerance",
        "redirectURL",
        "redirectAutomatically",
        "defaultLanguage",
    ] {
        if let Some(sent) = invoice.checkout.get(field) {
            shown[field] = sent.clone();
        }
    }
    shown
}

/// What an invoice can be paid with, and what was.
pub(super) fn payment_methods(invoice: &Invoice, counted: bool) -> Value {
    let due = invoice.due();
    let paid = invoice.paid();
    let methods = invoice.methods.iter().map(|method| {
        let by = |payment: &&Payment| payment.method == *method;
        let shown = |payment: &&Payment| !counted || payment.status != PaymentStatus::Invalid;
        let payments = invoice.payments.iter().filter(by).filter(shown);
        let own = invoice.payments.iter().filter(by);
        let own = own.filter(|one| one.status != PaymentStatus::Invalid);
        let own: i128 = own.map(|one| one.sats).sum();
        let destination = destination(&invoice.id, *method);
        json!({
            "activated": true,
            "paymentMethodId": method.id(),
            "currency": "BTC",
            "destination": destination,
            "paymentLink": format!("bitcoin:{destination}"),
            "rate": invoice.rate.to_string(),
            "paymentMethodPaid": Decimal::bitcoin(own).to_string(),
            "totalPaid": Decimal::bitcoin(paid).to_string(),
            "due": Decimal::bitcoin(due.saturating_sub(paid)).to_string(),
            "amount": Decimal::bitcoin(due).to_string(),
            "paymentMethodFee": "0",
            "payments": payments.map(|one| payment(&invoice.id, one)).collect::<Vec<_>>(),
            "additionalData": {},
        })
    });
    methods.collect()
}

/// What a delivery about a payment says of it.
pub(super) fn paid(invoice_id: &str, one: &Payment, late: bool) -> Value {
    json!({
        "afterExpiration": late,
        "paymentMethodId": one.method.id(),
        "payment": payment(invoice_id, one),
    })
}

fn payment(invoice_id: &str, one: &Payment) -> Value {
    json!({
        "id": one.id,
        "receivedDate": one.received.as_second(),
        "value": Decimal::bitcoin(one.sats).to_string(),
        "fee": "0.0",
        "status": one.status.name(),
        "destination": destination(invoice_id, one.method),
    })
}

/// An address that is none: nothing can be sent to it.
fn destination(invoice_id: &str, method: Method) -> String {
    let invoice_id = invoice_id.to_ascii_lowercase();
    match method {
        Method::Chain => format!("bcrt1fake{invoice_id}"),
        Method::Lightning => format!("lnbcrt1fake{invoice_id}"),
    }
}

/// What so many satoshi are worth in an invoice's currency, at its own rate.
pub(super) fn worth(invoice: &Invoice, sats: i128) -> Decimal {
    Decimal::of_satoshi(sats, invoice.rate, digits(&invoice.currency))
}

/// A pull payment, as it is read.
pub(super) fn pull(pull: &PullPayment, base: &Url) -> Value {
    json!({
        "id": pull.id,
        "name": pull.name,
        "description": pull.description,
        "currency": pull.currency,
        "amount": pull.amount.to_string(),
        "BOLT11Expiration": "30.00:00:00",
        "autoApproveClaims": pull.approves,
        "archived": pull.archived,
        "startsAt": pull.starts.as_second(),
        "expiresAt": Value::Null,
        "viewLink": link(base, &format!("pull-payments/{}", pull.id)),
    })
}

/// What was claimed of a pull payment; what was canceled of it only where it is asked for.
pub(super) fn payouts(pull: &PullPayment, canceled: bool) -> Value {
    let hidden = pull.canceled.iter().filter(|_| canceled);
    let hidden = hidden.map(|payout| (payout, "Cancelled"));
    let held = pull.payout.iter().map(|payout| {
        let state = if payout.sent {
            "Completed"
        } else {
            "AwaitingApproval"
        };
        (payout, state)
    });
    let payouts = hidden.chain(held).map(|(payout, state)| {
        json!({
            "id": payout.id,
            "pullPaymentId": pull.id,
            "revision": 0,
            "date": payout.at.as_second(),
            "destination": "bcrt1fakebuyer",
            "originalCurrency": pull.currency,
            "originalAmount": pull.amount.to_string(),
            "payoutCurrency": "BTC",
            "payoutAmount": Decimal::bitcoin(payout.sats).to_string(),
            "payoutMethodId": "BTC-CHAIN",
            "state": state,
        })
    });
    payouts.collect()
}

/// A webhook, as it is read; its secret is shown to whoever made it alone.
pub(super) fn hook(hook: &Hook) -> Value {
    json!({
        "id": hook.id,
        "enabled": hook.enabled,
        "automaticRedelivery": hook.redelivers,
        "url": hook.url,
        "authorizedEvents": {
            "everything": hook.events.is_empty(),
            "specificEvents": hook.events,
        },
    })
}

/// A delivery, as it is listed. `None`: it was never sent, and is not listed.
pub(super) fn delivery(one: &Delivery, taken: bool) -> Option<Value> {
    let (status, code, at) = match one.attempt {
        None if taken => ("HttpSuccess", Some(200), one.at),
        None => return None,
        Some(attempt) if attempt.accepted() => ("HttpSuccess", attempt.status, attempt.at),
        Some(attempt) if attempt.status.is_some() => ("HttpError", attempt.status, attempt.at),
        Some(attempt) => ("Failed", None, attempt.at),
    };
    Some(json!({
        "id": one.id,
        "timestamp": one.at.as_second(),
        "deliveryTime": at.as_second(),
        "httpCode": code,
        "errorMessage": (status != "HttpSuccess").then(|| format!("{status}: {code:?}")),
        "status": status,
    }))
}

/// The exact text of a delivery: indented, as BTCPay writes it.
pub(super) fn body(one: &Delivery) -> String {
    let mut body = json!({
        "deliveryId": one.id,
        "webhookId": one.hook,
        "originalDeliveryId": one.original,
        "isRedelivery": one.id != one.original,
        "timestamp": one.at.as_second(),
    });
    if let (Value::Object(body), Value::Object(event)) = (&mut body, one.event.clone()) {
        body.extend(event);
    }
    format!("{body:#}")
}

fn link(base: &Url, path: &str) -> String {
    format!("{base}{path}")
}
