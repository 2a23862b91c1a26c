//! When a subscription next needs a look, with nobody asking.

use jiff::SignedDuration;

use crate::invoice::Invoice;
use crate::subscription::{Schedule, State, Subscription};
use crate::time::{Timestamp, shifted_back};

/// How long before its end a trial is announced: time enough to decide, and
/// shorter than any trial worth having.
pub const TRIAL_NOTICE: SignedDuration = SignedDuration::from_hours(48);

/// How long a provider-run subscription may stay silent past its paid time
/// before the provider is asked. Providers charge an hour into a period and
/// retry for days; three days of silence is a lost fact.
pub const ALARM_AFTER: SignedDuration = SignedDuration::from_hours(72);

/// How long before a period a provider that runs the schedule is told its price at the
/// latest. Paddle takes no change in the half hour before a renewal; as long again is
/// for a call that has to be repeated.
pub const TOLD_BEFORE: SignedDuration = SignedDuration::from_hours(1);

impl Subscription {
    /// How long before a cycle its price is settled: when the engine invoices it, or
    /// when a provider that runs the schedule has to know it.
    pub(crate) const fn settled_ahead(&self) -> SignedDuration {
        match self.schedule {
            Schedule::Provider { .. } => TOLD_BEFORE,
            Schedule::Engine { .. } | Schedule::Perpetual => self.terms.lead,
        }
    }

    /// Whether it is too late to tell its provider the price of the cycle that begins
    /// at `start`, and it was not told in time.
    pub(crate) fn is_locked(&self, start: Timestamp, now: Timestamp) -> bool {
        matches!(self.schedule, Schedule::Provider { .. })
            && self.promise.told != Some(start)
            && now > shifted_back(start, TOLD_BEFORE)
    }

    /// When the engine next acts on what is paid until `period_end`: it opens
    /// the next cycle, or sees a fixed term end. `None`: it was canceled.
    pub(crate) fn next_attempt(&self, period_end: Timestamp) -> Option<Timestamp> {
        match (self.cancellation, self.terms.renews) {
            (Some(_), _) => None,
            (None, true) => Some(shifted_back(period_end, self.terms.lead)),
            (None, false) => Some(period_end),
        }
    }

    /// The next instant at which it needs a look; `open` is its next cycle's
    /// invoice, if that is open. `None`: never.
    #[must_use]
    pub fn wake_at(&self, open: Option<&Invoice>) -> Option<Timestamp> {
        let reminder = self.reminder(open).map(|reminder| reminder.at);
        let money = self.waits_for_money(open);
        earliest([self.falls_due_at(open.is_some()), reminder, money])
    }

    /// When a canceled subscription needs a look because of the money that it waits for:
    /// when the wait is over, or at once where nothing is on its way any more. `None`: it
    /// waits for none.
    pub(crate) fn waits_for_money(&self, open: Option<&Invoice>) -> Option<Timestamp> {
        let to_come = self.cancellation.filter(|_| self.is_engine_run())?;
        Some(open?.awaits().unwrap_or(to_come.requested_at))
    }

    /// The same without reminders.
    fn falls_due_at(&self, invoice_open: bool) -> Option<Timestamp> {
        let cancellation = self.cancellation.map(|to_come| to_come.ends_at);
        let schedule = match (&self.schedule, self.state) {
            (_, State::Canceled { .. } | State::Expired { .. } | State::Lapsed { .. })
            | (Schedule::Engine { .. } | Schedule::Perpetual, State::Incomplete) => return None,
            // What the provider decides, its facts tell; only their absence falls
            // due. While paused nothing is to come, unless a cancellation is.
            (Schedule::Provider { .. }, State::Paused { .. }) if self.cancellation.is_none() => {
                return None;
            }
            (Schedule::Provider { .. }, _) => {
                let again = self
                    .cancellation
                    .and_then(|to_come| to_come.asks_again_at());
                return earliest([self.times.next_attempt_at, self.terms_due(), again]);
            }
            (_, State::Paused { .. }) | (Schedule::Perpetual, _) => None,
            (Schedule::Engine { .. }, State::Trialing { ends_at, noticed }) => {
                let notice = (!noticed).then(|| shifted_back(ends_at, TRIAL_NOTICE));
                earliest([notice, self.times.next_attempt_at, Some(ends_at)])
            }
            (Schedule::Engine { .. }, State::Active) => {
                // With the invoice open, the next thing to happen is the period's end.
                let period_end = self.times.paid_through.filter(|_| invoice_open);
                earliest([self.times.next_attempt_at, period_end, None])
            }
            (Schedule::Engine { .. }, State::PastDue { .. }) => {
                earliest([self.times.next_attempt_at, self.times.grace_ends_at, None])
            }
        };
        earliest([schedule, cancellation, self.terms_due()])
    }

    /// When other terms take effect, or the promise made to holders of its price
    /// needs a look. Nothing comes while it is paused.
    fn terms_due(&self) -> Option<Timestamp> {
        if matches!(self.state, State::Paused { .. } | State::Incomplete) {
            return None;
        }
        // Where it lags behind, a payment comes before them, and tells.
        let scheduled = self.scheduled.as_ref().map(|scheduled| scheduled.at);
        let scheduled = scheduled.filter(|at| {
            let due = self.times.paid_through.is_none_or(|end| end >= *at);
            due || !self.lags(*at)
        });
        let again = self.promise.asked.and_then(|asked| asked.again_at);
        earliest([scheduled, self.promise.look_at, again])
    }
}

fn earliest(instants: [Option<Timestamp>; 3]) -> Option<Timestamp> {
    instants.into_iter().flatten().min()
}
