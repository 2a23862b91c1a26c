//! Products, prices, customers and coupons.

use billing_domain::money::Currency;
use billing_domain::time::Interval;

use super::{Card, Metadata};

#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Price {
    pub(crate) id: String,
    pub(crate) product: String,
    pub(crate) currency: Currency,
    pub(crate) unit_amount: i64,
    /// `None`: bought once.
    pub(crate) interval: Option<Interval>,
    pub(crate) lookup_key: Option<String>,
    pub(crate) active: bool,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
    /// When search may know it as it is now.
    pub(crate) searchable_at: i64,
    /// Below zero: the customer is owed.
    pub(crate) balance: i64,
    /// What renewals are taken from. `None`: nothing is on file.
    pub(crate) card: Option<Card>,
    pub(crate) deleted: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Coupon {
    pub(crate) id: String,
    pub(crate) off: CouponOff,
    pub(crate) lasts: CouponLasts,
    pub(crate) name: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CouponOff {
    /// Hundredths of a percent.
    BasisPoints(u16),
    Amount(i64, Currency),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CouponLasts {
    Once,
    Months(u16),
    Forever,
}

/// A coupon on a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Discount {
    pub(crate) id: String,
    pub(crate) coupon: String,
    pub(crate) start: i64,
    /// `None`: for ever, or once.
    pub(crate) end: Option<i64>,
}
