//! Paid time whose payment went back: it gives no access. Deliberately knows
//! nothing of refunds and disputes; it is told which time, and since when.

use serde::{Deserialize, Serialize};

use crate::ids::InvoiceId;
use crate::subscription::Subscription;
use crate::time::{Period, Timestamp};

/// Time that gives no access, because what was paid for it went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// The invoice whose payment went back.
    pub invoice: InvoiceId,
    /// The time that it had paid for. `None`: all of it; the purchase was undone,
    /// and stays so.
    pub period: Option<Period>,
    /// Since when its payment is gone.
    pub since: Timestamp,
}

impl Subscription {
    /// Whether its purchase was undone.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        self.withheld.iter().any(|held| held.period.is_none())
    }

    /// Since when it gives nothing at `now` because what was paid went back.
    /// `None`: it is not so.
    #[must_use]
    pub fn withheld_since(&self, now: Timestamp) -> Option<Timestamp> {
        let at_now = self.withheld.iter().filter(|held| self.covers(held, now));
        at_now.map(begin).min()
    }

    /// The first instant after `now` at which access is withheld, or no longer is.
    #[must_use]
    pub(crate) fn withheld_turns(&self, now: Timestamp) -> Option<Timestamp> {
        let begins = self.withheld.iter().map(begin);
        let ends = self.withheld.iter().filter_map(|held| {
            let end = held.period?.end;
            // Behind the last time that is paid, no other comes by itself.
            (!self.is_last(end)).then_some(end)
        });
        begins.chain(ends).filter(|instant| *instant > now).min()
    }

    /// Whether any time from `now` on was paid with what went back.
    pub(crate) fn has_withheld(&self, now: Timestamp) -> bool {
        self.withheld
            .iter()
            .any(|held| held.period.is_none_or(|period| now < period.end))
    }

    /// Its time counts as unpaid: what follows it gives access once it is paid, and
    /// no grace follows what nobody paid for.
    fn covers(&self, held: &Withheld, now: Timestamp) -> bool {
        let over = held
            .period
            .is_some_and(|period| period.end <= now && !self.is_last(period.end));
        begin(held) <= now && !over
    }

    /// Whether nothing is paid beyond this end of a paid period.
    fn is_last(&self, end: Timestamp) -> bool {
        self.times.paid_through.is_none_or(|through| through <= end)
    }
}

fn begin(held: &Withheld) -> Timestamp {
    let start = held.period.map(|period| period.start);
    start.map_or(held.since, |start| start.max(held.since))
}
