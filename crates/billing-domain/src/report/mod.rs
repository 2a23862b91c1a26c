//! Reports: what recurs in a month, who came and who left, counted from subscriptions.
//!
//! Each subscription is counted once, by its own values, into [`Figures`]; what the figures
//! come to is asked afterward. What counts is said here and nowhere else:
//!
//! - Recurring is what renews at a price: nothing that is bought once, costs nothing in any
//!   cycle, is granted, or ends with its term.
//! - What it comes to is the price of its present cycle, after discounts, over a month.
//! - It began when it was first to be paid: when it was made, or when its trial was over.
//!   What never was paid never began.
//! - It is lost when it is over or lapsed, or owes beyond its grace. What is paused is held,
//!   and comes to nothing while it is; what came back was never lost.
//!
//! Knows no clock and no store: whoever counts hands in every subscription, and the instant.

mod life;
mod month;
mod sum;

use std::collections::BTreeMap;

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Currency, Money, MoneyError};
use crate::subscription::{State, Subscription};
use crate::time::{Interval, Timestamp};

use life::Life;
pub use month::Month;
use sum::Sums;

/// What was counted, as of an instant.
#[derive(Debug, Clone)]
pub struct Figures {
    now: Timestamp,
    lines: BTreeMap<LineKey, LineCount>,
    began: BTreeMap<Month, MonthCount>,
    lost: BTreeMap<Month, MonthCount>,
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

#[derive(Debug, Clone, Default)]
struct MonthCount {
    subscriptions: u64,
    recurring: Sums,
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
    /// Besides, those in a trial, which come to nothing yet.
    pub trialing: u64,
    /// Besides, those that are paused.
    pub paused: u64,
}

/// A month: who came, who left, and what recurs less or more for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Churn {
    /// The month, in UTC.
    pub month: Month,
    /// Subscriptions that were held when it began.
    pub at_start: u64,
    /// Subscriptions that began in it.
    pub new: u64,
    /// Subscriptions that were lost in it.
    pub lost: u64,
    /// What the new ones come to in a month, by currency: at their present terms.
    pub new_recurring: Vec<Money>,
    /// What the lost ones came to in a month, by currency: at the terms they last had.
    pub lost_recurring: Vec<Money>,
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

/// A whole, in basis points.
const WHOLE: u64 = 10_000;

impl Churn {
    /// Subscriptions that were held when the month ended, or are now.
    #[must_use]
    pub const fn at_end(&self) -> u64 {
        self.at_start
            .saturating_add(self.new)
            .saturating_sub(self.lost)
    }

    /// Of ten thousand that were held when the month began, how many were lost, cut to the
    /// whole. `None`: none was held.
    #[must_use]
    pub fn basis_points(&self) -> Option<u64> {
        self.lost.saturating_mul(WHOLE).checked_div(self.at_start)
    }
}

impl Figures {
    /// Nothing yet, as of `now`.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self {
            now,
            lines: BTreeMap::new(),
            began: BTreeMap::new(),
            lost: BTreeMap::new(),
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
        let Some(began) = life.began else {
            return Ok(());
        };
        let began = Month::of(began);
        let ends = self.cohorts.entry(began).or_default();
        self.began.entry(began).or_default().add(&life);
        if let Some(ended) = life.ended {
            // What ended before it was to be paid began all the same, and is not left.
            let ended = Month::of(ended).max(began);
            let count = ends.entry(ended).or_default();
            *count = count.saturating_add(1);
            self.lost.entry(ended).or_default().add(&life);
        }
        Ok(())
    }

    fn count_now(&mut self, held: &Subscription, life: &Life) {
        if life.ended.is_some() {
            return;
        }
        let key = LineKey {
            plan: life.plan.clone(),
            price: life.price.clone(),
            currency: life.rate.currency,
            seconds: life.interval.nominal_seconds(),
        };
        let count = self.lines.entry(key).or_insert_with(|| LineCount {
            interval: life.interval,
            recurring: Sums::default(),
            subscriptions: 0,
            past_due: 0,
            ending: 0,
            trialing: 0,
            paused: 0,
        });
        let aside = match held.state {
            State::Trialing { .. } => Some(&mut count.trialing),
            State::Paused { .. } => Some(&mut count.paused),
            State::Incomplete
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
        count.recurring.add(life.rate, life.interval);
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
        let present = Month::of(self.now);
        let mut held = self.held_before(present.back(months.saturating_sub(1)));
        let mut rows = Vec::with_capacity(usize::from(months));
        for back in (0..months).rev() {
            let month = present.back(back);
            let (new, lost) = (self.began.get(&month), self.lost.get(&month));
            let row = Churn {
                month,
                at_start: held,
                new: new.map_or(0, |count| count.subscriptions),
                lost: lost.map_or(0, |count| count.subscriptions),
                new_recurring: new.map_or(Ok(Vec::new()), |count| count.recurring.all())?,
                lost_recurring: lost.map_or(Ok(Vec::new()), |count| count.recurring.all())?,
            };
            held = row.at_end();
            rows.push(row);
        }
        Ok(rows)
    }

    /// Who began in each of the last `months` months, the present one last.
    #[must_use]
    pub fn cohorts(&self, months: u16) -> Vec<Cohort> {
        let present = Month::of(self.now);
        let rows = (0..months).rev().map(|back| {
            let month = present.back(back);
            let ends = self.cohorts.get(&month);
            let began = self
                .began
                .get(&month)
                .map_or(0, |count| count.subscriptions);
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

    /// How many were held when `month` began.
    fn held_before(&self, month: Month) -> u64 {
        let count = |of: &BTreeMap<Month, MonthCount>| {
            let before = of.range(..month);
            before.fold(0_u64, |sum, (_, count)| {
                sum.saturating_add(count.subscriptions)
            })
        };
        count(&self.began).saturating_sub(count(&self.lost))
    }
}

impl MonthCount {
    fn add(&mut self, life: &Life) {
        self.subscriptions = self.subscriptions.saturating_add(1);
        self.recurring.add(life.rate, life.interval);
    }
}
