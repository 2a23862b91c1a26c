//! Where each kind of object is kept, what it is looked up by, and when it falls due.

use std::collections::BTreeMap;

use billing_domain::time::Timestamp;

use super::{
    Call, Checkout, CheckoutState, Customer, Event, Invoice, InvoiceFor, Kept, Kind, Payment,
    Phase, Subscription, World,
};

macro_rules! kept {
    ($($object:ident in $shelf:ident by $id:ident $(found by $found:expr,)? $(due $due:expr)?;)*) => {$(
        impl Kept for $object {
            const KIND: Kind = Kind::$object;
            fn id(&self) -> &str {
                &self.$id
            }
            fn shelf(world: &World) -> &BTreeMap<String, Self> {
                &world.$shelf
            }
            fn shelf_mut(world: &mut World) -> &mut BTreeMap<String, Self> {
                &mut world.$shelf
            }
            $(fn found_by(&self) -> Option<String> {
                Some(($found)(self))
            })?
            $(fn due(&self) -> Option<Timestamp> {
                ($due)(self)
            })?
        }
    )*};
}

kept! {
    Customer in customers by id found by customer_key,;
    Checkout in checkouts by id due checkout_due;
    Subscription in subscriptions by id found by subscription_key, due subscription_due;
    Invoice in invoices by id found by invoice_key,;
    Payment in payments by id;
    Call in calls by key;
    Event in events by id due Event::next_try;
}

/// A customer is looked up by the id that was carried here.
fn customer_key(customer: &Customer) -> String {
    customer.ours.to_string()
}

/// A subscription is looked up by our customer.
fn subscription_key(subscription: &Subscription) -> String {
    subscription.customer.clone()
}

/// An invoice is looked up by the engine's id, or by the subscription it belongs to.
fn invoice_key(invoice: &Invoice) -> String {
    match &invoice.purpose {
        InvoiceFor::Engine { invoice } => invoice.to_string(),
        InvoiceFor::Period { subscription, .. } => subscription.clone(),
    }
}

fn checkout_due(checkout: &Checkout) -> Option<Timestamp> {
    matches!(checkout.state, CheckoutState::Open).then_some(checkout.order.expires_at)
}

fn subscription_due(subscription: &Subscription) -> Option<Timestamp> {
    let work = match &subscription.phase {
        Phase::Trialing | Phase::Active => Some(subscription.charge_at),
        Phase::PastDue { retry_at, .. } => Some(*retry_at),
        Phase::Paused => None,
        Phase::Canceled { .. } => return None,
    };
    work.into_iter().chain(subscription.cancel_at).min()
}
