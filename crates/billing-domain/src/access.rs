//! What a customer may do at an instant: the effective plan, the merged
//! entitlements, and the gate.
//!
//! Computed from values and `now` alone, never stored as a switch, so that it
//! is right at every instant whether or not a worker has run.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, EntitlementLock, PlanKey};
use crate::customer::Account;
use crate::entitlement::{Entitlement, Entitlements, FeatureKind, Limit};
use crate::subscription::{Access, NoAccess};
use crate::terms::Terms;
use crate::time::Timestamp;
use crate::usage::Room;

/// What a customer holds at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effective {
    /// The plan of the highest rank that gives access. `None`: nothing does,
    /// not even a newcomer plan.
    pub plan: Option<PlanKey>,
    /// Everything that gives access, merged.
    pub entitlements: Entitlements,
    /// The first instant at which this may be different with nobody doing
    /// anything. `None`: it stays.
    pub until: Option<Timestamp>,
    /// Plans that would give access but for a reason, oldest first: what to tell
    /// the customer.
    pub lost: Vec<(PlanKey, LostReason)>,
}

/// Why something that was held gives no access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostReason {
    /// It was never paid.
    Incomplete,
    /// Its trial is over.
    TrialOver,
    /// It is unpaid beyond its grace.
    Unpaid,
    /// It is paused.
    Paused,
    /// It was canceled.
    Canceled,
    /// It is over.
    Expired,
    /// What was paid for it went back.
    Refunded,
}

/// What a caller needs of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need<'a> {
    /// That it is there at all: a flag that is on, a limit above zero, a level
    /// above the lowest.
    Some,
    /// At least this much of a limit.
    Amount(u64),
    /// At least this level, by name.
    Level(&'a str),
}

/// The answer of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// It may be used.
    Allowed {
        /// How much of it. `None` for features that are not counted.
        limit: Option<Limit>,
        /// The first instant at which the answer may be another. `None`: it stays.
        until: Option<Timestamp>,
    },
    /// It may not be used.
    Denied {
        /// Why.
        reason: DenyReason,
        /// The plan of the highest rank that is held. `None`: none is.
        plan_held: Option<PlanKey>,
        /// The lowest plan on offer that would allow it. `None`: none would.
        plan_needed: Option<PlanKey>,
    },
}

/// Why a feature may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenyReason {
    /// The catalog has no such feature, or no such level of it.
    UnknownFeature,
    /// The plans held do not include it, or not as much of it.
    NotInPlan,
    /// A plan that is held includes it, and gives no access.
    Lost(LostReason),
    /// What is included is used up, and nothing is sold beyond it, or the customer will
    /// spend no more.
    LimitReached,
}

impl DenyReason {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownFeature => "unknown_feature",
            Self::NotInPlan => "not_in_plan",
            Self::LimitReached => "limit_reached",
            Self::Lost(LostReason::Incomplete) => "incomplete",
            Self::Lost(LostReason::TrialOver) => "trial_over",
            Self::Lost(LostReason::Unpaid) => "unpaid",
            Self::Lost(LostReason::Paused) => "paused",
            Self::Lost(LostReason::Canceled) => "canceled",
            Self::Lost(LostReason::Expired) => "expired",
            Self::Lost(LostReason::Refunded) => "refunded",
        }
    }
}

impl Effective {
    /// What `account` holds at `now`, under `catalog`.
    #[must_use]
    pub fn of(account: &Account, catalog: &Catalog, now: Timestamp) -> Self {
        let mut held: Vec<(PlanKey, Option<u32>, Entitlements)> = Vec::new();
        let mut lost = Vec::new();
        let mut changes: Vec<Timestamp> = Vec::new();
        for subscription in &account.subscriptions {
            // Scheduled terms hold from their instant on, whoever looks.
            let terms = subscription.terms_at(now);
            let plan = &terms.plan;
            match subscription.access(now) {
                Access::Given { until } => {
                    changes.extend(until);
                    changes.extend(subscription.scheduled.as_ref().map(|to_come| to_come.at));
                    let (key, rank, _) = holding(catalog, plan, Pieces::Sold(terms.quantity));
                    held.push((key, rank, granted_by(terms, catalog)));
                }
                Access::Denied(reason) => {
                    changes.extend(subscription.access_returns(now));
                    lost.push((plan.clone(), reason.into()));
                }
            }
        }
        for grant in &account.grants {
            if grant.is_live(now) {
                changes.extend(grant.ends_at);
                held.push(holding(catalog, &grant.plan, Pieces::Fewest));
            } else if grant.starts_at > now {
                changes.push(grant.starts_at);
            }
        }
        if let Some(newcomer) = catalog.newcomer_plan() {
            held.push(holding(catalog, &newcomer.key, Pieces::Fewest));
        }
        // Ranked before unranked, higher before lower, earlier before later.
        held.sort_by_key(|(_, rank, _)| Reverse(*rank));
        Self {
            plan: held.first().map(|(plan, _, _)| plan.clone()),
            entitlements: Entitlements::merge(held.iter().map(|(_, _, granted)| granted)),
            until: changes.into_iter().filter(|instant| *instant > now).min(),
            lost,
        }
    }

    /// Whether `feature` may be used.
    #[must_use]
    pub fn gate(&self, catalog: &Catalog, feature: &str, need: Need<'_>, now: Timestamp) -> Gate {
        let Some(needed) = needed(catalog, feature, need) else {
            return Gate::Denied {
                reason: DenyReason::UnknownFeature,
                plan_held: self.plan.clone(),
                plan_needed: None,
            };
        };
        match self.entitlements.get(feature) {
            Some(Entitlement::Text(_)) => Gate::Allowed {
                limit: None,
                until: self.until,
            },
            Some(held) if held.allows(&needed) => {
                let limit = match held {
                    Entitlement::Limit(limit) => Some(*limit),
                    Entitlement::Flag(_) | Entitlement::Level(_) | Entitlement::Text(_) => None,
                };
                Gate::Allowed {
                    limit,
                    until: self.until,
                }
            }
            _ => self.denied(catalog, feature, &needed, now),
        }
    }

