//! Grants: plans held without paying. Never a subscription.

use serde::{Deserialize, Serialize};

use crate::catalog::PlanKey;
use crate::ids::GrantId;
use crate::time::Timestamp;

/// A plan held without paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Our id.
    pub id: GrantId,
    /// The plan that is held.
    pub plan: PlanKey,
    /// Why it is held.
    pub reason: GrantReason,
    /// The first instant at which it gives access.
    pub starts_at: Timestamp,
    /// The first instant at which it no longer does. `None`: it has no end.
    pub ends_at: Option<Timestamp>,
}

/// Why a plan is held without paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantReason {
    /// The customer came early.
    Plankowner,
    /// An operator's gift.
    Comp,
    /// A trial at sign-up, of something not bought.
    Trial,
    /// The customer chose a plan that costs nothing.
    FreePlan,
}

impl Grant {
    /// Whether it gives access at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.ends_at.is_none_or(|end| now < end)
    }
}
