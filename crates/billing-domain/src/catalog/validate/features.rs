//! Rules of features, and of what plans say about them.

use std::collections::BTreeSet;

use super::{Checker, MAX_AMOUNT, MAX_LEVELS, MAX_NAME_CHARS, MAX_TEXT_CHARS, quoted, suggest};
use crate::catalog::{IssueCode, Path, Plan, Price};
use crate::entitlement::{Entitlement, Feature, FeatureKey, FeatureKind, Limit};
use crate::usage::MAX_VALUE;

impl<'a> Checker<'a> {
    pub(super) fn features(&mut self) {
        for (key, feature) in &self.draft.features {
            let at = Path::of(["features", key.as_str()]);
            self.text(&at.child("name"), &feature.name, MAX_NAME_CHARS);
            if let FeatureKind::Level(levels) = &feature.kind {
                self.levels(&at.child("levels"), levels);
            }
            let counted = matches!(feature.kind, FeatureKind::Count | FeatureKind::Bytes);
            if feature.meter.is_some() && !counted {
                self.report(
                    at.child("meter"),
                    IssueCode::WrongKind,
                    format!("a meter of a feature of kind {}", feature.kind.name()),
                    "a meter of a feature of kind count or bytes",
                );
            }
        }
    }

    fn levels(&mut self, at: &Path, levels: &[String]) {
        self.bounded(at, levels.len(), MAX_LEVELS);
        if levels.is_empty() {
            let expected = "at least one level, the lowest first";
            self.report(at.clone(), IssueCode::OutOfRange, "no level", expected);
        }
        let mut seen = BTreeSet::new();
        for (place, level) in levels.iter().enumerate() {
            let at = at.child(place.to_string());
            self.text(&at, level, MAX_NAME_CHARS);
            if !seen.insert(level) {
                self.report(
                    at,
                    IssueCode::Duplicate,
                    quoted(level),
                    "each level named once",
                );
            }
        }
    }

    pub(super) fn entitlements(&mut self, plan: &Plan, at: &Path) {
        for (key, entitlement) in plan.entitlements.iter() {
            let at = at.child(key.as_str());
            let Some(kind) = self.declared(key, &at) else {
                continue;
            };
            self.entitlement(kind, entitlement, at);
        }
    }

    fn entitlement(&mut self, kind: &FeatureKind, entitlement: &Entitlement, at: Path) {
        match (kind, entitlement) {
            (FeatureKind::Flag, Entitlement::Flag(_))
            | (FeatureKind::Count | FeatureKind::Bytes, Entitlement::Limit(_)) => {}
            (FeatureKind::Text, Entitlement::Text(text)) => {
                self.text(&at, text, MAX_TEXT_CHARS);
            }
            (FeatureKind::Level(levels), Entitlement::Level(level)) => {
                if usize::from(*level) >= levels.len() {
                    self.report(
                        at,
                        IssueCode::OutOfRange,
                        format!("level number {level}"),
                        format!("one of {}", levels.join(", ")),
                    );
                }
            }
            (kind, entitlement) => {
                self.report(at, IssueCode::WrongKind, said(entitlement), wanted(kind));
            }
        }
    }

    pub(super) fn quantity_feature(&mut self, plan: &Plan, at: &Path) {
        let Some(rule) = &plan.quantity else { return };
        let at = at.child("quantity").child("feature");
        let Some(kind) = self.declared(&rule.feature, &at) else {
            return;
        };
        if *kind != FeatureKind::Count {
            let found = format!("`{}`, a feature of kind {}", rule.feature, kind.name());
            self.report(
                at,
                IssueCode::WrongKind,
                found,
                "a feature of kind count, since it is sold by number",
            );
        } else if self
            .draft
            .features
            .get(&rule.feature)
            .is_some_and(is_metered)
        {
            let found = format!("`{}`, whose use is metered", rule.feature);
            let expected = "a feature sold by quantity or metered, not both";
            self.report(at, IssueCode::Contradiction, found, expected);
        } else if plan.entitlements.get(rule.feature.as_str()).is_some() {
            let found = format!("`{}`, which the plan also grants", rule.feature);
            self.report(
                at,
                IssueCode::Contradiction,
                found,
                "a feature sold by quantity or granted, not both",
            );
        }
    }

    /// What use costs beyond what the plan includes.
    pub(super) fn overage(&mut self, plan: &Plan, price: &Price, at: &Path) {
        for (key, overage) in &price.overage {
            let at = at.child(key.as_str());
            if self.declared(key, &at).is_none() {
                continue;
            }
            if !self.draft.features.get(key).is_some_and(is_metered) {
                let found = format!("`{key}`, which has no meter");
                let expected = "a feature with a meter, or no overage of it";
                self.report(at, IssueCode::Contradiction, found, expected);
                continue;
            }
            let included = plan.entitlements.get(key.as_str());
            if !matches!(included, Some(Entitlement::Limit(Limit::AtMost(_)))) {
                let found = format!("`{key}`, of which the plan includes no such number");
                let expected = "a plan that states how much is included, be it 0";
                self.report(at, IssueCode::Contradiction, found, expected);
                continue;
            }
            if !(1..=MAX_VALUE).contains(&overage.per) {
                let expected = format!("1 to {MAX_VALUE}");
                self.report(
                    at.child("per"),
                    IssueCode::OutOfRange,
                    overage.per,
                    expected,
                );
            }
            if !(1..=MAX_AMOUNT).contains(&overage.amount.amount) {
                let expected = format!("1 to {MAX_AMOUNT} minor units");
                let found = overage.amount.to_string();
                self.report(at.child("amount"), IssueCode::OutOfRange, found, expected);
            }
        }
        if price.overage.is_empty() {
            return;
        }
        if price.interval.interval().is_none() {
            self.report(
                at.clone(),
                IssueCode::Contradiction,
                "an overage of a price paid once",
                "a price that is charged again and again",
            );
        }
    }

    fn declared(&mut self, key: &FeatureKey, at: &Path) -> Option<&'a FeatureKind> {
        let draft = self.draft;
        if let Some(feature) = draft.features.get(key) {
            return Some(&feature.kind);
        }
        let known = draft.features.keys().map(FeatureKey::as_str);
        let expected = suggest("a feature declared under `features`", key.as_str(), known);
        self.report(
            at.clone(),
            IssueCode::UndeclaredFeature,
            quoted(key.as_str()),
            expected,
        );
        None
    }
}

const fn is_metered(feature: &Feature) -> bool {
    feature.meter.is_some()
}

fn said(entitlement: &Entitlement) -> &'static str {
    match entitlement {
        Entitlement::Flag(_) => "yes or no",
        Entitlement::Limit(_) => "a limit",
        Entitlement::Level(_) => "a level",
        Entitlement::Text(_) => "a text",
    }
}

fn wanted(kind: &FeatureKind) -> String {
    match kind {
        FeatureKind::Flag => "true or false, since the feature is a flag".to_owned(),
        FeatureKind::Count => "a number or `unlimited`, since the feature is a count".to_owned(),
        FeatureKind::Bytes => "a size such as 5GB or `unlimited`".to_owned(),
        FeatureKind::Level(levels) => format!("one of {}", levels.join(", ")),
        FeatureKind::Text => "a text".to_owned(),
    }
}
