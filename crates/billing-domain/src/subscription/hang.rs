//! Where the periods of a subscription hang, and which cycle comes next. The
//! next cycle is judged at its start, however early or late anybody asks.

use crate::catalog::Billing;
use crate::subscription::{Schedule, Subscription};
use crate::terms::Terms;
use crate::time::{Interval, Period, Timestamp};

/// The cycle that comes next, as judged at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextCycle {
    /// The terms that hold at its start.
    pub terms: Terms,
    /// The time it covers.
    pub period: Period,
    /// Its number.
    pub number: u32,
    /// Where its period and those after it hang.
    pub(crate) hang: Hang,
}

impl NextCycle {
    /// The period so many cycles after it, at the same interval. `None`: beyond the calendar.
    pub(crate) fn after(&self, cycles: u32, interval: Interval) -> Option<Period> {
        let index = self.hang.index.checked_add(cycles)?;
        let hang = Hang { index, ..self.hang };
        hang.period(interval)
    }
}

/// Where periods hang: an anchor, the months an earlier interval has used up,
/// and the number of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hang {
    pub(crate) anchor: Timestamp,
    pub(crate) elapsed_months: u32,
    pub(crate) index: u32,
}

impl Hang {
    /// Periods that begin at `anchor`.
    pub(crate) const fn on(anchor: Timestamp) -> Self {
        Self {
            anchor,
            elapsed_months: 0,
            index: 0,
        }
    }

    pub(crate) fn period(self, interval: Interval) -> Option<Period> {
        Period::after_months(self.anchor, self.elapsed_months, interval, self.index).ok()
    }

    /// Where its period begins.
    pub(crate) fn start(self, interval: Interval) -> Option<Timestamp> {
        Period::start_after_months(self.anchor, self.elapsed_months, interval, self.index).ok()
    }

    /// The same place in time for periods of another interval. The anchor is
    /// kept where both have whole months.
    fn turned(self, from: Interval, to: Interval) -> Option<Self> {
        if from == to {
            return Some(self);
        }
        match (from.months(), to.months()) {
            (Some(length), Some(_)) => {
                let used = length.checked_mul(self.index)?;
                Some(Self {
                    anchor: self.anchor,
                    elapsed_months: self.elapsed_months.checked_add(used)?,
                    index: 0,
                })
            }
            _ => Some(Self::on(self.period(from)?.start)),
        }
    }
}

impl Subscription {
    /// The cycle that comes next. `None`: the engine does not run the schedule,
    /// or its period lies outside the calendar.
    #[must_use]
    pub fn next_cycle(&self) -> Option<NextCycle> {
        let (hang, Schedule::Engine { cycle, .. }) = (self.hang()?, &self.schedule) else {
            return None;
        };
        let interval = self.hung_interval()?;
        let start = hang.period(interval)?.start;
        let terms = self.terms_for(start);
        let hang = hang.turned(interval, terms.billing.interval()?)?;
        Some(NextCycle {
            period: hang.period(terms.billing.interval()?)?,
            terms: terms.clone(),
            number: cycle.checked_add(1)?,
            hang,
        })
    }

    /// The period that contains the last paid instant, where the engine counts them.
    #[must_use]
    pub fn current_period(&self) -> Option<Period> {
        let hang = self.hang()?;
        let index = hang.index.checked_sub(1)?;
        Hang { index, ..hang }.period(self.hung_interval()?)
    }

    /// The interval that its periods are counted in: that of its terms, or of the
    /// terms to come where their first cycle is paid already.
    pub(crate) fn hung_interval(&self) -> Option<Interval> {
        let terms = match &self.scheduled {
            Some(to_come) if self.is_paid_beyond(to_come.at) => &to_come.terms,
            _ => &self.terms,
        };
        terms.billing.interval()
    }

    /// Whether time from `instant` on is paid.
    pub(crate) fn is_paid_beyond(&self, instant: Timestamp) -> bool {
        self.times.paid_through.is_some_and(|end| instant < end)
    }

    /// The last cycle that was opened was not paid, and comes again: under its
    /// number, as another try.
    pub(crate) const fn take_cycle_back(&mut self) {
        if let Schedule::Engine {
            cycle, taken_back, ..
        } = &mut self.schedule
        {
            *cycle = cycle.saturating_sub(1);
            *taken_back = taken_back.saturating_add(1);
        }
    }

    /// Where the next period hangs.
    pub(crate) const fn hang(&self) -> Option<Hang> {
        match self.schedule {
            Schedule::Engine {
                anchor,
                next_period,
                elapsed_months,
                ..
            } => Some(Hang {
                anchor,
                elapsed_months,
                index: next_period,
            }),
            Schedule::Provider { .. } | Schedule::Perpetual => None,
        }
    }

    /// The next period hangs here from now on.
    pub(crate) const fn set_hang(&mut self, hang: Hang) {
        if let Schedule::Engine {
            anchor,
            next_period,
            elapsed_months,
            ..
        } = &mut self.schedule
        {
            *anchor = hang.anchor;
            *next_period = hang.index;
            *elapsed_months = hang.elapsed_months;
        }
    }

    /// Turns the periods, counted in `from`, to those of `to`, from the next one on.
    pub(crate) fn turn_hang(&mut self, from: Option<Interval>, to: Billing) {
        let turned = self
            .hang()
            .and_then(|hang| hang.turned(from?, to.interval()?));
        if let Some(turned) = turned {
            self.set_hang(turned);
        }
    }
}
