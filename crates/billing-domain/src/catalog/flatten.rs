//! A catalog as a flat list of places and what stands there, for comparing.
//!
//! Deliberately lossless for people rather than for machines: texts here are
//! read, never parsed.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    Catalog, ChangePolicy, ChangeRule, EntitlementLock, Lock, LockEnd, OnPause, Path, Plan, Price,
};
use crate::entitlement::{Entitlement, Feature, FeatureKind, Limit, print_size};

/// What stands at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As people read it.
    pub(super) text: String,
    /// Whether it is a thing with fields: a plan, a price, a feature.
    pub(super) is_thing: bool,
}

#[derive(Default)]
struct Flat(BTreeMap<Path, Entry>);

impl Flat {
    fn field(&mut self, at: Path, text: impl Into<String>) {
        let text = text.into();
        self.0.insert(
            at,
            Entry {
                text,
                is_thing: false,
            },
        );
    }

    fn optional(&mut self, at: Path, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.field(at, value.to_string());
        }
    }

    fn duration(&mut self, at: Path, value: SignedDuration) {
        self.field(at, format!("{value:#}"));
    }

    fn thing(&mut self, at: Path, text: String) {
        let is_thing = true;
        self.0.insert(at, Entry { text, is_thing });
    }

    fn policy(&mut self, at: &Path, policy: &ChangePolicy) {
        for (kind, rule) in &policy.rows {
            let text = match rule {
                ChangeRule::Now(money) => format!("now, {money:?}").to_lowercase(),
                ChangeRule::PeriodEnd => "period_end".to_owned(),
                ChangeRule::Forbidden => "forbidden".to_owned(),
            };
            self.field(at.child(kind.name()), text);
        }
    }
}

/// Everything that a catalog says, by place.
pub(super) fn flatten(catalog: &Catalog) -> BTreeMap<Path, Entry> {
    let mut flat = Flat::default();
    flat.field(Path::of(["product"]), catalog.product());
    flat.field(Path::of(["currency"]), catalog.currency().code());
    for (key, feature) in catalog.features() {
        let at = Path::of(["features", key.as_str()]);
        flat.thing(
            at.clone(),
            format!("feature of kind {}", feature.kind.name()),
        );
        flat.field(at.child("name"), feature.name.as_str());
        flat.optional(at.child("meter"), feature.meter);
        if let FeatureKind::Level(levels) = &feature.kind {
            flat.field(at.child("levels"), levels.join(", "));
        }
    }
    for plan in catalog.plans() {
        flatten_plan(catalog, plan, &mut flat);
    }
    flatten_rules(catalog, &mut flat);
    flat.0
}

fn flatten_rules(catalog: &Catalog, flat: &mut Flat) {
    let at = Path::of(["defaults"]);
    let defaults = catalog.defaults();
    flat.optional(at.child("newcomer"), defaults.newcomer.as_ref());
    flat.optional(at.child("plankowner"), defaults.plankowner.as_ref());
    flat.optional(at.child("plankowner_before"), defaults.plankowner_before);
    for name in &defaults.plankowners {
        flat.field(at.child("plankowners").child(name), name.as_str());
    }
    if let Some(trial) = &defaults.trial {
        let at = at.child("trial");
        flat.field(at.child("plan"), trial.plan.as_str());
        flat.duration(at.child("lasts"), trial.lasts);
    }
    let at = Path::of(["checkout"]);
    let checkout = catalog.checkout();
    for origin in &checkout.allowed_origins {
        flat.field(at.child("allowed_origins").child(origin), origin.as_str());
    }
    flat.optional(at.child("success_url"), checkout.success_url.as_ref());
    flat.optional(at.child("cancel_url"), checkout.cancel_url.as_ref());
    let at = Path::of(["rules"]);
    let rules = catalog.rules();
    flat.policy(&at.child("changes"), &rules.changes);
    for (currency, money) in &rules.minimum_charge {
        let at = at.child("minimum_charge").child(currency.code());
        flat.field(at, money.to_string());
    }
    flat.duration(at.child("quote_ttl"), rules.quote_ttl);
    flat.duration(at.child("stall_limit"), rules.stall_limit);
    let catch_up = format!("{:?}", rules.catch_up).to_lowercase();
    flat.field(at.child("catch_up"), catch_up);
}

