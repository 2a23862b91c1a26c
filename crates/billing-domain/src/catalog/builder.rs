//! Building a catalog in Rust, for applications that need no file.
//!
//! The builder takes keys as plain text and remembers what is wrong with them,
//! so that a chain of calls needs one check, at its end. What it does not name
//! is reached with `edit`.

use jiff::SignedDuration;

use super::{
    Billing, Catalog, CatalogDraft, CatalogIssue, CatalogIssues, CheckoutRules, Defaults,
    IssueCode, KeyError, Path, Plan, PlanKey, Price, PriceKey, ProviderKey, QuantityRule, Rules,
};
use crate::entitlement::{Entitlement, Feature, FeatureKey, FeatureKind, Limit};
use crate::money::{Currency, Money};
use crate::time::Interval;
use crate::usage::Meter;

/// A catalog in the making. See [`Catalog::builder`].
#[derive(Debug, Clone)]
pub struct CatalogBuilder {
    draft: CatalogDraft,
    levels: Vec<NamedLevel>,
    issues: Vec<CatalogIssue>,
}

/// A level granted by name, resolved when every feature is known.
#[derive(Debug, Clone)]
struct NamedLevel {
    plan: PlanKey,
    feature: FeatureKey,
    level: String,
}

impl Catalog {
    /// Begins a catalog of `product`, sold in `currency`.
    pub fn builder(product: impl Into<String>, currency: Currency) -> CatalogBuilder {
        CatalogBuilder {
            draft: CatalogDraft {
                product: product.into(),
                currency,
                features: std::collections::BTreeMap::new(),
                plans: Vec::new(),
                defaults: Defaults::default(),
                checkout: CheckoutRules::default(),
                rules: Rules::default(),
            },
            levels: Vec::new(),
            issues: Vec::new(),
        }
    }
}

impl CatalogBuilder {
    /// Declares a feature that is there or not.
    #[must_use]
    pub fn flag(self, key: &str, name: &str) -> Self {
        self.feature(key, name, FeatureKind::Flag)
    }

    /// Declares a feature that is counted.
    #[must_use]
    pub fn count(self, key: &str, name: &str) -> Self {
        self.feature(key, name, FeatureKind::Count)
    }

    /// Declares a feature that is measured in bytes.
    #[must_use]
    pub fn bytes(self, key: &str, name: &str) -> Self {
        self.feature(key, name, FeatureKind::Bytes)
    }

    /// Counts the use of a feature that was declared before.
    #[must_use]
    pub fn metered(mut self, key: &str, meter: Meter) -> Self {
        let at = Path::of(["features", key]);
        let declared = keep(FeatureKey::new(key), &at, key, &mut self.issues)
            .and_then(|key| self.draft.features.get_mut(&key));
        match declared {
            Some(feature) => feature.meter = Some(meter),
            None => self.issues.push(CatalogIssue {
                at,
                code: IssueCode::UndeclaredFeature,
                found: format!("`{key}`"),
                expected: "a feature declared before it is metered".to_owned(),
                related: Vec::new(),
            }),
        }
        self
    }

    /// Declares a feature with ascending levels.
    #[must_use]
    pub fn levels<const N: usize>(self, key: &str, name: &str, levels: [&str; N]) -> Self {
        let levels = levels.map(str::to_owned).to_vec();
        self.feature(key, name, FeatureKind::Level(levels))
    }

    /// Declares a feature of any kind.
    #[must_use]
    pub fn feature(mut self, key: &str, name: &str, kind: FeatureKind) -> Self {
        let at = Path::of(["features", key]);
        if let Some(key) = keep(FeatureKey::new(key), &at, key, &mut self.issues) {
            let name = name.to_owned();
            let again = self.draft.features.insert(
                key,
                Feature {
                    kind,
                    name,
                    meter: None,
                },
            );
            if again.is_some() {
                self.issues.push(CatalogIssue {
                    at,
                    code: IssueCode::Duplicate,
                    found: "a feature declared twice".to_owned(),
                    expected: "a feature key used once".to_owned(),
                    related: Vec::new(),
                });
            }
        }
        self
    }

