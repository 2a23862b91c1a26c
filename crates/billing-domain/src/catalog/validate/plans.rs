//! Rules of single plans and prices.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::{
    Checker, MAX_AMOUNT, MAX_MACHINES, MAX_NAME_CHARS, MAX_QUANTITY, MAX_REFERENCE_CHARS,
    MAX_TEXT_CHARS, quoted,
};
use crate::catalog::{Billing, IssueCode, Path, Plan, Price, PriceKey, ProviderKey};

/// Providers whose reference names exactly one price: two prices under one
/// reference could not be told apart in what the provider reports.
const ONE_PRICE_PER_REFERENCE: [&str; 2] = ["stripe", "paddle"];

impl Checker<'_> {
    pub(super) fn plans(&mut self) {
        let mut plan_keys = BTreeSet::new();
        let mut price_keys: BTreeMap<&PriceKey, &Plan> = BTreeMap::new();
        let mut references = BTreeMap::new();
        for plan in &self.draft.plans {
            let at = Path::of(["plans", plan.key.as_str()]);
            if !plan_keys.insert(&plan.key) {
                self.report(
                    at.clone(),
                    IssueCode::Duplicate,
                    quoted(plan.key.as_str()),
                    "a plan key used once",
                );
            }
            self.plan(plan, &at);
            for price in &plan.prices {
                let at = at.child("prices").child(price.key.as_str());
                if let Some(other) = price_keys.insert(&price.key, plan) {
                    self.report(
                        at.clone(),
                        IssueCode::Duplicate,
                        format!(
                            "{} in two plans or twice in one",
                            quoted(price.key.as_str())
                        ),
                        format!(
                            "a price key used once in the whole catalog (plan `{}` has it)",
                            other.key
                        ),
                    );
                }
                self.price(plan, price, &at);
                for (provider, reference) in &price.provider_refs {
                    self.reference(provider, reference, at.child(provider.as_str()));
                    if !ONE_PRICE_PER_REFERENCE.contains(&provider.as_str()) {
                        continue;
                    }
                    if let Some(other) = references.insert((provider, reference), &price.key) {
                        self.report(
                            at.child(provider.as_str()),
                            IssueCode::Duplicate,
                            format!("{}, as for price `{other}`", quoted(reference)),
                            format!("a price of its own at {provider}"),
                        );
                    }
                }
            }
        }
    }

    fn plan(&mut self, plan: &Plan, at: &Path) {
        self.text(&at.child("name"), &plan.name, MAX_NAME_CHARS);
        self.optional_text(&at.child("description"), &plan.description, MAX_TEXT_CHARS);
        self.entitlements(plan, &at.child("entitlements"));
        self.quantity_feature(plan, at);
        self.duration(at.child("grace"), plan.grace, SignedDuration::ZERO);
        if let Some(trial) = plan.trial {
            let second = SignedDuration::from_secs(1);
            self.duration(at.child("trial"), trial, second);
            let recurring = plan
                .prices
                .iter()
                .any(|price| price.interval.interval().is_some());
            if !recurring {
                self.report(
                    at.child("trial"),
                    IssueCode::Contradiction,
                    "a trial of a plan without a recurring price",
                    "a recurring price, or no trial",
                );
            }
        }
        if let Some(license) = plan.license
            && !(1..=MAX_MACHINES).contains(&license.max_machines)
        {
            self.report(
                at.child("license").child("max_machines"),
                IssueCode::OutOfRange,
                license.max_machines,
                format!("1 to {MAX_MACHINES}"),
            );
        }
        self.quantity_bounds(plan, &at.child("quantity"));
    }

    fn quantity_bounds(&mut self, plan: &Plan, at: &Path) {
        let Some(rule) = &plan.quantity else { return };
        for (name, value) in [("min", rule.min), ("max", rule.max), ("step", rule.step)] {
            if !(1..=MAX_QUANTITY).contains(&value) {
                let expected = format!("1 to {MAX_QUANTITY}");
                self.report(at.child(name), IssueCode::OutOfRange, value, expected);
            }
        }
        if rule.min > rule.max {
            self.report(
                at.child("max"),
                IssueCode::OutOfRange,
                rule.max,
                format!("at least `min`, which is {}", rule.min),
            );
        }
    }

    fn price(&mut self, plan: &Plan, price: &Price, at: &Path) {
        if price.plan != plan.key {
            self.report(
                at.clone(),
                IssueCode::Contradiction,
                format!("a price of plan {}", quoted(price.plan.as_str())),
                format!("a price of the plan that lists it, `{}`", plan.key),
            );
        }
        if let Some(name) = &price.name {
            self.text(&at.child("name"), name, MAX_NAME_CHARS);
        }
        self.amount(plan, price, at.child("amount"));
        self.duration(at.child("lead"), price.lead, SignedDuration::ZERO);
        self.overage(plan, price, &at.child("overage"));
        let longest = match price.interval {
            Billing::Recurring(interval) => {
                i64::try_from(interval.nominal_seconds()).unwrap_or(i64::MAX)
            }
            // Nothing is charged again, so nothing can open early.
            Billing::Once => 1,
        };
        if price.lead >= SignedDuration::from_secs(longest) {
            self.report(
                at.child("lead"),
                IssueCode::OutOfRange,
                format!(
                    "{:#} for a price charged every {}",
                    price.lead, price.interval
                ),
                "a lead shorter than the interval, and none for `once`",
            );
        }
    }

    fn amount(&mut self, plan: &Plan, price: &Price, at: Path) {
        let pieces = plan.quantity.as_ref().map_or(1, |rule| rule.max);
        let most = price.amount.checked_mul(pieces);
        if price.amount.amount < 0 {
            let expected = "zero (a free price) or more";
            self.report(at, IssueCode::OutOfRange, price.amount, expected);
        } else if !most.is_ok_and(|most| most.amount <= MAX_AMOUNT) {
            self.report(
                at,
                IssueCode::OutOfRange,
                format!("{} for up to {pieces} pieces", price.amount),
                format!("at most {MAX_AMOUNT} minor units in one charge"),
            );
        }
    }

    fn reference(&mut self, provider: &ProviderKey, reference: &str, at: Path) {
        let advice = match provider.as_str() {
            "stripe" if reference.starts_with("prod_") => Some((
                "a product",
                "the id of one of its prices, which begins with `price_`",
            )),
            "paddle" if reference.starts_with("pro_") => Some((
                "a product",
                "the id of one of its prices, which begins with `pri_`",
            )),
            _ => None,
        };
        if let Some((what, expected)) = advice {
            let found = format!("{}, {what}", quoted(reference));
            self.report(at, IssueCode::BadReference, found, expected);
        } else if reference.is_empty()
            || reference.len() > MAX_REFERENCE_CHARS
            || !reference.chars().all(|c| c.is_ascii_graphic())
        {
            self.report(
                at,
                IssueCode::BadReference,
                quoted(reference),
                format!("1 to {MAX_REFERENCE_CHARS} printable characters without spaces"),
            );
        }
    }
}
