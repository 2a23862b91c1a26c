//! Invoices of our own, beside those that Stripe makes for a subscription: what was used in
//! a period, say.
//!
//! One is a draft, then has its line, and is final: three calls, each under a key of its own.

use billing_domain::effect::{CreateInvoice, EffectKey};

use crate::call::Call;
use crate::facts::{CUSTOMER_KEY, INVOICE_KEY, OPERATOR_KEY};
use crate::forms::read::PAGE_ROWS;

/// Makes the draft. Other things that wait for the customer's next invoice are left out: they
/// are Stripe's own to charge.
pub(crate) fn draft(
    order: &CreateInvoice,
    customer: &str,
    method: Option<&str>,
    operator: &str,
    key: &EffectKey,
) -> Call {
    let call = Call::post("/invoices")
        .with("customer", customer)
        .with("currency", order.amount.currency.code())
        .with("description", &order.description)
        .with("collection_method", "charge_automatically")
        .with("pending_invoice_items_behavior", "exclude")
        // What is used was priced here: a discount of the customer's there is not for it.
        .with("discounts", "")
        // Nothing is final before its line is there.
        .with("auto_advance", "false")
        .with(&metadata(INVOICE_KEY), &order.invoice.to_string())
        .with(&metadata(CUSTOMER_KEY), &order.customer.to_string())
        .with(&metadata(OPERATOR_KEY), operator);
    let call = match method {
        Some(method) => call.with("default_payment_method", method),
        None => call,
    };
    call.under(format!("{key}:draft"))
}

/// Puts the line onto the draft; `amount` in Stripe's units.
pub(crate) fn line(
    order: &CreateInvoice,
    customer: &str,
    invoice: &str,
    amount: i64,
    key: &EffectKey,
) -> Call {
    Call::post("/invoiceitems")
        .with("customer", customer)
        .with("invoice", invoice)
        .with("amount", &amount.to_string())
        .with("currency", order.amount.currency.code())
        .with("description", &order.description)
        .under(format!("{key}:line"))
}

/// Makes it final: Stripe collects it from then on.
pub(crate) fn finalize(invoice: &str, key: &EffectKey) -> Call {
    Call::post(&format!("/invoices/{invoice}/finalize"))
        .with("auto_advance", "true")
        .under(format!("{key}:final"))
}

/// Takes it back. Without a key: what is void already is refused, and read.
pub(crate) fn void(invoice: &str) -> Call {
    Call::post(&format!("/invoices/{invoice}/void"))
}

/// The newest invoices of a customer.
pub(crate) fn of_customer(customer: &str) -> Call {
    Call::get("/invoices")
        .with("customer", customer)
        .with("limit", &PAGE_ROWS.to_string())
}

fn metadata(key: &str) -> String {
    format!("metadata[{key}]")
}
