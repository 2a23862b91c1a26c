//! Objects in the shapes that Paddle gives them. Changes nothing.

mod adjustment;
mod bill;
mod catalog;
mod people;
mod subscription;
mod told;
mod transaction;

pub(in crate::fakes::paddle) use adjustment::adjustment;
pub(in crate::fakes::paddle) use bill::{Sums, bill, planned_details};
pub(in crate::fakes::paddle) use catalog::{discount, price, product};
pub(in crate::fakes::paddle) use people::{address, customer};
pub(in crate::fakes::paddle) use subscription::{subscription, subscription_event};
pub(in crate::fakes::paddle) use told::{destination, event, notification, payload};
pub(in crate::fakes::paddle) use transaction::{transaction, transaction_event};

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp, Unit};
use serde_json::{Value, json};

/// The code of a currency, as Paddle writes it.
pub(in crate::fakes::paddle) fn code(currency: Currency) -> String {
    currency.code().to_ascii_uppercase()
}

pub(in crate::fakes::paddle) fn interval_json(interval: Interval) -> Value {
    json!({"interval": unit_name(interval.unit()), "frequency": interval.count()})
}

pub(in crate::fakes::paddle) const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}

pub(in crate::fakes::paddle) fn time(at: Timestamp) -> String {
    at.to_string()
}
