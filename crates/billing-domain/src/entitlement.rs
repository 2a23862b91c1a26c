//! Features and what a plan lets its holders do with them.
//!
//! Merging is per feature: flags OR, limits and levels MAX, texts of the
//! highest rank. Deliberately knows nothing of plans, of who holds them, and of
//! how much is used.

mod size;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::usage::Meter;

pub use self::size::{SizeError, parse_size, print_size};

crate::catalog::keys::string_keys! {
    /// The key of a feature, as in `quota`.
    FeatureKey;
}

/// A feature: declared once, with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// What a plan can say about it.
    pub kind: FeatureKind,
    /// What people read.
    pub name: String,
    /// How use of it is counted. `None`: nobody reports its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<Meter>,
}

/// What a plan can say about a feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Yes or no.
    Flag,
    /// So many of something, or unlimited.
    Count,
    /// So many bytes, or unlimited.
    Bytes,
    /// One of these, ascending: each includes those before it.
    Level(Vec<String>),
    /// Any text, such as a region or a support address.
    Text,
}

impl FeatureKind {
    /// The name of the kind, as in `bytes`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Level(_) => "level",
            Self::Text => "text",
        }
    }
}

/// How much of something is allowed. Unlimited is above every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This much and no more, in pieces or bytes.
    AtMost(u64),
    /// Any amount.
    Unlimited,
}

/// What a plan says about one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entitlement {
    /// Whether it is allowed.
    Flag(bool),
    /// How much is allowed.
    Limit(Limit),
    /// Which level, as its place in the feature's levels, from 0.
    Level(u8),
    /// A text.
    Text(String),
}

impl Entitlement {
    /// Whether holding this is enough for `needed`. Values of different kinds
    /// never are.
    #[must_use]
    pub fn allows(&self, needed: &Self) -> bool {
        match (self, needed) {
            (Self::Flag(held), Self::Flag(needed)) => *held || !*needed,
            (Self::Limit(held), Self::Limit(needed)) => held >= needed,
            (Self::Level(held), Self::Level(needed)) => held >= needed,
            (Self::Text(held), Self::Text(needed)) => held == needed,
            (Self::Flag(_) | Self::Limit(_) | Self::Level(_) | Self::Text(_), _) => false,
        }
    }

    /// This one, raised by `other` of a lower rank.
    fn raise(&mut self, other: &Self) {
        match (self, other) {
            (Self::Flag(mine), Self::Flag(theirs)) => *mine |= *theirs,
            (Self::Limit(mine), Self::Limit(theirs)) => *mine = (*mine).max(*theirs),
            (Self::Level(mine), Self::Level(theirs)) => *mine = (*mine).max(*theirs),
            // Texts, and values whose kind has changed since: the higher rank stands.
            (Self::Flag(_) | Self::Limit(_) | Self::Level(_) | Self::Text(_), _) => {}
        }
    }
}

/// What somebody may do, by feature. A feature that is absent is not granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Entitlements {
    /// The entitlements by feature.
    pub by_feature: BTreeMap<FeatureKey, Entitlement>,
}

impl Entitlements {
    /// What is granted of `feature`; `None`: nothing.
    #[must_use]
    pub fn get(&self, feature: &str) -> Option<&Entitlement> {
        self.by_feature.get(feature)
    }

    /// Grants `entitlement`, replacing what was granted before.
    pub fn insert(&mut self, feature: FeatureKey, entitlement: Entitlement) {
        self.by_feature.insert(feature, entitlement);
    }

    /// The entitlements in the order of their features' keys.
    pub fn iter(&self) -> impl Iterator<Item = (&FeatureKey, &Entitlement)> {
        self.by_feature.iter()
    }

    /// Everything that these grant together; `items` come in descending rank.
    pub fn merge<'a>(items: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut merged = Self::default();
        for item in items {
            for (feature, entitlement) in &item.by_feature {
                merged
                    .by_feature
                    .entry(feature.clone())
                    .and_modify(|held| held.raise(entitlement))
                    .or_insert_with(|| entitlement.clone());
            }
        }
        merged
    }
}

impl FromIterator<(FeatureKey, Entitlement)> for Entitlements {
    fn from_iter<T: IntoIterator<Item = (FeatureKey, Entitlement)>>(items: T) -> Self {
        Self {
            by_feature: items.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entitlements(items: &[(&str, Entitlement)]) -> Entitlements {
        items
            .iter()
            .map(|(key, value)| (FeatureKey::new(*key).unwrap(), value.clone()))
            .collect()
    }

    #[test]
    fn merging_takes_the_better_of_each_and_the_text_of_the_highest_rank() {
        let text = |text: &str| Entitlement::Text(text.to_owned());
        let limit = |n| Entitlement::Limit(Limit::AtMost(n));
        let high = entitlements(&[
            ("sso", Entitlement::Flag(false)),
            ("quota", limit(5)),
            ("editor", Entitlement::Level(1)),
            ("region", text("eu")),
            ("changed", Entitlement::Flag(true)),
        ]);
        let low = entitlements(&[
            ("sso", Entitlement::Flag(true)),
            ("quota", Entitlement::Limit(Limit::Unlimited)),
            ("editor", Entitlement::Level(2)),
            ("region", text("us")),
            ("changed", limit(3)),
            ("seats", limit(1)),
        ]);
        let merged = Entitlements::merge([&high, &low]);
        let expected = entitlements(&[
            ("sso", Entitlement::Flag(true)),
            ("quota", Entitlement::Limit(Limit::Unlimited)),
            ("editor", Entitlement::Level(2)),
            ("region", text("eu")),
            ("changed", Entitlement::Flag(true)),
            ("seats", limit(1)),
        ]);
        assert_eq!(merged, expected);
        assert_eq!(Entitlements::merge([]), Entitlements::default());
    }

    #[test]
    fn the_stored_form_is_plain() {
        let held = entitlements(&[
            ("quota", Entitlement::Limit(Limit::AtMost(5))),
            ("seats", Entitlement::Limit(Limit::Unlimited)),
            ("sso", Entitlement::Flag(true)),
        ]);
        let json = r#"{"quota":{"limit":{"at_most":5}},"seats":{"limit":"unlimited"},"sso":{"flag":true}}"#;
        assert_eq!(serde_json::to_string(&held).unwrap(), json);
        assert_eq!(serde_json::from_str::<Entitlements>(json).unwrap(), held);
    }

    #[test]
    fn a_limit_of_one_kind_never_allows_another() {
        let unlimited = Entitlement::Limit(Limit::Unlimited);
        assert!(unlimited.allows(&Entitlement::Limit(Limit::AtMost(u64::MAX))));
        assert!(!unlimited.allows(&Entitlement::Flag(true)));
        assert!(Entitlement::Flag(false).allows(&Entitlement::Flag(false)));
        assert!(!Entitlement::Level(1).allows(&Entitlement::Level(2)));
    }
}
