//! Licenses: what a customer holds to show elsewhere. Knows neither keys nor
//! signatures: those are made from these values where they are handed out.

use serde::{Deserialize, Serialize};

use crate::ids::{LicenseId, SubscriptionId};
use crate::time::Timestamp;

/// A license: a stable id that stands for a subscription of a plan that gives one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct License {
    /// Our id; the same for life.
    pub id: LicenseId,
    /// The subscription whose plan it shows.
    pub subscription: SubscriptionId,
    /// How often what it shows has changed; a token says which it was signed for.
    pub serial: u32,
    /// Whether it is good, as far as that is not its subscription's to say.
    pub state: LicenseState,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// Whether a license is good, apart from what its subscription gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseState {
    /// It is.
    #[default]
    Good,
    /// An operator suspended it, and may reinstate it.
    Suspended {
        /// Since when.
        since: Timestamp,
        /// Why, in the operator's words.
        reason: String,
    },
    /// It is no longer good, and never will be.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        cause: RevokeCause,
    },
}

/// Why a license was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeCause {
    /// What was paid for it went back.
    Returned,
    /// An operator decided so.
    Operator {
        /// In the operator's words.
        reason: String,
    },
}

impl License {
    /// A license that is good, issued at `now` for `subscription`.
    #[must_use]
    pub const fn issued(id: LicenseId, subscription: SubscriptionId, now: Timestamp) -> Self {
        Self {
            id,
            subscription,
            serial: 1,
            state: LicenseState::Good,
            issued_at: now,
        }
    }

    /// Since when it is revoked. `None`: it is not.
    #[must_use]
    pub const fn revoked_at(&self) -> Option<Timestamp> {
        match self.state {
            LicenseState::Revoked { at, .. } => Some(at),
            LicenseState::Good | LicenseState::Suspended { .. } => None,
        }
    }

    /// Since when it is suspended. `None`: it is not.
    #[must_use]
    pub const fn suspended_at(&self) -> Option<Timestamp> {
        match self.state {
            LicenseState::Suspended { since, .. } => Some(since),
            LicenseState::Good | LicenseState::Revoked { .. } => None,
        }
    }

    /// Why an operator suspended or revoked it. `None`: none did.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.state {
            LicenseState::Suspended { reason, .. }
            | LicenseState::Revoked {
                cause: RevokeCause::Operator { reason },
                ..
            } => Some(reason),
            LicenseState::Good
            | LicenseState::Revoked {
                cause: RevokeCause::Returned,
                ..
            } => None,
        }
    }

    /// The same license in another state, which a token tells by its serial.
    #[must_use]
    pub(crate) fn with(self, state: LicenseState) -> Self {
        Self {
            serial: self.serial.saturating_add(1),
            state,
            ..self
        }
    }
}

/// A license as it is or was stored: before there were states, a time of
/// revocation said that what was paid had gone back.
#[derive(Deserialize)]
struct Stored {
    id: LicenseId,
    subscription: SubscriptionId,
    serial: u32,
    #[serde(default)]
    state: LicenseState,
    #[serde(default)]
    revoked_at: Option<Timestamp>,
    issued_at: Timestamp,
}

impl From<Stored> for License {
    fn from(stored: Stored) -> Self {
        let state = match stored.revoked_at {
            Some(at) => LicenseState::Revoked {
                at,
                cause: RevokeCause::Returned,
            },
            None => stored.state,
        };
        Self {
            id: stored.id,
            subscription: stored.subscription,
            serial: stored.serial,
            state,
            issued_at: stored.issued_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_that_were_stored_before_there_were_states_are_read() {
        let stored = |revoked_at: &str| {
            format!(
                r#"{{"id":"lic_{:032}","subscription":"sub_{:032}","serial":3,
                   "revoked_at":{revoked_at},"issued_at":"2026-03-01T12:00:00Z"}}"#,
                1, 2
            )
        };
        let read = |json: &str| -> License { serde_json::from_str(json).unwrap() };
        let good = read(&stored("null"));
        assert_eq!((&good.state, good.serial), (&LicenseState::Good, 3));
        let revoked = read(&stored(r#""2026-04-01T12:00:00Z""#));
        let at: Timestamp = "2026-04-01T12:00:00Z".parse().unwrap();
        let cause = RevokeCause::Returned;
        assert_eq!(revoked.state, LicenseState::Revoked { at, cause });
        assert_eq!((revoked.revoked_at(), revoked.reason()), (Some(at), None));
        let since = at;
        let reason = "asked".to_owned();
        for state in [
            good.state.clone(),
            revoked.state,
            LicenseState::Suspended { since, reason },
        ] {
            let license = good.clone().with(state);
            let json = serde_json::to_string(&license).unwrap();
            assert_eq!(read(&json), license);
        }
    }
}
