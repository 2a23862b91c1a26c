//! The catalog: features, plans, prices and the rules that hold for all of them.
//!
//! A [`Catalog`] exists only once its [`CatalogDraft`] has passed every rule,
//! so its users ask and never check. Deliberately knows nothing of files, of
//! who holds what, and of providers beyond their keys and references.

mod builder;
mod diff;
mod flatten;
mod issue;
pub mod keys;
mod nearest;
mod plan;
mod policy;
mod price;
mod provider_key;
mod rules;
#[cfg(test)]
mod tests;
mod validate;
mod weakened;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::builder::{CatalogBuilder, PlanBuilder};
pub use self::diff::{
    CatalogChange, CatalogDiff, Holdings, RefusedEdit, diff, monthly_revenue_effect, refusals,
};
pub use self::issue::{CatalogIssue, CatalogIssues, IssueCode, Path};
pub use self::keys::{KeyError, MAX_KEY_CHARS, PlanKey, PriceKey};
pub use self::nearest::nearest;
pub use self::plan::{DEFAULT_GRACE, LicenseRule, OnPastDue, OnPause, Plan, QuantityRule};
pub use self::policy::{ChangeKind, ChangeMoney, ChangePolicy, ChangeRule};
pub use self::price::{
    Billing, DEFAULT_NOTICE, DEFAULT_REJOIN, EntitlementLock, Lock, LockEnd, Price,
};
pub use self::provider_key::ProviderKey;
pub use self::rules::{
    CatchUp, CheckoutRules, DEFAULT_QUOTE_TTL, DEFAULT_STALL_LIMIT, Defaults, Rules, TrialGrant,
};
pub use self::validate::{
    MAX_AMOUNT, MAX_DURATION, MAX_FEATURES, MAX_LEVELS, MAX_MACHINES, MAX_NAME_CHARS, MAX_ORIGINS,
    MAX_PLANKOWNERS, MAX_PLANS, MAX_PRICES, MAX_QUANTITY, MAX_REFERENCE_CHARS, MAX_TEXT_CHARS,
};
use crate::entitlement::{Entitlement, Feature, FeatureKey, Limit};
use crate::money::Currency;

/// A catalog as written, before anyone has checked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogDraft {
    /// What is sold, as people read it.
    pub product: String,
    /// The currency of amounts that state none.
    pub currency: Currency,
    /// Every feature with its kind.
    #[serde(default)]
    pub features: BTreeMap<FeatureKey, Feature>,
    /// The plans, in the order of the file.
    #[serde(default)]
    pub plans: Vec<Plan>,
    /// Plans that people hold without buying.
    #[serde(default)]
    pub defaults: Defaults,
    /// Where buyers may come from and are sent to.
    #[serde(default)]
    pub checkout: CheckoutRules,
    /// House rules.
    #[serde(default)]
    pub rules: Rules,
}

/// A catalog that has passed every rule.
///
/// Its stored form is that of its draft; one that is read back is trusted as
/// checked, since only checked ones are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalog {
    draft: CatalogDraft,
}