fn flatten_plan(catalog: &Catalog, plan: &Plan, flat: &mut Flat) {
    let at = Path::of(["plans", plan.key.as_str()]);
    flat.thing(at.clone(), "plan".to_owned());
    flat.field(at.child("name"), plan.name.as_str());
    flat.field(at.child("description"), plan.description.as_str());
    flat.optional(at.child("rank"), plan.rank);
    for (key, entitlement) in plan.entitlements.iter() {
        let text = say(catalog.features().get(key), entitlement);
        flat.field(at.child("entitlements").child(key.as_str()), text);
    }
    if let Some(trial) = plan.trial {
        flat.duration(at.child("trial"), trial);
    }
    flat.duration(at.child("grace"), plan.grace);
    let on_past_due = plan
        .on_past_due
        .map(|rule| format!("{rule:?}").to_lowercase());
    flat.optional(at.child("on_past_due"), on_past_due);
    let on_pause = match plan.on_pause {
        OnPause::Now => "now",
        OnPause::PeriodEnd => "period_end",
    };
    flat.field(at.child("on_pause"), on_pause);
    if let Some(rule) = &plan.quantity {
        let text = format!(
            "{} from {} to {} by {}",
            rule.feature, rule.min, rule.max, rule.step
        );
        flat.field(at.child("quantity"), text);
    }
    let machines = plan.license.map(|license| license.max_machines);
    flat.optional(at.child("license").child("max_machines"), machines);
    flat.optional(at.child("retired"), plan.retired);
    flat.policy(&at.child("changes"), &plan.changes);
    for price in &plan.prices {
        flatten_price(price, &at.child("prices").child(price.key.as_str()), flat);
    }
}

fn flatten_price(price: &Price, at: &Path, flat: &mut Flat) {
    let label = match price.interval {
        super::Billing::Recurring(interval) => format!("{} every {interval}", price.amount),
        super::Billing::Once => format!("{} once", price.amount),
    };
    flat.thing(at.clone(), label);
    flat.optional(at.child("name"), price.name.as_ref());
    for (provider, reference) in &price.provider_refs {
        flat.field(at.child(provider.as_str()), reference.as_str());
    }
    flat.optional(at.child("retired"), price.retired);
    if let Some(lock) = &price.lock {
        flat.field(at.child("lock"), say_lock(lock));
    }
    if !price.lead.is_zero() {
        flat.duration(at.child("lead"), price.lead);
    }
    for (feature, overage) in &price.overage {
        let at = at.child("overage").child(feature.as_str());
        flat.field(at, overage.to_string());
    }
}

fn say_lock(lock: &Lock) -> String {
    let until = match lock.until {
        LockEnd::Forever => "for ever".to_owned(),
        LockEnd::Until(end) => format!("until {end}"),
        LockEnd::Cycles(count) => format!("for {count} cycles"),
        LockEnd::UntilChange => "until a change of plan".to_owned(),
    };
    let then = lock.then.as_ref().map(|then| format!(", then {then}"));
    let entitlements = match lock.entitlements {
        EntitlementLock::Frozen => "frozen",
        EntitlementLock::Follow => "follow",
    };
    let quantity = if lock.quantity_held {
        ", quantity held"
    } else {
        ""
    };
    format!(
        "{until}{}, notice {:#}, rejoin {:#}, entitlements {entitlements}{quantity}",
        then.unwrap_or_default(),
        lock.notice,
        lock.rejoin
    )
}

fn say(feature: Option<&Feature>, entitlement: &Entitlement) -> String {
    let kind = feature.map(|feature| &feature.kind);
    match (entitlement, kind) {
        (Entitlement::Flag(on), _) => on.to_string(),
        (Entitlement::Limit(Limit::Unlimited), _) => "unlimited".to_owned(),
        (Entitlement::Limit(Limit::AtMost(bytes)), Some(FeatureKind::Bytes)) => print_size(*bytes),
        (Entitlement::Limit(Limit::AtMost(count)), _) => count.to_string(),
        (Entitlement::Level(level), Some(FeatureKind::Level(levels))) => levels
            .get(usize::from(*level))
            .cloned()
            .unwrap_or_else(|| level.to_string()),
        (Entitlement::Level(level), _) => level.to_string(),
        (Entitlement::Text(text), _) => text.clone(),
    }
}
