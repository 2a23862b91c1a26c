//! A schedule that a provider runs: it charges each period as it begins, at the
//! terms that hold then. What only the provider knows is not foretold.

use crate::decide::{fall_due, renewed_by_provider};
use crate::subscription::Subscription;
use crate::time::{Interval, Period, Timestamp};

use super::{ForecastEntry, Foreseen, STEPS_PER_CYCLE, Sold};

/// Where the provider's periods hang, as far as we can tell.
struct Hung {
    anchor: Timestamp,
    index: u32,
    interval: Option<Interval>,
}

impl Foreseen<'_> {
    /// Foretells until the horizon. `true`: more would follow.
    pub(super) fn by_provider(&mut self) -> bool {
        let mut hung = Hung {
            anchor: self.draft.now(),
            index: 0,
            interval: None,
        };
        for _ in 0..self.most.saturating_mul(STEPS_PER_CYCLE) {
            let Some(held) = self.silenced() else {
                return false;
            };
            let (Some(start), canceled) = (held.times.paid_through, held.cancellation) else {
                return false;
            };
            let ends = canceled
                .map(|to_come| to_come.ends_at)
                .filter(|at| *at <= start);
            let wakes = held
                .wake_at(None)
                .filter(|wakes| *wakes <= start && ends.is_none());
            if let Some(ends) = ends {
                self.end(ends);
                return false;
            }
            if start > self.until || self.entries.len() >= self.most {
                return true;
            }
            if let Some(wakes) = wakes
                && self.falls_due(wakes)
            {
                continue;
            }
            self.draft.imagine_at(start);
            let Some(period) = self.charged(start, &mut hung) else {
                return false;
            };
            renewed_by_provider(&mut self.draft, self.id, period, self.catalog);
        }
        false
    }

    /// Lets fall due what does at `wakes`. `false`: nothing changed by it.
    fn falls_due(&mut self, wakes: Timestamp) -> bool {
        let before = self.silenced().cloned();
        self.see();
        self.draft.imagine_at(wakes);
        fall_due(&mut self.draft, self.catalog);
        self.see();
        self.silenced().cloned() != before
    }

    /// The subscription, whose provider nobody asks why it is silent.
    fn silenced(&mut self) -> Option<&Subscription> {
        let id = self.id;
        let mut held = self.draft.account.subscriptions.iter_mut();
        let held = held.find(|held| held.id == id)?;
        held.times.next_attempt_at = None;
        Some(held)
    }

    /// Enters the period that the provider charges at `start`.
    fn charged(&mut self, start: Timestamp, hung: &mut Hung) -> Option<Period> {
        let held = self.draft.account.subscription(self.id)?;
        let terms = held.terms_for(start).clone();
        let billed = terms.billing.interval()?;
        if hung.interval != Some(billed) {
            *hung = Hung {
                anchor: start,
                index: 0,
                interval: Some(billed),
            };
        }
        let period = Period::at(hung.anchor, billed, hung.index).ok()?;
        hung.index = hung.index.checked_add(1)?;
        let priced = terms.priced(terms.number_there(start)).ok()?;
        let why = self.why(&terms);
        self.before = Sold::of(&terms);
        self.entries.push(ForecastEntry {
            at: start,
            cycle: None,
            period: Some(period),
            lines: priced.lines,
            amount: priced.rate,
            plan: terms.plan,
            price: terms.price,
            quantity: terms.quantity,
            why,
        });
        Some(period)
    }
}
