//! What is prorated: a change at an instant, what it ends and what it begins.

pub use jiff::tz::TimeZone;

use crate::money::Money;
use crate::time::{Period, Timestamp};

/// A change within a period, or the end or beginning of something in it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The period that is prorated. `None`: bought once, for good; every share
    /// is then the whole.
    pub period: Option<Period>,
    /// The instant of the change, from the period's start to its end.
    pub at: Timestamp,
    /// What ends: it is credited, or billed for the time used.
    pub ends: &'a [Item],
    /// What begins: it is charged. Empty: the change is a termination.
    pub begins: &'a [Item],
    /// The tax on every line.
    pub tax: TaxRate,
    /// The time zones of the two parties.
    pub zones: Zones<'a>,
}

/// One thing that is paid for by the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The price of one unit for a whole period, before tax and discount; not
    /// below zero.
    pub price: Money,
    /// How many units.
    pub quantity: u32,
    /// The discount on price × quantity. `None`: none.
    pub discount: Option<Discount>,
    /// The item's own period, where it is not the change's. `None`: it is.
    pub period: Option<Period>,
    /// The part of the period that the item covers. `None`: what begins covers
    /// the time from the change on, what ends has covered the whole period.
    pub part: Option<Period>,
    /// What was charged for it in this period, in minor units and before tax.
    /// `None`: its price, less the discount where that is taken off before.
    pub paid: Option<i64>,
    /// What was credited of that already, in minor units and before tax.
    pub credited: i64,
}

impl Item {
    /// `quantity` units at `price`, without discount, for the whole period.
    #[must_use]
    pub const fn new(price: Money, quantity: u32) -> Self {
        Self {
            price,
            quantity,
            discount: None,
            period: None,
            part: None,
            paid: None,
            credited: 0,
        }
    }
}

/// A discount on the whole of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discount {
    /// Hundredths of a percent, 10 000 at most. The amount it comes to is
    /// rounded half away from zero.
    BasisPoints(u16),
    /// Minor units, for the whole quantity; never more than the price.
    Amount(i64),
}

/// A rate of tax in millionths: 200 000 is 20 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TaxRate {
    /// Millionths of the net.
    pub millionths: u32,
}

/// The time zones of the two parties.
#[derive(Debug, Clone, Copy, Default)]
pub struct Zones<'a> {
    /// The merchant's. `None`: UTC.
    pub merchant: Option<&'a TimeZone>,
    /// The customer's. `None`: UTC.
    pub customer: Option<&'a TimeZone>,
}
