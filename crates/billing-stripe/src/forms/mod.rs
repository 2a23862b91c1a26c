//! Calls in Stripe's words: pure, from what is ordered to what is sent. Knows
//! nothing of answers.

pub(crate) mod checkout;
pub(crate) mod coupon;
pub(crate) mod customer;
pub(crate) mod invoice;
pub(crate) mod read;
pub(crate) mod refund;
pub(crate) mod schedule;
pub(crate) mod subscription;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use billing_domain::effect::OpenCheckout;
use billing_domain::time::{Interval, Unit};

use crate::facts::{CHECKOUT_KEY, CUSTOMER_KEY, OPERATOR_KEY, REFERENCE_KEY, VALUE_MAX_CHARS};

/// Our words on whatever a checkout makes.
fn words(order: &OpenCheckout, operator: &str) -> HashMap<String, String> {
    let mut words = who(order, operator);
    words.insert(CHECKOUT_KEY.to_owned(), order.checkout.to_string());
    words
}

/// Our words on a customer: those that every checkout of the same one shares.
fn who(order: &OpenCheckout, operator: &str) -> HashMap<String, String> {
    let mut words = HashMap::from([
        (OPERATOR_KEY.to_owned(), operator.to_owned()),
        (CUSTOMER_KEY.to_owned(), order.customer.to_string()),
    ]);
    let reference = order.external_ref.as_ref();
    // A longer one would be refused, and with it the sale: it is left out.
    if let Some(reference) = reference.filter(|it| it.chars().count() <= VALUE_MAX_CHARS) {
        words.insert(REFERENCE_KEY.to_owned(), reference.clone());
    }
    words
}

/// Stripe's word for a calendar unit.
pub(crate) const fn unit(interval: Interval) -> &'static str {
    match interval.unit() {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}
