//! A price: what a plan costs, how often, and what holds when it is retired.
//!
//! Deliberately knows nothing of who holds it and of what was charged.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{PlanKey, PriceKey, ProviderKey};
use crate::entitlement::FeatureKey;
use crate::money::Money;
use crate::time::Interval;
use crate::usage::Overage;

/// Notice before the first renewal at a dearer price when the lock states none:
/// 30 days, a whole monthly period, so that the holder can leave before it.
pub const DEFAULT_NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a lock outlives the end of access when the lock states nothing:
/// 30 days, so that one missed monthly payment does not cost a promise.
pub const DEFAULT_REJOIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often a price is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// Again and again, every interval.
    Recurring(Interval),
    /// One time, for as long as the plan exists.
    Once,
}

impl Billing {
    /// The interval of a recurring price; `None` for a price paid once.
    #[must_use]
    pub const fn interval(self) -> Option<Interval> {
        match self {
            Self::Recurring(interval) => Some(interval),
            Self::Once => None,
        }
    }
}

impl std::fmt::Display for Billing {
    /// `month`, `3 months`, `once`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Recurring(interval) => interval.fmt(f),
            Self::Once => f.write_str("once"),
        }
    }
}

/// One price of a plan. Immutable once anyone has bought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Its key, unique over all plans.
    pub key: PriceKey,
    /// The plan that it buys.
    pub plan: PlanKey,
    /// What people read; `None`: the plan's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What one interval (and one piece, when sold by quantity) costs. Zero is free.
    pub amount: Money,
    /// How often it is charged.
    pub interval: Billing,
    /// What each provider calls this price. Empty: sold only where none is needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provider_refs: BTreeMap<ProviderKey, String>,
    /// From this instant it is no longer sold; `None`: it is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Timestamp>,
    /// The promise to those who hold it when it is retired; `None`: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// How long before the period's end the next invoice opens, where the engine
    /// runs the schedule.
    #[serde(default)]
    pub lead: SignedDuration,
    /// What use costs beyond what the plan includes, by feature. A feature that is not
    /// here is not sold beyond that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overage: BTreeMap<FeatureKey, Overage>,
}

impl Price {
    /// A price that is sold, with no provider references and no lead.
    #[must_use]
    pub const fn new(key: PriceKey, plan: PlanKey, amount: Money, interval: Billing) -> Self {
        Self {
            key,
            plan,
            name: None,
            amount,
            interval,
            provider_refs: BTreeMap::new(),
            retired: None,
            lock: None,
            lead: SignedDuration::ZERO,
            overage: BTreeMap::new(),
        }
    }

    /// What `provider` calls this price; `None` when nothing is stated.
    #[must_use]
    pub fn provider_ref(&self, provider: &str) -> Option<&str> {
        self.provider_refs.get(provider).map(String::as_str)
    }

    /// The promise that holds after retirement: the stated one, or for ever.
    #[must_use]
    pub fn effective_lock(&self) -> Lock {
        self.lock.clone().unwrap_or_default()
    }
}

/// The promise made to the holders of a retired price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// When the promise ends.
    pub until: LockEnd,
    /// The price that follows; `None` where the promise cannot end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<PriceKey>,
    /// How old the notice of a dearer price must be before it is charged.
    pub notice: SignedDuration,
    /// How long after the end of access the retired price may be bought again.
    pub rejoin: SignedDuration,
    /// Whether holders keep the entitlements of the time when they bought.
    pub entitlements: EntitlementLock,
    /// Whether the promise is limited to the quantity held, so that pieces
    /// added later end it.
    #[serde(default)]
    pub quantity_held: bool,
}

impl Default for Lock {
    /// For ever, following the plan's entitlements.
    fn default() -> Self {
        Self {
            until: LockEnd::Forever,
            then: None,
            notice: DEFAULT_NOTICE,
            rejoin: DEFAULT_REJOIN,
            entitlements: EntitlementLock::Follow,
            quantity_held: false,
        }
    }
}

/// When the promise of a [`Lock`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockEnd {
    /// Never.
    Forever,
    /// It covers the cycles that start before this instant.
    Until(Timestamp),
    /// It covers this many settled cycles that start after the retirement.
    Cycles(u32),
    /// It holds until the holder changes plan.
    UntilChange,
}

impl LockEnd {
    /// Whether the promise ends while the holder does nothing, so that another
    /// price must follow.
    #[must_use]
    pub const fn needs_successor(self) -> bool {
        matches!(self, Self::Until(_) | Self::Cycles(_))
    }
}

/// What holders of a retired price are entitled to when the plan changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntitlementLock {
    /// The better of old and new, per feature.
    Frozen,
    /// Whatever the plan grants now.
    Follow,
}
