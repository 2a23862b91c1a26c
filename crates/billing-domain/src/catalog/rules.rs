//! What holds for the whole catalog: defaults, checkout addresses, house rules.
//!
//! Deliberately knows nothing of single plans beyond their keys.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ChangePolicy, PlanKey};
use crate::money::{Currency, Money};

/// How long a quote can be accepted when the catalog states nothing: 15 minutes,
/// longer than filling in a card form, shorter than a day's proration step.
pub const DEFAULT_QUOTE_TTL: SignedDuration = SignedDuration::from_mins(15);

/// How long access outlives the paid time while no pay link exists: 30 days, so
/// that an outage is never the buyer's failure and never free for ever.
pub const DEFAULT_STALL_LIMIT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Plans that people hold without buying.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defaults {
    /// The plan of a customer who holds nothing; `None`: no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newcomer: Option<PlanKey>,
    /// The plan granted to early customers; `None`: none is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plankowner: Option<PlanKey>,
    /// Who joined before this instant is early; `None`: only those named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plankowner_before: Option<Timestamp>,
    /// Early customers by the host application's reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plankowners: Vec<String>,
    /// What whoever signs up may try; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialGrant>,
}

/// A plan that newcomers hold for a while without buying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialGrant {
    /// The plan.
    pub plan: PlanKey,
    /// For how long, from the instant of joining.
    pub lasts: SignedDuration,
}

/// Where buyers may come from and are sent to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRules {
    /// Origins that may start a checkout, as in `https://app.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Where a paid checkout leads; may begin with `{origin}`. `None`: the
    /// caller of each checkout says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_url: Option<String>,
    /// Where an abandoned checkout leads; as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
}

/// House rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Rows of the change policy that differ from the defaults, for all plans.
    #[serde(default, skip_serializing_if = "ChangePolicy::is_empty")]
    pub changes: ChangePolicy,
    /// Amounts owed below this are carried on the balance, by currency. A
    /// currency not named has no minimum.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub minimum_charge: BTreeMap<Currency, Money>,
    /// How long a quote can be accepted.
    pub quote_ttl: SignedDuration,
    /// How long access outlives the paid time while no pay link exists.
    pub stall_limit: SignedDuration,
    /// Which cycles are invoiced after downtime of several periods.
    #[serde(default)]
    pub catch_up: CatchUp,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            changes: ChangePolicy::default(),
            minimum_charge: BTreeMap::new(),
            quote_ttl: DEFAULT_QUOTE_TTL,
            stall_limit: DEFAULT_STALL_LIMIT,
            catch_up: CatchUp::default(),
        }
    }
}

/// Which cycles are invoiced after downtime of several periods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// The current one; cycles that nobody could have paid are skipped.
    #[default]
    Current,
    /// Every cycle that gave access, one invoice after the other.
    Each,
}