    /// Adds a plan, described by `describe`.
    #[must_use]
    pub fn plan(
        mut self,
        key: &str,
        name: &str,
        describe: impl FnOnce(PlanBuilder) -> PlanBuilder,
    ) -> Self {
        let at = Path::of(["plans", key]);
        if let Some(key) = keep(PlanKey::new(key), &at, key, &mut self.issues) {
            let built = describe(PlanBuilder {
                plan: Plan::new(key, name),
                at,
                levels: Vec::new(),
                issues: Vec::new(),
            });
            self.draft.plans.push(built.plan);
            self.levels.extend(built.levels);
            self.issues.extend(built.issues);
        }
        self
    }

    /// Names the plan of a customer who holds nothing.
    #[must_use]
    pub fn newcomer(mut self, plan: &str) -> Self {
        let at = Path::of(["defaults", "newcomer"]);
        self.draft.defaults.newcomer = keep(PlanKey::new(plan), &at, plan, &mut self.issues);
        self
    }

    /// Changes what no other call names.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut CatalogDraft)) -> Self {
        change(&mut self.draft);
        self
    }

    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// [`CatalogIssues`] with every breach, those of keys first.
    pub fn build(mut self) -> Result<Catalog, CatalogIssues> {
        self.resolve_levels();
        let mut issues = self.issues;
        match self.draft.validate() {
            Ok(catalog) if issues.is_empty() => Ok(catalog),
            Ok(_) => Err(CatalogIssues(issues)),
            Err(more) => {
                issues.extend(more.0);
                Err(CatalogIssues(issues))
            }
        }
    }

    fn resolve_levels(&mut self) {
        for named in std::mem::take(&mut self.levels) {
            let levels = match self.draft.features.get(&named.feature) {
                Some(Feature {
                    kind: FeatureKind::Level(levels),
                    ..
                }) => levels.as_slice(),
                // Not declared, or of another kind: checking reports it.
                Some(_) | None => &[],
            };
            let place = levels.iter().position(|level| *level == named.level);
            if place.is_none() && !levels.is_empty() {
                self.issues.push(CatalogIssue {
                    at: Path::of([
                        "plans",
                        named.plan.as_str(),
                        "entitlements",
                        named.feature.as_str(),
                    ]),
                    code: IssueCode::WrongKind,
                    found: format!("`{}`", named.level.escape_debug()),
                    expected: format!("one of {}", levels.join(", ")),
                    related: Vec::new(),
                });
            }
            let level = place.and_then(|place| u8::try_from(place).ok());
            let granted = Entitlement::Level(level.unwrap_or(0));
            let plan = self
                .draft
                .plans
                .iter_mut()
                .find(|plan| plan.key == named.plan);
            if let Some(plan) = plan {
                // What an edit has stated since stands.
                let entitlements = &mut plan.entitlements.by_feature;
                entitlements.entry(named.feature).or_insert(granted);
            }
        }
    }
}

/// A plan in the making.
#[derive(Debug, Clone)]
pub struct PlanBuilder {
    plan: Plan,
    at: Path,
    levels: Vec<NamedLevel>,
    issues: Vec<CatalogIssue>,
}

impl PlanBuilder {
    /// Puts it on the ladder; higher is more.
    #[must_use]
    pub const fn rank(mut self, rank: u32) -> Self {
        self.plan.rank = Some(rank);
        self
    }

