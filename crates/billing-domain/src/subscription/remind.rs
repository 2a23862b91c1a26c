//! Reminders of a cycle that can be paid and is not: when the next one is due. Knows
//! nothing of who is told, and how.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::invoice::Invoice;
use crate::subscription::{State, Subscription};
use crate::time::{Timestamp, shifted, shifted_back};

/// How long before its due date a cycle is called to mind: a day, in which bitcoin can be
/// sent and confirmed, and shorter than any `lead` worth having.
pub const REMIND_BEFORE_DUE: SignedDuration = SignedDuration::from_hours(24);

/// How long before the end of its grace a cycle is called to mind: two days, so that a mail
/// that comes on a Saturday is read in time, and late enough that most have paid by then.
pub const REMIND_BEFORE_END: SignedDuration = SignedDuration::from_hours(48);

/// The least time between its pay link, or a reminder, and the next reminder: a day, so that
/// a short grace, or a worker that comes late, sends nobody two letters at once.
const APART: SignedDuration = SignedDuration::from_hours(24);

/// What was told of the cycle that is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// The cycle.
    pub cycle: u32,
    /// When it was last called to mind: by its first pay link, or by a reminder.
    pub at: Timestamp,
    /// Whether the reminder of its due date was given, or came too late to help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub due: bool,
    /// Whether the reminder of the end of its grace was given, or came too late to help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
}

/// What a reminder is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reminds {
    /// The cycle is due soon.
    Due,
    /// Its grace ends soon.
    End,
}

/// A reminder to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reminder {
    /// What of.
    pub(crate) of: Reminds,
    /// When it is to be given.
    pub(crate) at: Timestamp,
    /// From when on it helps nobody.
    pub(crate) until: Timestamp,
}

impl Reminded {
    /// A cycle that was told with its first pay link.
    pub(crate) const fn by_link(cycle: u32, at: Timestamp) -> Self {
        Self {
            cycle,
            at,
            due: false,
            end: false,
        }
    }
}

impl Subscription {
    /// The cycle of `open` can be paid for the first time, and somebody was told.
    pub(crate) fn told_by_link(&mut self, open: &Invoice, at: Timestamp) {
        let told = self.reminded_of(open);
        self.reminded = told.map(|told| Reminded { at, ..told });
    }

    /// What was told of the cycle of `open`.
    pub(crate) fn reminded_of(&self, open: &Invoice) -> Option<Reminded> {
        let cycle = open.cycle?;
        let known = self.reminded.filter(|told| told.cycle == cycle);
        // One that a version opened which reminded nobody.
        Some(known.unwrap_or(Reminded::by_link(cycle, open.opened_at)))
    }

    /// The next reminder of the open renewal. `None`: it needs none.
    pub(crate) fn reminder(&self, open: Option<&Invoice>) -> Option<Reminder> {
        let open = open.filter(|open| {
            open.reference.is_some() && open.unpayable.since.is_none() && !open.amount.is_zero()
        })?;
        let owes = matches!(
            self.state,
            State::Trialing { .. } | State::Active | State::PastDue { .. }
        );
        if !owes || !self.is_engine_run() || self.cancellation.is_some() {
            return None;
        }
        let told = self.reminded_of(open)?;
        // Nobody is reminded of what they have paid.
        let soonest = shifted(told.at, APART).max(open.awaits().unwrap_or(Timestamp::MIN));
        let to_come = |of, given: bool, until, ahead| {
            let at = shifted_back(until, ahead).max(soonest);
            (!given && at < until).then_some(Reminder { of, at, until })
        };
        let due = self.times.due_at;
        let due = due.and_then(|at| to_come(Reminds::Due, told.due, at, REMIND_BEFORE_DUE));
        let end = self.times.grace_ends_at;
        let end = end.and_then(|at| {
            // Nobody is told of its end before they were told that it is due.
            let since_due = self.times.due_at.map(|due| at.duration_since(due));
            let most = since_due.map(|since| since.saturating_add(REMIND_BEFORE_DUE));
            let ahead = REMIND_BEFORE_END.min(most.unwrap_or(REMIND_BEFORE_END));
            to_come(Reminds::End, told.end, at, ahead)
        });
        due.into_iter()
            .chain(end)
            .min_by_key(|reminder| reminder.at)
    }
}
