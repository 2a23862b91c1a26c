//! Price migrations: who moves from one price to another, when, and what that is
//! worth. Planning writes nothing; `decide::migrate` moves one holder, by the same
//! judgment.
//!
//! A promise is never broken: nobody moves before it ends, and nobody to a dearer
//! price before its notice is old enough.

mod judge;
mod plan;

use crate::catalog::{Catalog, CatalogRevision, Price, PriceKey};
use crate::ids::{CustomerId, SubscriptionId};
use crate::money::Money;
use crate::time::Timestamp;

pub(crate) use judge::{Judged, judge};
pub use plan::{MONTHS, MigrationPlan, Planner, RevenueMonth};

/// Which holders are to move, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationAsk {
    /// The price that is left.
    pub from: PriceKey,
    /// The price that follows: sold, in the same currency and interval.
    pub to: PriceKey,
    /// Nobody moves before this instant.
    pub not_before: Timestamp,
}

/// Why a migration cannot be planned at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MigrationRefusal {
    /// The catalog has no such price.
    #[error("the catalog has no price {0}")]
    UnknownPrice(PriceKey),
    /// It leads from a price to itself.
    #[error("a migration leads to another price")]
    SamePrice,
    /// The prices differ in currency.
    #[error("the prices have different currencies")]
    CurrencyDiffers,
    /// The prices differ in interval.
    #[error("the prices have different intervals")]
    IntervalDiffers,
    /// What is paid once never renews.
    #[error("what is paid once never renews")]
    NotRecurring,
    /// The price that is to follow is not sold, and would be left again.
    #[error("the price {0} is not sold")]
    NotSold(PriceKey),
}

/// One holder, as judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Whose.
    pub customer: CustomerId,
    /// The start of the first cycle at the new price. `None`: it is kept.
    pub at: Option<Timestamp>,
    /// What that cycle, or the next one of those kept, costs at the present price.
    pub from_amount: Money,
    /// What it costs at the new price. `None`: it is kept.
    pub to_amount: Option<Money>,
    /// When the notice of a dearer price goes out: with the execution. `None`: it
    /// needs none, or was given before.
    pub notice_at: Option<Timestamp>,
    /// Why it is kept at the present price. `None`: it moves.
    pub why_kept: Option<KeptReason>,
}

/// Why a holder is kept at its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeptReason {
    /// The price was promised for ever.
    PromisedForever,
    /// It was promised until the holder changes plan.
    PromisedUntilChange,
    /// It was promised until an instant too far away to plan for.
    PromisedUntil,
    /// Another price was promised to follow, and it is cheaper.
    PromisedSuccessor,
    /// It is canceled, and does not renew.
    Canceled,
    /// Its holder has a change to come.
    ChangePending,
    /// Another migration moves it already.
    MigrationPending,
    /// It is not active: paused, lapsed, over or never paid.
    NotActive,
    /// It is not held at the price that is left.
    OtherPrice,
    /// It was sold in another currency.
    OtherCurrency,
    /// It was sold for another interval.
    OtherInterval,
    /// The new price is not sold in the quantity held.
    Quantity,
    /// The new price is not sold where it is paid.
    NoProvider,
}

impl KeptReason {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PromisedForever => "promised_forever",
            Self::PromisedUntilChange => "promised_until_change",
            Self::PromisedUntil => "promised_until",
            Self::PromisedSuccessor => "promised_successor",
            Self::Canceled => "canceled",
            Self::ChangePending => "change_pending",
            Self::MigrationPending => "migration_pending",
            Self::NotActive => "not_active",
            Self::OtherPrice => "other_price",
            Self::OtherCurrency => "other_currency",
            Self::OtherInterval => "other_interval",
            Self::Quantity => "quantity",
            Self::NoProvider => "no_provider",
        }
    }
}

/// A migration that the catalog allows.
#[derive(Debug, Clone)]
pub(crate) struct Route<'a> {
    pub(crate) ask: &'a MigrationAsk,
    pub(crate) catalog: &'a CatalogRevision,
    pub(crate) to: &'a Price,
}

impl<'a> Route<'a> {
    pub(crate) fn new(
        ask: &'a MigrationAsk,
        catalog: &'a CatalogRevision,
        now: Timestamp,
    ) -> Result<Self, MigrationRefusal> {
        let sold = &catalog.catalog;
        let from = price(sold, &ask.from)?;
        let to = price(sold, &ask.to)?;
        if ask.from == ask.to {
            return Err(MigrationRefusal::SamePrice);
        }
        if from.interval.interval().is_none() || to.interval.interval().is_none() {
            return Err(MigrationRefusal::NotRecurring);
        }
        if from.amount.currency != to.amount.currency {
            return Err(MigrationRefusal::CurrencyDiffers);
        }
        if from.interval != to.interval {
            return Err(MigrationRefusal::IntervalDiffers);
        }
        if !sold.is_sold_at(ask.to.as_str(), now) {
            return Err(MigrationRefusal::NotSold(ask.to.clone()));
        }
        Ok(Self { ask, catalog, to })
    }
}

fn price<'a>(catalog: &'a Catalog, key: &PriceKey) -> Result<&'a Price, MigrationRefusal> {
    catalog
        .price(key.as_str())
        .ok_or_else(|| MigrationRefusal::UnknownPrice(key.clone()))
}