    /// The answer for a feature of which `value` more is needed, by the room that there is.
    #[must_use]
    pub fn metered(
        &self,
        catalog: &Catalog,
        feature: &str,
        room: Room,
        value: u64,
        now: Timestamp,
    ) -> Gate {
        let limit = match self.entitlements.get(feature) {
            Some(Entitlement::Limit(limit)) => Some(*limit),
            _ => None,
        };
        if room != Room::Exhausted {
            return Gate::Allowed {
                limit,
                until: self.until,
            };
        }
        // More than what is included now, by as much as is asked for.
        let needed = match limit {
            Some(Limit::AtMost(included)) => Limit::AtMost(included.saturating_add(value.max(1))),
            Some(Limit::Unlimited) | None => Limit::Unlimited,
        };
        let plan_needed = catalog.lowest_plan_allowing(feature, &Entitlement::Limit(needed), now);
        Gate::Denied {
            reason: DenyReason::LimitReached,
            plan_held: self.plan.clone(),
            plan_needed: plan_needed.map(|plan| plan.key.clone()),
        }
    }

    fn denied(
        &self,
        catalog: &Catalog,
        feature: &str,
        needed: &Entitlement,
        now: Timestamp,
    ) -> Gate {
        // The newest loss is the one to tell.
        let lost = self.lost.iter().rev().find(|(plan, _)| {
            holding(catalog, plan, Pieces::Most)
                .2
                .get(feature)
                .is_some_and(|held| held.allows(needed))
        });
        let reason = lost.map_or(DenyReason::NotInPlan, |(_, reason)| {
            DenyReason::Lost(*reason)
        });
        let plan_needed = catalog
            .lowest_plan_allowing(feature, needed, now)
            .map(|plan| plan.key.clone());
        Gate::Denied {
            reason,
            plan_held: self.plan.clone(),
            plan_needed,
        }
    }
}

/// What terms bring: what the plan grants, the sold quantity, and what a
/// promise to holders of a retired price keeps of what was granted before.
#[must_use]
pub fn granted_by(terms: &Terms, catalog: &Catalog) -> Entitlements {
    let (_, _, granted) = holding(catalog, &terms.plan, Pieces::Sold(terms.quantity));
    let price = terms.price.as_ref();
    let frozen = price
        .and_then(|key| catalog.price(key.as_str()))
        .is_some_and(|price| {
            // From the day it is announced: what is promised does not shrink before.
            catalog.retired_at(price).is_some()
                && price.effective_lock().entitlements == EntitlementLock::Frozen
        });
    if !frozen {
        return granted;
    }
    // The better of old and new, per feature; a text is the new one.
    Entitlements::merge([&granted, &terms.sold])
}

/// How many pieces of a plan are held, where it is sold by the piece.
#[derive(Debug, Clone, Copy)]
enum Pieces {
    /// As many as were bought.
    Sold(u32),
    /// The fewest that are sold: what a plan given away brings.
    Fewest,
    /// The most that are sold: what a plan could have brought.
    Most,
}

/// A plan as held: its rank and what it grants, the sold quantity included.
fn holding(
    catalog: &Catalog,
    key: &PlanKey,
    pieces: Pieces,
) -> (PlanKey, Option<u32>, Entitlements) {
    let Some(plan) = catalog.plan(key.as_str()) else {
        // A plan that is held cannot leave the catalog; one that did grants nothing.
        return (key.clone(), None, Entitlements::default());
    };
    let mut granted = plan.entitlements.clone();
    if let Some(rule) = &plan.quantity {
        let quantity = match pieces {
            Pieces::Sold(quantity) => quantity,
            Pieces::Fewest => rule.min,
            Pieces::Most => rule.max,
        };
        let sold = Entitlement::Limit(Limit::AtMost(u64::from(quantity)));
        granted.insert(rule.feature.clone(), sold);
    }
    (key.clone(), plan.rank, granted)
}

/// The need in the feature's own kind. `None`: the catalog knows no such feature or level.
fn needed(catalog: &Catalog, feature: &str, need: Need<'_>) -> Option<Entitlement> {
    let kind = &catalog.features().get(feature)?.kind;
    Some(match (kind, need) {
        (FeatureKind::Flag, _) => Entitlement::Flag(true),
        (FeatureKind::Count | FeatureKind::Bytes, Need::Amount(amount)) => {
            Entitlement::Limit(Limit::AtMost(amount))
        }
        (FeatureKind::Count | FeatureKind::Bytes, _) => Entitlement::Limit(Limit::AtMost(1)),
        (FeatureKind::Level(levels), Need::Level(name)) => {
            let place = levels.iter().position(|level| level == name)?;
            Entitlement::Level(u8::try_from(place).ok()?)
        }
        (FeatureKind::Level(_), _) => Entitlement::Level(1),
        (FeatureKind::Text, _) => Entitlement::Text(String::new()),
    })
}

impl From<NoAccess> for LostReason {
    fn from(reason: NoAccess) -> Self {
        match reason {
            NoAccess::Incomplete => Self::Incomplete,
            NoAccess::TrialOver => Self::TrialOver,
            NoAccess::Unpaid => Self::Unpaid,
            NoAccess::Paused => Self::Paused,
            NoAccess::Canceled => Self::Canceled,
            NoAccess::Expired => Self::Expired,
            NoAccess::Refunded => Self::Refunded,
        }
    }
}