    /// Says a sentence about it.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.plan.description);
        self
    }

    /// Grants a flag.
    #[must_use]
    pub fn grant(self, feature: &str) -> Self {
        self.entitlement(feature, Entitlement::Flag(true))
    }

    /// Grants so many pieces or bytes.
    #[must_use]
    pub fn limit(self, feature: &str, at_most: u64) -> Self {
        self.entitlement(feature, Entitlement::Limit(Limit::AtMost(at_most)))
    }

    /// Grants any amount.
    #[must_use]
    pub fn unlimited(self, feature: &str) -> Self {
        self.entitlement(feature, Entitlement::Limit(Limit::Unlimited))
    }

    /// Grants a level by name.
    #[must_use]
    pub fn level(mut self, feature: &str, level: &str) -> Self {
        let at = self.at.child("entitlements").child(feature);
        if let Some(feature) = keep(FeatureKey::new(feature), &at, feature, &mut self.issues) {
            self.levels.push(NamedLevel {
                plan: self.plan.key.clone(),
                feature,
                level: level.to_owned(),
            });
        }
        self
    }

    /// Grants anything.
    #[must_use]
    pub fn entitlement(mut self, feature: &str, entitlement: Entitlement) -> Self {
        let at = self.at.child("entitlements").child(feature);
        if let Some(feature) = keep(FeatureKey::new(feature), &at, feature, &mut self.issues) {
            self.plan.entitlements.insert(feature, entitlement);
        }
        self
    }

    /// Gives time before the first charge.
    #[must_use]
    pub const fn trial(mut self, trial: SignedDuration) -> Self {
        self.plan.trial = Some(trial);
        self
    }

    /// Sells it by the piece, from `min` to `max`.
    #[must_use]
    pub fn per(mut self, feature: &str, min: u32, max: u32) -> Self {
        let at = self.at.child("quantity").child("feature");
        if let Some(feature) = keep(FeatureKey::new(feature), &at, feature, &mut self.issues) {
            self.plan.quantity = Some(QuantityRule {
                feature,
                min,
                max,
                step: 1,
            });
        }
        self
    }

    /// Sells it every month for `amount`.
    #[must_use]
    pub fn monthly(self, key: &str, amount: Money) -> Self {
        self.price(key, amount, Billing::Recurring(Interval::MONTH), |_| {})
    }

    /// Sells it every year for `amount`.
    #[must_use]
    pub fn yearly(self, key: &str, amount: Money) -> Self {
        self.price(key, amount, Billing::Recurring(Interval::YEAR), |_| {})
    }

    /// Sells it once for `amount`.
    #[must_use]
    pub fn once(self, key: &str, amount: Money) -> Self {
        self.price(key, amount, Billing::Once, |_| {})
    }

    /// Sells it at any price; `change` sets what a price can have besides.
    #[must_use]
    pub fn price(
        mut self,
        key: &str,
        amount: Money,
        interval: Billing,
        change: impl FnOnce(&mut Price),
    ) -> Self {
        let at = self.at.child("prices").child(key);
        if let Some(key) = keep(PriceKey::new(key), &at, key, &mut self.issues) {
            let mut price = Price::new(key, self.plan.key.clone(), amount, interval);
            change(&mut price);
            self.plan.prices.push(price);
        }
        self
    }

    /// States what `provider` calls the price added last.
    #[must_use]
    pub fn provider_ref(mut self, provider: &str, reference: &str) -> Self {
        let at = self.at.child("prices");
        if let Some(provider) = keep(ProviderKey::new(provider), &at, provider, &mut self.issues)
            && let Some(price) = self.plan.prices.last_mut()
        {
            price.provider_refs.insert(provider, reference.to_owned());
        }
        self
    }

    /// Changes what no other call names.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self
    }
}

fn keep<T>(
    key: Result<T, KeyError>,
    at: &Path,
    text: &str,
    issues: &mut Vec<CatalogIssue>,
) -> Option<T> {
    match key {
        Ok(key) => Some(key),
        Err(error) => {
            issues.push(CatalogIssue {
                at: at.clone(),
                code: IssueCode::BadKey,
                found: format!("`{}`", text.escape_debug()),
                expected: error.to_string(),
                related: Vec::new(),
            });
            None
        }
    }
}
