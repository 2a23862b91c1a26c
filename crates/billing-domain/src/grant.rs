//! Grants: plans held without paying. Never a subscription.

use serde::{Deserialize, Serialize};

use crate::catalog::PlanKey;
use crate::ids::GrantId;
use crate::subscription::TRIAL_NOTICE;
use crate::time::{Timestamp, shifted_back};

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
    /// What of its end has been told. Of grants that were kept by a version which told no
    /// ends, none is told: hosts would take it for news.
    #[serde(default = "EndTold::before")]
    pub told: EndTold,
}

/// What has been told of the end of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndTold {
    /// Nothing yet.
    Nothing,
    /// That it is near. Only trials are announced to end.
    Near,
    /// That it is over.
    Over,
}

impl EndTold {
    const fn before() -> Self {
        Self::Over
    }
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

    /// When something is to be told of its end: of a trial's, two days before. `None`: never.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let ends_at = self.ends_at?;
        match (self.told, self.reason) {
            (EndTold::Over, _) => None,
            (EndTold::Nothing, GrantReason::Trial) => Some(shifted_back(ends_at, TRIAL_NOTICE)),
            (EndTold::Nothing | EndTold::Near, _) => Some(ends_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_granted_before_ends_were_told_none_is() {
        let kept = r#"{"id":"grt_019bdb46aa007000b6b9aeef0d2df7ab","plan":"team","reason":"trial",
            "starts_at":"2026-01-01T00:00:00Z","ends_at":"2026-01-15T00:00:00Z"}"#;
        let grant: Grant = serde_json::from_str(kept).unwrap();
        assert_eq!((grant.told, grant.wake_at()), (EndTold::Over, None));
    }
}