impl Catalog {
    /// What is sold, as people read it.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.draft.product
    }

    /// The currency of amounts that state none.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.draft.currency
    }

    /// Every feature with its kind.
    #[must_use]
    pub const fn features(&self) -> &BTreeMap<FeatureKey, Feature> {
        &self.draft.features
    }

    /// The plans, in the order of the file.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.draft.plans
    }

    /// Plans that people hold without buying.
    #[must_use]
    pub const fn defaults(&self) -> &Defaults {
        &self.draft.defaults
    }

    /// Where buyers may come from and are sent to.
    #[must_use]
    pub const fn checkout(&self) -> &CheckoutRules {
        &self.draft.checkout
    }

    /// House rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.draft.rules
    }

    /// The plan of that key; `None` when there is none.
    #[must_use]
    pub fn plan(&self, key: &str) -> Option<&Plan> {
        self.draft
            .plans
            .iter()
            .find(|plan| plan.key.as_str() == key)
    }

    /// A plan as buyers read it where it is billed: "Acme Storage, Team". One that there is no
    /// more is called by its key.
    #[must_use]
    pub fn billed_as(&self, key: &str) -> String {
        let name = self.plan(key).map_or(key, |plan| plan.name.as_str());
        format!("{}, {name}", self.product())
    }

    /// Every price of every plan, in the order of the file.
    pub fn prices(&self) -> impl Iterator<Item = &Price> {
        self.draft.plans.iter().flat_map(|plan| &plan.prices)
    }

    /// The price of that key; `None` when there is none.
    #[must_use]
    pub fn price(&self, key: &str) -> Option<&Price> {
        self.prices().find(|price| price.key.as_str() == key)
    }

    /// The price that `provider` calls `reference`; the first in the order of
    /// the file where a reference does not name one price (BTCPay stores).
    /// `None` when there is none.
    #[must_use]
    pub fn price_by_ref(&self, provider: &str, reference: &str) -> Option<&Price> {
        self.prices()
            .find(|price| price.provider_ref(provider) == Some(reference))
    }

    /// Whether the price of that key can be bought by somebody new at `now`.
    #[must_use]
    pub fn is_sold_at(&self, key: &str, now: Timestamp) -> bool {
        let live = |retired: Option<Timestamp>| retired.is_none_or(|end| now < end);
        self.price(key).is_some_and(|price| {
            live(price.retired)
                && self
                    .plan(price.plan.as_str())
                    .is_some_and(|plan| live(plan.retired))
        })
    }

    /// Since when `price` is no longer sold, by itself or with its plan; `None`:
    /// it is sold for good.
    #[must_use]
    pub fn retired_at(&self, price: &Price) -> Option<Timestamp> {
        let plan = self.plan(price.plan.as_str());
        let plan = plan.and_then(|plan| plan.retired);
        [price.retired, plan].into_iter().flatten().min()
    }

    /// The plan of a customer who holds nothing; `None` when the catalog names none.
    #[must_use]
    pub fn newcomer_plan(&self) -> Option<&Plan> {
        self.draft
            .defaults
            .newcomer
            .as_ref()
            .and_then(|key| self.plan(key.as_str()))
    }

    /// The plan granted to early customers; `None` when the catalog names none.
    #[must_use]
    pub fn plankowner_plan(&self) -> Option<&Plan> {
        self.draft
            .defaults
            .plankowner
            .as_ref()
            .and_then(|key| self.plan(key.as_str()))
    }

    /// The plans of the ladder by ascending rank, equal ranks in the order of
    /// the file; then those outside it.
    #[must_use]
    pub fn plans_by_rank(&self) -> Vec<&Plan> {
        let mut plans: Vec<&Plan> = self.draft.plans.iter().collect();
        plans.sort_by_key(|plan| (plan.rank.is_none(), plan.rank));
        plans
    }

    /// The lowest plan on offer at `now` that allows `needed` of `feature`.
    /// Plans outside the ladder come last. `None` when no plan does.
    #[must_use]
    pub fn lowest_plan_allowing(
        &self,
        feature: &str,
        needed: &Entitlement,
        now: Timestamp,
    ) -> Option<&Plan> {
        self.plans_by_rank()
            .into_iter()
            .filter(|plan| plan.on_offer_at(now))
            .find(|plan| {
                let granted = plan
                    .entitlements
                    .get(feature)
                    .is_some_and(|granted| granted.allows(needed));
                let sold = plan.quantity.as_ref().is_some_and(|rule| {
                    rule.feature.as_str() == feature
                        && Entitlement::Limit(Limit::AtMost(u64::from(rule.max))).allows(needed)
                });
                granted || sold
            })
    }

    /// The row stated for a change of one kind by a holder of `plan`: the plan's
    /// own, else the catalog's. `None`: neither states one.
    #[must_use]
    pub fn stated_rule(&self, plan: &str, kind: ChangeKind) -> Option<ChangeRule> {
        self.plan(plan)
            .and_then(|plan| plan.changes.stated(kind))
            .or_else(|| self.draft.rules.changes.stated(kind))
    }

    /// What holds for a change of one kind by a holder of `plan`: the plan's own
    /// row, else the catalog's, else the default.
    #[must_use]
    pub fn change_rule(&self, plan: &str, kind: ChangeKind) -> ChangeRule {
        self.stated_rule(plan, kind)
            .unwrap_or_else(|| kind.default_rule())
    }
}

impl From<Catalog> for CatalogDraft {
    /// To edit it and have it checked again.
    fn from(catalog: Catalog) -> Self {
        catalog.draft
    }
}

/// A catalog as applied: immutable, numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogRevision {
    /// Its number; the highest is current.
    pub number: u64,
    /// The catalog.
    pub catalog: Catalog,
    /// When it was applied.
    pub applied_at: Timestamp,
}
