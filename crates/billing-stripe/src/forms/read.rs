//! Reads: one object, or a page of them.

use billing_domain::time::Timestamp;
use stripe_billing::invoice::{ListInvoice, RetrieveInvoice};
use stripe_billing::subscription::{
    ListSubscription, ListSubscriptionStatus, RetrieveSubscription,
};
use stripe_billing::subscription_schedule::RetrieveSubscriptionSchedule;
use stripe_checkout::checkout_session::{ListCheckoutSession, RetrieveCheckoutSession};
use stripe_core::customer::{ListCustomer, RetrieveCustomer};
use stripe_core::event::ListEvent;
use stripe_core::refund::ListRefund;
use stripe_product::price::RetrievePrice;

use crate::call::Call;

/// How many rows a page has: Stripe's limit, so that a list costs the fewest calls.
pub(crate) const PAGE_ROWS: i64 = 100;

/// How many event types one list of events can be asked for: Stripe's limit.
pub(crate) const TYPES_MAX: usize = 20;

/// What comes along with a subscription wherever one is read.
pub(crate) const LATEST_INVOICE: &str = "latest_invoice";

/// The same, in a list: without it, nobody knows whether a period is paid.
const LATEST_INVOICES: &str = "data.latest_invoice";

pub(crate) fn subscription(id: &str) -> Call {
    Call::of(&RetrieveSubscription::new(id).expand(vec![LATEST_INVOICE.to_owned()]))
}

pub(crate) fn customer(id: &str) -> Call {
    Call::of(&RetrieveCustomer::new(id))
}

/// Customers, deleted ones left out.
pub(crate) fn customers(after: Option<&str>) -> Call {
    let mut request = ListCustomer::new().limit(PAGE_ROWS);
    if let Some(after) = after {
        request = request.starting_after(after);
    }
    Call::of(&request)
}

pub(crate) fn schedule(id: &str) -> Call {
    Call::of(&RetrieveSubscriptionSchedule::new(id))
}

pub(crate) fn invoice(id: &str) -> Call {
    Call::of(&RetrieveInvoice::new(id))
}

/// The newest invoices of a subscription.
pub(crate) fn invoices_of(subscription: &str) -> Call {
    Call::of(
        &ListInvoice::new()
            .subscription(subscription)
            .limit(PAGE_ROWS),
    )
}

pub(crate) fn session(id: &str) -> Call {
    Call::of(&RetrieveCheckoutSession::new(id))
}

pub(crate) fn price(id: &str) -> Call {
    Call::of(&RetrievePrice::new(id))
}

/// The newest sessions made since an instant, and of one customer where it is known.
pub(crate) fn sessions_since(
    since: Timestamp,
    customer: Option<&str>,
    after: Option<&str>,
) -> Call {
    let mut request = ListCheckoutSession::new().limit(PAGE_ROWS);
    if let Some(customer) = customer {
        request = request.customer(customer);
    }
    if let Some(after) = after {
        request = request.starting_after(after);
    }
    Call::of(&request).with("created[gte]", &since.as_second().to_string())
}

/// The session that a payment paid.
pub(crate) fn session_of_payment(intent: &str) -> Call {
    Call::of(&ListCheckoutSession::new().payment_intent(intent).limit(1))
}

/// Subscriptions, ended ones included.
pub(crate) fn subscriptions(customer: Option<&str>, after: Option<&str>) -> Call {
    let mut request = ListSubscription::new()
        .status(ListSubscriptionStatus::All)
        .expand(vec![LATEST_INVOICES.to_owned()])
        .limit(PAGE_ROWS);
    if let Some(customer) = customer {
        request = request.customer(customer);
    }
    if let Some(after) = after {
        request = request.starting_after(after);
    }
    Call::of(&request)
}

/// Events of some types since an instant, newest first.
pub(crate) fn events(since: Timestamp, types: &[&str], after: Option<&str>) -> Call {
    let types: Vec<String> = types.iter().map(|it| (*it).to_owned()).collect();
    let mut request = ListEvent::new().types(types).limit(PAGE_ROWS);
    if let Some(after) = after {
        request = request.starting_after(after);
    }
    Call::of(&request).with("created[gte]", &since.as_second().to_string())
}

pub(crate) fn payment_intent(id: &str) -> Call {
    Call::get(&format!("/payment_intents/{id}"))
}

pub(crate) fn charge(id: &str) -> Call {
    Call::get(&format!("/charges/{id}"))
}

/// What a payment paid.
pub(crate) fn invoice_payments(intent: &str) -> Call {
    Call::get("/invoice_payments")
        .with("payment[type]", "payment_intent")
        .with("payment[payment_intent]", intent)
        .with("limit", &PAGE_ROWS.to_string())
}

/// What paid an invoice, or tried to.
pub(crate) fn payments_of(invoice: &str) -> Call {
    Call::get("/invoice_payments")
        .with("invoice", invoice)
        .with("limit", &PAGE_ROWS.to_string())
}

pub(crate) fn refunds(intent: &str) -> Call {
    Call::of(&ListRefund::new().payment_intent(intent).limit(PAGE_ROWS))
}

pub(crate) fn disputes(intent: &str) -> Call {
    Call::get("/disputes")
        .with("payment_intent", intent)
        .with("limit", &PAGE_ROWS.to_string())
}

pub(crate) fn webhook_endpoints() -> Call {
    Call::get("/webhook_endpoints").with("limit", &PAGE_ROWS.to_string())
}
