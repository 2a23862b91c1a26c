//! What a subscription gives at an instant: computed, never stored as a switch.

use crate::catalog::OnPastDue;
use crate::subscription::{Schedule, State, Subscription};
use crate::time::{Timestamp, shifted};

/// What a subscription gives at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its plan, at least until `until` if nothing happens. `None`: with no end in sight.
    Given {
        /// The first instant without it.
        until: Option<Timestamp>,
    },
    /// Nothing.
    Denied(NoAccess),
}

/// Why a subscription gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoAccess {
    /// Never paid.
    Incomplete,
    /// The trial is over and nothing was paid.
    TrialOver,
    /// Unpaid beyond its grace.
    Unpaid,
    /// Suspended.
    Paused,
    /// Ended on request.
    Canceled,
    /// Over.
    Expired,
    /// What was paid for this time went back.
    Refunded,
}

impl Subscription {
    /// What it gives at `now`, from its own values alone: right at every
    /// instant, whether or not a worker has run.
    #[must_use]
    pub fn access(&self, now: Timestamp) -> Access {
        match self.access_unless_withheld(now) {
            Access::Given { .. } if self.withheld_since(now).is_some() => {
                Access::Denied(NoAccess::Refunded)
            }
            Access::Denied(_) if self.is_undone() => Access::Denied(NoAccess::Refunded),
            Access::Given { until } => Access::Given {
                until: [until, self.withheld_turns(now)]
                    .into_iter()
                    .flatten()
                    .min(),
            },
            denied @ Access::Denied(_) => denied,
        }
    }

    /// When access comes back by itself that is denied at `now`, because what was
    /// paid for this time went back and the time after it is paid. `None`: it is
    /// not so.
    #[must_use]
    pub fn access_returns(&self, now: Timestamp) -> Option<Timestamp> {
        self.withheld_since(now)?;
        let turns = self.withheld_turns(now)?;
        self.gives_access(turns).then_some(turns)
    }

    /// As if nothing that was paid had gone back.
    fn access_unless_withheld(&self, now: Timestamp) -> Access {
        let (end, reason) = match self.state {
            State::Incomplete => return Access::Denied(NoAccess::Incomplete),
            State::Expired { .. } => return Access::Denied(NoAccess::Expired),
            State::Lapsed { .. } => return Access::Denied(NoAccess::Unpaid),
            State::PastDue {
                since,
                no_grace: true,
            } => {
                // A trial was "paid" until it ended; a pause outlives what was.
                let after_trial = self.times.paid_through == Some(since);
                return Access::Denied(if after_trial {
                    NoAccess::TrialOver
                } else {
                    NoAccess::Unpaid
                });
            }
            State::Trialing { ends_at, .. } => (Some(ends_at), NoAccess::TrialOver),
            State::Canceled { ends_at } => (Some(ends_at), NoAccess::Canceled),
            State::Paused {
                access_until: None, ..
            } => return Access::Denied(NoAccess::Paused),
            State::Paused { access_until, .. } => (access_until, NoAccess::Paused),
            State::Active | State::PastDue { .. } => (self.paid_access_end(), NoAccess::Unpaid),
        };
        let (end, reason) = match self.cancellation {
            Some(to_come) if end.is_none_or(|end| to_come.ends_at < end) => {
                (Some(to_come.ends_at), NoAccess::Canceled)
            }
            _ => (end, reason),
        };
        match end {
            Some(end) if end <= now => Access::Denied(reason),
            until => Access::Given { until },
        }
    }

    /// Whether it gives its plan at `now`.
    #[must_use]
    pub fn gives_access(&self, now: Timestamp) -> bool {
        matches!(self.access(now), Access::Given { .. })
    }

    /// Since when it gives nothing at `now`, having given something before.
    /// `None`: it gives something, or never did.
    #[must_use]
    pub fn access_ended(&self, now: Timestamp) -> Option<Timestamp> {
        if self.gives_access(now) {
            return None;
        }
        // However late it was lapsed, canceled or found expired: no paid time
        // outlives this.
        let longest = self.terms.grace.max(self.terms.stall_limit);
        let paid_through = self.times.paid_through;
        let at_most = paid_through.map(|end| shifted(end, longest));
        let at_most = at_most.max(self.times.grace_ends_at.filter(|_| at_most.is_some()));
        let ended = match self.state {
            State::Incomplete => return None,
            State::Trialing { ends_at, .. } | State::Canceled { ends_at } => ends_at,
            State::Expired { at } => paid_through.map(|end| end.min(at))?,
            State::Lapsed { at } => self.paid_access_end().map_or(at, |end| end.min(at)),
            State::Paused {
                access_until: Some(end),
                ..
            } => end,
            State::Paused { since, .. }
            | State::PastDue {
                since,
                no_grace: true,
            } => since,
            State::Active | State::PastDue { .. } => self.paid_access_end().unwrap_or(now),
        };
        let canceled = self.cancellation.map(|to_come| to_come.ends_at);
        let withheld = self.withheld_since(now);
        [Some(ended), at_most, canceled, withheld]
            .into_iter()
            .flatten()
            .min()
    }

    /// When an agreement that is paid, or owing, stops giving access if nothing happens.
    fn paid_access_end(&self) -> Option<Timestamp> {
        let paid_through = self.times.paid_through;
        match &self.schedule {
            Schedule::Perpetual => None,
            // A fixed term gives access until its end, without grace.
            Schedule::Engine { .. } if !self.terms.renews => paid_through,
            Schedule::Engine { .. } => match self.times.due_at {
                // Nobody could pay: an outage is never the buyer's failure, nor free for ever.
                None => paid_through.map(|end| shifted(end, self.terms.stall_limit)),
                Some(due_at) => match self.terms.on_past_due {
                    OnPastDue::Cut => Some(due_at),
                    // Longer than the plan's, while money is on its way or nobody can pay.
                    OnPastDue::Grace | OnPastDue::Keep => {
                        let own = shifted(due_at, self.terms.grace);
                        Some(self.times.grace_ends_at.map_or(own, |ends| ends.max(own)))
                    }
                },
            },
            // The provider's word ends it, except where the plan says sooner.
            Schedule::Provider { .. } => match (self.state, self.terms.on_past_due) {
                (State::PastDue { .. }, OnPastDue::Grace) => {
                    paid_through.map(|end| shifted(end, self.terms.grace))
                }
                (State::PastDue { .. }, OnPastDue::Cut) => paid_through,
                _ => None,
            },
        }
    }
}
