//! The change policy: what each kind of change does, when, and with what money.
//!
//! A table of seven rows with defaults, of which a catalog or a plan overrides
//! some. Deliberately computes no amount and changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A kind of change. One change can be of several kinds: up in rank and longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Up in rank.
    Upgrade,
    /// Down in rank.
    Downgrade,
    /// Another plan of equal rank.
    Lateral,
    /// To a longer interval.
    Longer,
    /// To a shorter interval.
    Shorter,
    /// To a larger quantity.
    QuantityUp,
    /// To a smaller quantity.
    QuantityDown,
}

impl ChangeKind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Upgrade,
        Self::Downgrade,
        Self::Lateral,
        Self::Longer,
        Self::Shorter,
        Self::QuantityUp,
        Self::QuantityDown,
    ];

    /// The name of the row, as in `quantity_up`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Lateral => "lateral",
            Self::Longer => "longer",
            Self::Shorter => "shorter",
            Self::QuantityUp => "quantity_up",
            Self::QuantityDown => "quantity_down",
        }
    }

    /// The kind of that name; `None` when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What holds when no catalog says otherwise.
    #[must_use]
    pub const fn default_rule(self) -> ChangeRule {
        match self {
            Self::Upgrade | Self::Longer | Self::QuantityUp => ChangeRule::Now(ChangeMoney::Charge),
            Self::Downgrade | Self::Shorter | Self::QuantityDown => ChangeRule::PeriodEnd,
            Self::Lateral => ChangeRule::Forbidden,
        }
    }
}

/// When a change happens; only one that happens at once moves money, so no
/// other row can state any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeRule {
    /// At once, with this money.
    Now(ChangeMoney),
    /// At the end of the paid period, owing nothing now.
    PeriodEnd,
    /// Not at all.
    Forbidden,
}

/// The money of a change that happens at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeMoney {
    /// The difference over the unused time is charged; in the buyer's favor it
    /// goes to the balance.
    Charge,
    /// A difference in the buyer's favor goes to the balance; nothing is charged.
    Credit,
    /// The full new price is charged and nothing is given for unused time.
    Full,
    /// No money moves: the old rate goes on counting until the period ends.
    None,
}

impl ChangeMoney {
    /// Every choice with its name in the file.
    pub const ALL: [(&'static str, Self); 4] = [
        ("charge", Self::Charge),
        ("credit", Self::Credit),
        ("full", Self::Full),
        ("none", Self::None),
    ];
}

/// Rows of the change table that differ from what holds without them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangePolicy {
    /// The rows stated.
    pub rows: BTreeMap<ChangeKind, ChangeRule>,
}

impl ChangePolicy {
    /// Whether no row is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row stated for `kind`; `None` when this table says nothing about it.
    #[must_use]
    pub fn stated(&self, kind: ChangeKind) -> Option<ChangeRule> {
        self.rows.get(&kind).copied()
    }

    /// What holds for `kind`: this table's row, or the default.
    #[must_use]
    pub fn rule(&self, kind: ChangeKind) -> ChangeRule {
        self.stated(kind).unwrap_or_else(|| kind.default_rule())
    }
}
