//! Reading `plans`, except their prices.

use billing_domain::catalog::{LicenseRule, OnPastDue, OnPause, Path, Plan, PlanKey, QuantityRule};
use billing_domain::entitlement::{Entitlement, Entitlements, FeatureKey, FeatureKind};

use super::Reader;
use crate::tree::{Entry, Node};
use crate::values;

const KNOWN: [&str; 13] = [
    "name",
    "description",
    "rank",
    "entitlements",
    "trial",
    "grace",
    "on_past_due",
    "on_pause",
    "quantity",
    "license",
    "retired",
    "changes",
    "prices",
];

const ON_PAST_DUE: [(&str, OnPastDue); 3] = [
    ("keep", OnPastDue::Keep),
    ("grace", OnPastDue::Grace),
    ("cut", OnPastDue::Cut),
];

const ON_PAUSE: [(&str, OnPause); 2] = [("now", OnPause::Now), ("period_end", OnPause::PeriodEnd)];

impl Reader {
    pub(super) fn plans(&mut self, entry: &Entry, at: &Path) -> Vec<Plan> {
        let mut plans = Vec::new();
        for (key, entry) in self.keyed::<PlanKey>(&entry.node, at) {
            // A plan without a key is read for its mistakes and not kept.
            let at = key
                .as_ref()
                .map_or_else(|| at.clone(), |key| at.child(key.as_str()));
            let Some(stand_in) = key.clone().or_else(|| PlanKey::new("unnamed").ok()) else {
                continue;
            };
            let plan = self.plan(stand_in, entry, &at);
            if key.is_some() {
                plans.push(plan);
            }
        }
        plans
    }

    fn plan(&mut self, key: PlanKey, entry: &Entry, at: &Path) -> Plan {
        let mut plan = Plan::new(key, "");
        let Some(fields) = self.fields(&entry.node, entry.key_mark, at, &KNOWN) else {
            return plan;
        };
        plan.name = self.required_text(&fields, "name").unwrap_or_default();
        if fields.get("description").is_some() {
            plan.description = self
                .optional_text(&fields, "description")
                .unwrap_or_default();
        }
        plan.rank = self.optional(&fields, "rank", values::number);
        if let Some(entry) = fields.get("entitlements") {
            plan.entitlements = self.entitlements(entry, &at.child("entitlements"));
        }
        plan.trial = self.optional_duration(&fields, "trial");
        if let Some(grace) = self.optional_duration(&fields, "grace") {
            plan.grace = grace;
        }
        let past_due = |text: &str| values::word(text, &ON_PAST_DUE);
        plan.on_past_due = self.optional(&fields, "on_past_due", past_due);
        let on_pause = self.optional(&fields, "on_pause", |text| values::word(text, &ON_PAUSE));
        plan.on_pause = on_pause.unwrap_or_default();
        if let Some(entry) = fields.get("quantity") {
            plan.quantity = self.quantity(entry, &at.child("quantity"));
        }
        if let Some(entry) = fields.get("license") {
            plan.license = self.license(entry, &at.child("license"));
        }
        plan.retired = self.retired(&fields);
        if let Some(entry) = fields.get("changes") {
            plan.changes = self.changes(entry, &at.child("changes"));
        }
        if let Some(entry) = fields.get("prices") {
            plan.prices = self.prices(&plan.key, entry, &at.child("prices"));
            if plan.prices.is_empty() {
                // Whether there is anything to try is not known.
                self.broken.push(at.child("trial"));
            }
        }
        plan
    }

    fn entitlements(&mut self, entry: &Entry, at: &Path) -> Entitlements {
        let mut entitlements = Entitlements::default();
        for (key, entry) in self.keyed::<FeatureKey>(&entry.node, at) {
            let Some(key) = key else { continue };
            let at = at.child(key.as_str());
            let read = match self.kinds.get(&key).cloned() {
                Some(Some(kind)) => self.entitlement(&kind, &entry.node, &at),
                // Its kind cannot be read, so neither can this.
                Some(None) => None,
                // Not declared, which checking reports; any value will do.
                None => Some(Entitlement::Flag(true)),
            };
            if let Some(entitlement) = read {
                entitlements.insert(key, entitlement);
            }
        }
        entitlements
    }

    fn entitlement(&mut self, kind: &FeatureKind, node: &Node, at: &Path) -> Option<Entitlement> {
        match kind {
            FeatureKind::Flag => self.read(node, at, values::flag).map(Entitlement::Flag),
            FeatureKind::Count => self.read(node, at, values::count).map(Entitlement::Limit),
            FeatureKind::Bytes => self.read(node, at, values::size).map(Entitlement::Limit),
            FeatureKind::Level(levels) => {
                let known: Vec<(&str, usize)> = levels
                    .iter()
                    .enumerate()
                    .map(|(place, level)| (level.as_str(), place))
                    .collect();
                let level = self.read(node, at, |text| values::word(text, &known))?;
                u8::try_from(level).ok().map(Entitlement::Level)
            }
            FeatureKind::Text => {
                let text = self.text(node, at, "a text")?;
                Some(Entitlement::Text(text.to_owned()))
            }
        }
    }

    fn quantity(&mut self, entry: &Entry, at: &Path) -> Option<QuantityRule> {
        let known = ["feature", "min", "max", "step"];
        let fields = self.fields(&entry.node, entry.key_mark, at, &known)?;
        if fields.get("feature").is_none() {
            self.missing(&fields, "feature");
        }
        let feature = self.optional_key(&fields, "feature");
        let min = self.optional(&fields, "min", values::number);
        let max = self.required(&fields, "max", values::number);
        let step = self.optional(&fields, "step", values::number);
        Some(QuantityRule {
            feature: feature?,
            min: min.unwrap_or(1),
            max: max?,
            step: step.unwrap_or(1),
        })
    }

    fn license(&mut self, entry: &Entry, at: &Path) -> Option<LicenseRule> {
        let fields = self.fields(&entry.node, entry.key_mark, at, &["max_machines"])?;
        let max_machines = self.required(&fields, "max_machines", values::number)?;
        Some(LicenseRule { max_machines })
    }
}
