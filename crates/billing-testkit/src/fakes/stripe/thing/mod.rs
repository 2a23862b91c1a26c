//! What the fake keeps: plain records, without behavior.
//!
//! Times are whole seconds since 1970, as on the wire; amounts are minor units.

mod bill;
mod customer;
mod money;
mod sale;
mod subscription;

pub(crate) use bill::{Invoice, InvoiceStatus, Line, Reason};
pub(crate) use customer::{Coupon, CouponLasts, CouponOff, Customer, Discount, Price, Product};
pub use money::{Card, UnknownCard};
pub(crate) use money::{Charge, Dispute, Intent, Refund, Verdict};
pub(crate) use sale::{Mode, Pay, Session, SessionStatus, Terms};
pub(crate) use subscription::{
    Item, MissingMethod, PauseCollection, PendingUpdate, Phase, Schedule, ScheduleStatus, Status,
    Subscription,
};

use std::collections::BTreeMap;

/// Keys and values of the caller's own.
pub(crate) type Metadata = BTreeMap<String, String>;

/// A stretch of time in seconds: the first, and the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
}
