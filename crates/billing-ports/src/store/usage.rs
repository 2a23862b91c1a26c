//! Metered use: reported events, each counted once, and the figures they add up to.
//! Figures are no part of a customer: millions of events change no revision.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use billing_domain::entitlement::FeatureKey;
use billing_domain::ids::{CustomerId, UsagePeriodId};
use billing_domain::time::Timestamp;
use billing_domain::usage::{Figures, Meter};

use crate::store::error::StoreError;

/// One event to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    /// What names it: of the events with one id that are reported of one customer, the
    /// first counts.
    pub id: String,
    /// The period that it falls into.
    pub period: UsagePeriodId,
    /// What was used.
    pub feature: FeatureKey,
    /// How that is counted.
    pub meter: Meter,
    /// How much, where names are not counted.
    pub value: u64,
    /// What is counted once, where names are. `None`: none is.
    pub name: Option<String>,
    /// When it was used.
    pub at: Timestamp,
}

/// Events of one customer, [`billing_domain::usage::MAX_EVENTS`] at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBatch {
    /// Whose periods they fall into.
    pub customer: CustomerId,
    /// Of whom they are reported: `customer` itself, or one that acted under its plan.
    pub reported_of: CustomerId,
    /// The events, each id once.
    pub events: Vec<UsageEvent>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageRecorded {
    /// The ids of the events that were not known, and are counted now.
    pub counted: BTreeSet<String>,
    /// Those of the periods to which nothing is added any more: of their events none was
    /// counted or kept.
    pub sealed: BTreeSet<UsagePeriodId>,
    /// What was used in each of the other periods, by now.
    pub figures: BTreeMap<UsagePeriodId, Figures>,
}

/// Metered use.
///
/// - An event MUST be counted once per customer of whom it is reported and id, however often
///   and by however many at once it is brought, and whosever period it falls into; and all
///   of a batch MUST be written or nothing.
/// - Nothing MUST be added to a period once it is sealed: what sealing tells stays.
/// - Ids of events, and names, of a sealed period MAY be swept away; its figures MUST
///   stay.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Usages: Send + Sync {
    /// Counts events.
    async fn record_usage(&self, batch: &UsageBatch) -> Result<UsageRecorded, StoreError>;

    /// What was used in a period so far. Empty: nothing was, or there is no such period.
    async fn usage_figures(&self, period: UsagePeriodId) -> Result<Figures, StoreError>;

    /// Seals a customer's period, and gives what was used in it. May be repeated.
    async fn seal_usage(
        &self,
        customer: CustomerId,
        period: UsagePeriodId,
        now: Timestamp,
    ) -> Result<Figures, StoreError>;
}
