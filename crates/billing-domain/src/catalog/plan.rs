//! A plan: a named bundle of entitlements with a rank, and how it is sold.
//!
//! Deliberately knows nothing of who holds it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ChangePolicy, PlanKey, Price};
use crate::entitlement::{Entitlements, FeatureKey};

/// Grace after a missed payment when the plan states none: seven days, which
/// covers a weekend, a new card and a bank transfer.
pub const DEFAULT_GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A plan (a tier is a plan).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its key.
    pub key: PlanKey,
    /// What people read.
    pub name: String,
    /// A sentence for portals; may be empty.
    #[serde(default)]
    pub description: String,
    /// Its place on the ladder, higher is more; ranks may be equal. `None`:
    /// outside the ladder, it can be bought and canceled but not changed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
    /// What holders may do.
    #[serde(default)]
    pub entitlements: Entitlements,
    /// Free time before the first charge of a recurring price; `None`: no trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<SignedDuration>,
    /// How long access goes on after a payment was due.
    pub grace: SignedDuration,
    /// What a missed payment does to access; `None`: keep where the provider
    /// runs the schedule, grace where the engine does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_past_due: Option<OnPastDue>,
    /// What pausing does to access.
    #[serde(default)]
    pub on_pause: OnPause,
    /// How it is sold by quantity; `None`: one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<QuantityRule>,
    /// The signed license that holders get; `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseRule>,
    /// From this instant nobody new gets it; `None`: it is on offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Timestamp>,
    /// What it costs, in the order of the file; empty: a free plan.
    #[serde(default)]
    pub prices: Vec<Price>,
    /// Rows of the change policy that differ for holders of this plan.
    #[serde(default, skip_serializing_if = "ChangePolicy::is_empty")]
    pub changes: ChangePolicy,
}

impl Plan {
    /// A free plan outside the ladder that grants nothing.
    #[must_use]
    pub fn new(key: PlanKey, name: impl Into<String>) -> Self {
        Self {
            key,
            name: name.into(),
            description: String::new(),
            rank: None,
            entitlements: Entitlements::default(),
            trial: None,
            grace: DEFAULT_GRACE,
            on_past_due: None,
            on_pause: OnPause::default(),
            quantity: None,
            license: None,
            retired: None,
            prices: Vec::new(),
            changes: ChangePolicy::default(),
        }
    }

    /// Whether it costs nothing because it has no price.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.prices.is_empty()
    }

    /// Whether somebody new can get it at `now`: not retired, and free or with
    /// a price that is still sold.
    #[must_use]
    pub fn on_offer_at(&self, now: Timestamp) -> bool {
        let sold = |retired: Option<Timestamp>| retired.is_none_or(|end| now < end);
        sold(self.retired)
            && (self.is_free() || self.prices.iter().any(|price| sold(price.retired)))
    }
}

/// What a missed payment does to access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPastDue {
    /// Access goes on until the provider cancels.
    Keep,
    /// Access goes on for the plan's grace.
    Grace,
    /// Access ends at once.
    Cut,
}

/// What pausing does to access.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPause {
    /// Access ends at once.
    #[default]
    Now,
    /// Access goes on until the end of the paid period.
    PeriodEnd,
}

/// How a plan is sold by quantity: so many seats at so much each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantityRule {
    /// The count feature that the quantity buys.
    pub feature: FeatureKey,
    /// The smallest quantity; at least one.
    pub min: u32,
    /// The largest quantity.
    pub max: u32,
    /// Quantities are `min` and whole steps above it; at least one.
    pub step: u32,
}

impl QuantityRule {
    /// Whether `quantity` may be sold.
    #[must_use]
    pub fn allows(&self, quantity: u32) -> bool {
        (self.min..=self.max).contains(&quantity)
            && quantity.saturating_sub(self.min).checked_rem(self.step) == Some(0)
    }
}

/// The signed license that holders of a plan get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseRule {
    /// On how many machines it may be active at once; at least one.
    pub max_machines: u32,
}
