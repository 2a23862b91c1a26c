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
    /// The machines that it is activated on, in the order of their activation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<Machine>,
}

/// A machine that a license is activated on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// What is kept of its name: a fingerprint, since the name may tell whose it is.
    pub mark: String,
    /// When it was activated.
    pub activated_at: Timestamp,
}

/// How a machine stands with a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineStanding {
    /// The license is activated on it.
    Active,
    /// It is not, and there is a place for it.
    NotActive,
    /// It has no place: as many as there are places were activated before it.
    NoPlace,
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
            machines: Vec::new(),
        }
    }

    /// How the machine with this mark stands where `places` are given. Where there
    /// are fewer places than machines, as after a change of plan, those that were
    /// activated first have them.
    #[must_use]
    pub fn machine(&self, mark: &str, places: u32) -> MachineStanding {
        let places = usize::try_from(places).unwrap_or(usize::MAX);
        let known = self
            .machines
            .iter()
            .position(|machine| machine.mark == mark);
        if known.is_some_and(|place| place < places) {
            MachineStanding::Active
        } else if self.machines.len() < places {
            MachineStanding::NotActive
        } else {
            MachineStanding::NoPlace
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
    #[serde(default)]
    machines: Vec<Machine>,
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
            machines: stored.machines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_first_has_the_places() {
        use MachineStanding::{Active, NoPlace, NotActive};
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let (id, subscription) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        let mut license = License::issued(id.into(), subscription.into(), now);
        let before = serde_json::to_string(&license).unwrap();
        assert!(!before.contains("machines"), "{before}");
        for mark in ["a", "b", "c"] {
            let mark = mark.to_owned();
            let activated_at = now;
            license.machines.push(Machine { mark, activated_at });
        }
        for (places, stand) in [
            (4, [Active, Active, Active, NotActive]),
            (3, [Active, Active, Active, NoPlace]),
            (2, [Active, Active, NoPlace, NoPlace]),
            (0, [NoPlace; 4]),
        ] {
            let found = ["a", "b", "c", "d"].map(|mark| license.machine(mark, places));
            assert_eq!(found, stand, "{places} places");
        }
        let json = serde_json::to_string(&license).unwrap();
        assert_eq!(serde_json::from_str::<License>(&json).unwrap(), license);
    }

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
