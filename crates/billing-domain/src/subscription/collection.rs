//! How far the collection of a cycle has come, for whoever looks: when it is due, until when
//! it may be paid, how often that was tried, and who tries again. Nothing is decided upon it.

use crate::invoice::Invoice;
use crate::subscription::{Schedule, State, Subscription};
use crate::time::Timestamp;

/// How far the collection of a cycle has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// When it is due. `None`: nobody could pay it yet, or its provider does not say that it
    /// is owed.
    pub due_at: Option<Timestamp>,
    /// When its grace ends. `None`: it has not begun to run.
    pub grace_ends_at: Option<Timestamp>,
    /// How often the provider was asked to collect it, by a page or by a charge. `None`: the
    /// provider does so by itself.
    pub asked: Option<u32>,
    /// How often it was told that collecting it failed: once, however often it was, where a
    /// provider collects by itself and does not count.
    pub failed: u32,
    /// Who tries again.
    pub next: NextTry,
}

/// Who tries again to collect a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// The customer, who can pay it: nobody else does.
    ByCustomer,
    /// The engine, which has asked its provider to collect it: that has not answered yet.
    ByEngine,
    /// Nobody, until an operator acts on what was set aside: its provider refused to collect
    /// it, or did not answer for so long that it is asked no more.
    ByOperator,
    /// The provider, by a schedule of its own.
    ByProvider {
        /// When. `None`: it does not say.
        at: Option<Timestamp>,
    },
}

impl Subscription {
    /// How far the collection of its cycle has come. `owed`: the invoice of the cycle that
    /// is open, as far as it is known. `None`: nothing is owed.
    #[must_use]
    pub fn collection(&self, owed: Option<&Invoice>, now: Timestamp) -> Option<Collection> {
        let owed = owed.filter(|invoice| invoice.is_open());
        let is_past_due = matches!(self.state, State::PastDue { .. });
        if owed.is_none() && !is_past_due {
            return None;
        }
        let (asked, failed, next) = match self.schedule {
            Schedule::Provider { .. } => {
                let told = owed.is_some_and(|invoice| invoice.failed);
                let tried = owed.and_then(|invoice| invoice.tried);
                let failed = tried.map_or(0, |tried| tried.times).max(u32::from(told));
                let at = tried.and_then(|tried| tried.next_at);
                // What it was to try by now, it has tried, and not told of yet.
                let at = at.filter(|at| now < *at);
                (None, failed, NextTry::ByProvider { at })
            }
            Schedule::Engine { failures, .. } => {
                let next = match owed {
                    Some(owed) if owed.reference.is_some() => NextTry::ByCustomer,
                    Some(owed) if owed.stalled.is_some() => NextTry::ByOperator,
                    Some(_) | None => NextTry::ByEngine,
                };
                (owed.map(|invoice| invoice.attempt), failures, next)
            }
            Schedule::Perpetual => return None,
        };
        Some(Collection {
            due_at: self.times.due_at,
            grace_ends_at: self.times.grace_ends_at,
            asked,
            failed,
            next,
        })
    }
}
