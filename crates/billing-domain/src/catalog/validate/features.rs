//! Rules of features, and of what plans say about them.

use std::collections::BTreeSet;

use super::{Checker, MAX_LEVELS, MAX_NAME_CHARS, MAX_TEXT_CHARS, quoted, suggest};
use crate::catalog::{IssueCode, Path, Plan};
use crate::entitlement::{Entitlement, FeatureKey, FeatureKind};

impl<'a> Checker<'a> {
    pub(super) fn features(&mut self) {
        for (key, feature) in &self.draft.features {
            let at = Path::of(["features", key.as_str()]);
            self.text(&at.child("name"), &feature.name, MAX_NAME_CHARS);
            if let FeatureKind::Level(levels) = &feature.kind {
                self.levels(&at.child("levels"), levels);
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
