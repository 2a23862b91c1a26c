//! Moving a subscription from one state to another; illegal moves are refused.

use jiff::SignedDuration;

use crate::catalog::OnPause;
use crate::subscription::{State, Status, Subscription};
use crate::time::Timestamp;

/// A move that the rules do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subscription cannot go from {} to {}", from.as_str(), to.as_str())]
pub struct IllegalTransition {
    /// How it stands.
    pub from: Status,
    /// How it was to stand.
    pub to: Status,
}

/// A pause, as it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pausing {
    /// Until when access goes on. `None`: it ends at once.
    pub access_until: Option<Timestamp>,
    /// The paid time that comes back on resuming.
    pub remaining: SignedDuration,
}

impl Status {
    /// Whether the rules know a move from here to `to`. Staying is no move.
    ///
    /// These are our own moves. What a provider-run subscription does is the
    /// provider's business: its latest snapshot is believed as a whole.
    #[must_use]
    pub const fn may_become(self, to: Self) -> bool {
        match self {
            Self::Incomplete => {
                matches!(
                    to,
                    Self::Trialing | Self::Active | Self::Canceled | Self::Expired
                )
            }
            Self::Trialing => matches!(
                to,
                Self::Active | Self::PastDue | Self::Canceled | Self::Expired
            ),
            Self::Active => {
                matches!(
                    to,
                    Self::PastDue | Self::Paused | Self::Canceled | Self::Expired
                )
            }
            Self::PastDue => matches!(to, Self::Active | Self::Lapsed | Self::Canceled),
            Self::Paused => matches!(to, Self::Active | Self::PastDue | Self::Canceled),
            // Owing again where money had been seen in time, and nobody had heard of it.
            Self::Lapsed => matches!(to, Self::Active | Self::PastDue | Self::Canceled),
            Self::Canceled | Self::Expired => false,
        }
    }
}

impl Subscription {
    /// This subscription in another state.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] names both ends of a move that the rules do not know.
    pub fn moved(mut self, to: State) -> Result<Self, IllegalTransition> {
        let from = self.status();
        self.state = to;
        let to = self.status();
        if from == to || from.may_become(to) {
            Ok(self)
        } else {
            Err(IllegalTransition { from, to })
        }
    }

    /// What pausing at `now` would mean.
    #[must_use]
    pub fn pausing(&self, now: Timestamp) -> Pausing {
        let paid_through = self.times.paid_through.filter(|end| *end > now);
        match (self.terms.on_pause, paid_through) {
            (_, None) => Pausing {
                access_until: None,
                remaining: SignedDuration::ZERO,
            },
            (OnPause::Now, Some(end)) => Pausing {
                access_until: None,
                remaining: end.duration_since(now),
            },
            // What goes on until the period's end is used up there, and does not come back.
            (OnPause::PeriodEnd, Some(end)) => Pausing {
                access_until: Some(end),
                remaining: SignedDuration::ZERO,
            },
        }
    }
}
