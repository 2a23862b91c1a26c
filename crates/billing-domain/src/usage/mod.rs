//! Metered use: how use of a feature is counted, how much of it is included,
//! what costs something above that, and how much a customer will spend on it.
//!
//! Knows neither how use is reported and kept, nor when it is charged.

mod charge;
mod meter;
mod room;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::PlanKey;
use crate::entitlement::{FeatureKey, Limit};
use crate::ids::{CustomerId, SubscriptionId, UsagePeriodId};
use crate::money::{Currency, Money};
use crate::time::{Period, Timestamp, shifted};

pub use charge::{Charge, Used};
pub use meter::{Meter, Overage};
pub use room::Room;
pub use standing::{Beside, Standing, is_metered, planned_period, standing_at, used_under};

/// Events reported together at most: one statement holds them, and what fails is
/// repeated whole.
pub const MAX_EVENTS: usize = 1_000;

/// Longest id of an event, and longest name that is counted once, in bytes: a digest
/// or an address fits.
pub const MAX_EVENT_TEXT: usize = 128;

/// The most that one event counts: a terabyte in bytes. Nine million of them fit a
/// figure, and a figure that is full stays so.
pub const MAX_VALUE: u64 = 1_000_000_000_000;

/// How long after its period use is still taken in: what was buffered elsewhere, and
/// is sent again after an hour's outage, counts. Then the period is charged.
pub const LATE_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How far the clock of whoever reports may be ahead of ours.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Joins and leaves that are known of one customer at most: of who moves oftener, the oldest
/// time counts as the next one.
pub(crate) const MAX_ACTED: usize = 8;

/// How much was used of each feature in one period.
pub type Figures = BTreeMap<FeatureKey, u64>;

/// What a customer uses and is not charged for yet, and the most it will spend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerUsage {
    /// The most that is charged for one period, one amount per currency. A currency
    /// that is not named has no such limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spending_limits: Vec<Money>,
    /// The periods in which use was reported that is not charged yet, oldest first.
    /// They do not overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<UsagePeriod>,
    /// Until when everything is charged. `None`: nothing was yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_until: Option<Timestamp>,
    /// Under whose plan it acted before, oldest first: what is reported late counts where it
    /// was used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acted: Vec<Acted>,
}

/// That a customer acted under a plan, and does no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// Whose. `None`: its own.
    pub under: Option<CustomerId>,
    /// The first instant at which it did not.
    pub until: Timestamp,
}

/// A stretch of time in which use is added up, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsagePeriod {
    /// Our id; figures are kept under it.
    pub id: UsagePeriodId,
    /// The subscription whose cycle it is, and that pays for it. `None`: it is a
    /// calendar month, and nothing is charged for it.
    pub subscription: Option<SubscriptionId>,
    /// The plan of that subscription.
    pub plan: Option<PlanKey>,
    /// The time.
    pub period: Period,
    /// How each feature is counted, as last agreed before the period's end.
    pub meters: BTreeMap<FeatureKey, Metered>,
    /// The features of which it was told that their limit is reached.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reached: BTreeSet<FeatureKey>,
    /// What is charged whatever the spending limit: what the use came to when the limit was
    /// last moved. `None`: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Money>,
}

/// How use of one feature is counted in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// How events add up.
    pub meter: Meter,
    /// What the plans held include.
    pub included: Limit,
    /// What is charged beyond. `None`: nothing is sold beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overage: Option<Overage>,
}

impl CustomerUsage {
    /// Whether nothing was ever reported or limited.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }

    /// The most that is charged for one period in `currency`. `None`: all that is used.
    #[must_use]
    pub fn spending_limit(&self, currency: Currency) -> Option<Money> {
        let mut limits = self.spending_limits.iter();
        limits.find(|held| held.currency == currency).copied()
    }

    /// The period in which what was used at `at` counts. `None`: none is open there.
    #[must_use]
    pub fn period_at(&self, at: Timestamp) -> Option<&UsagePeriod> {
        self.periods.iter().find(|held| held.period.contains(at))
    }

    /// Under whose plan a customer acted at `at` that acts under that of `owner` now.
    /// `None`: under its own.
    #[must_use]
    pub fn acted_under(&self, at: Timestamp, owner: Option<CustomerId>) -> Option<CustomerId> {
        let before = self.acted.iter().find(|acted| at < acted.until);
        before.map_or(owner, |acted| acted.under)
    }

    /// When the first of the periods is to be charged. `None`: none is open.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.periods.iter().map(UsagePeriod::closes_at).min()
    }
}

impl UsagePeriod {
    /// From when on nothing is added to it, and it is charged.
    #[must_use]
    pub fn closes_at(&self) -> Timestamp {
        shifted(self.period.end, LATE_FOR)
    }

    /// The currency in which it is charged. `None`: nothing is sold beyond what is included.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        let mut sold = self.meters.values().filter_map(|held| held.overage);
        sold.next().map(|overage| overage.amount.currency)
    }
}
