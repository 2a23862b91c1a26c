//! Reports: what recurs in a month, who came and who left, counted from subscriptions.
//!
//! Each subscription is counted once, by its own values, into [`Figures`]; what the figures
//! come to is asked afterward. What counts is said here and nowhere else:
//!
//! - Recurring is what renews at a price: nothing that is bought once, costs nothing in any
//!   cycle, is granted, or ends with its term.
//! - What it comes to is the price of its present cycle, after discounts, over a month.
//! - It began when it was first to be paid: when it was made, or when its trial was over,
//!   which its provider may say; where a trial's first cycle was paid later than that, then.
//!   What never was paid never began, and what is paid ahead is in its trial until then.
//! - It is lost when it is over or lapsed, or owes beyond its grace. What is paused is held,
//!   and comes to nothing while it is; what came back was never lost.
//! - What moves to another plan or price is neither new nor lost: it leaves the one and arrives
//!   at the other, in the month of the move.
//! - What moves to a price that never costs anything is lost in the month of the move, since
//!   nothing recurs any more; moved on to one that does, it is new there, and counted as
//!   another one from then on.
//!
//! Knows no clock and no store: whoever counts hands in every subscription, and the instant.

mod churn;
mod life;
mod month;
mod sum;

use std::collections::BTreeMap;

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Currency, Money, MoneyError};
use crate::subscription::{State, Subscription};
use crate::time::{Interval, Timestamp};

use churn::Churned;
pub use churn::{Churn, Flow, MAX_PARTS, Part, Split};
use life::Life;
pub use month::Month;
use sum::Sums;

/// What was counted, as of an instant.
#[derive(Debug, Clone)]
pub struct Figures {
    now: Timestamp,
    lines: BTreeMap<LineKey, LineCount>,
    churned: Churned,
    began: BTreeMap<Month, u64>,
    /// Who began in a month: how many were lost, by the month of that.
    cohorts: BTreeMap<Month, BTreeMap<Month, u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LineKey {
    plan: PlanKey,
    price: Option<PriceKey>,
    currency: Currency,
    /// The interval's length: what tells two apart.
    seconds: u64,
}

#[derive(Debug, Clone)]
struct LineCount {
    interval: Interval,
    recurring: Sums,
    subscriptions: u64,
    past_due: u64,
    ending: u64,
    trialing: u64,
    paused: u64,
}

/// What recurs in a month at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurring {
    /// The plan.
    pub plan: PlanKey,
    /// The price. `None`: the plan has none.
    pub price: Option<PriceKey>,
    /// How often it is charged.
    pub interval: Interval,
    /// What it comes to in a month, rounded once, half away from zero.
    pub amount: Money,
    /// Subscriptions that it is made of.
    pub subscriptions: u64,
    /// Of them, those that owe a cycle.
    pub past_due: u64,
    /// Of them, those that are canceled and not over yet.
    pub ending: u64,
    /// Besides, those in a trial, which come to nothing yet, paid ahead or not.
    pub trialing: u64,
    /// Besides, those that are paused.
    pub paused: u64,
}

/// Who began in a month, and how many of them are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// The month, in UTC.
    pub month: Month,
    /// How many began in it.
    pub began: u64,
    /// How many were left when it ended, a month later and so on; the last one counts
    /// those left now.
    pub left: Vec<u64>,
}

impl Figures {
    /// Nothing yet, as of `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            lines: BTreeMap::new(),
            churned: Churned::default(),
            began: BTreeMap::new(),
            cohorts: BTreeMap::new(),
        }
    }

    /// The instant of which they are.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Counts a subscription.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when what it costs does not fit; nothing of it is counted then.
    pub fn count(&mut self, held: &Subscription) -> Result<(), MoneyError> {
        let Some(life) = Life::of(held, self.now)? else {
            return Ok(());
        };
        self.count_now(held, &life);
        for spell in life.spells() {
            self.churned.count(&spell);
            let count = self.began.entry(spell.began).or_default();
            *count = count.saturating_add(1);
            let ends = self.cohorts.entry(spell.began).or_default();
            if let Some(ended) = spell.ended {
                let count = ends.entry(ended).or_default();
                *count = count.saturating_add(1);
            }
        }
        Ok(())
    }

    fn count_now(&mut self, held: &Subscription, life: &Life) {
        let Some(last) = life.last.as_ref().filter(|_| life.ended.is_none()) else {
            return;
        };
        let key = LineKey {
            plan: last.at.0.clone(),
            price: last.at.1.clone(),
            currency: last.rate.currency,
            seconds: last.interval.nominal_seconds(),
        };
        let count = self.lines.entry(key).or_insert_with(|| LineCount {
            interval: last.interval,
            recurring: Sums::default(),
            subscriptions: 0,
            past_due: 0,
            ending: 0,
            trialing: 0,
            paused: 0,
        });
        let aside = match held.state {
            State::Paused { .. } => Some(&mut count.paused),
            _ if life.began.is_none() => Some(&mut count.trialing),
            State::Trialing { .. }
            | State::Incomplete
            | State::Active
            | State::PastDue { .. }
            | State::Lapsed { .. }
            | State::Canceled { .. }
            | State::Expired { .. } => None,
        };
        if let Some(aside) = aside {
            *aside = aside.saturating_add(1);
            return;
        }
        count.subscriptions = count.subscriptions.saturating_add(1);
        count.recurring.add(last.rate, last.interval);
        let owes = matches!(held.state, State::PastDue { .. });
        count.past_due = count.past_due.saturating_add(u64::from(owes));
        let is_canceled = matches!(held.state, State::Canceled { .. });
        let ending = is_canceled || held.cancellation.is_some();
        count.ending = count.ending.saturating_add(u64::from(ending));
    }

    /// What recurs in a month, by plan, price, currency and interval.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when a sum does not fit.
    pub fn recurring(&self) -> Result<Vec<Recurring>, MoneyError> {
        let lines = self.lines.iter().map(|(key, line)| {
            Ok(Recurring {
                plan: key.plan.clone(),
                price: key.price.clone(),
                interval: line.interval,
                amount: line.recurring.of(key.currency)?,
                subscriptions: line.subscriptions,
                past_due: line.past_due,
                ending: line.ending,
                trialing: line.trialing,
                paused: line.paused,
            })
        });
        lines.collect()
    }

    /// The last `months` months, the present one last.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when a sum does not fit.
    pub fn churn(&self, months: u16) -> Result<Vec<Churn>, MoneyError> {
        self.churned.months(Month::of(self.now), months, None)
    }

    /// The same with the parts of each month: at most `most` by themselves, and never more
    /// than [`MAX_PARTS`]; those of which the least is told are [`Part::Others`].
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when a sum does not fit.
    pub fn churn_by(
        &self,
        split: Split,
        months: u16,
        most: usize,
    ) -> Result<Vec<Churn>, MoneyError> {
        let split = Some((split, most));
        self.churned.months(Month::of(self.now), months, split)
    }

    /// Who began in each of the last `months` months, the present one last.
    #[must_use]
    pub fn cohorts(&self, months: u16) -> Vec<Cohort> {
        let present = Month::of(self.now);
        let rows = (0..months).rev().map(|back| {
            let month = present.back(back);
            let ends = self.cohorts.get(&month);
            let began = self.began.get(&month).copied().unwrap_or(0);
            let left = (0..=back).rev().map(|back| {
                let until = present.back(back);
                let ends = ends.into_iter().flat_map(|ends| ends.range(..=until));
                ends.fold(began, |left, (_, lost)| left.saturating_sub(*lost))
            });
            Cohort {
                month,
                began,
                left: left.collect(),
            }
        });
        rows.collect()
    }
}
