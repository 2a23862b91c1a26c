//! One subscription as reports see it: what it comes to, when it began, when it ended.

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Money, MoneyError};
use crate::subscription::{Access, NoAccess, Schedule, State, Subscription};
use crate::terms::Terms;
use crate::time::{Interval, Timestamp, shifted};
use jiff::SignedDuration;

/// What reports need of a subscription that renews at a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) plan: PlanKey,
    pub(super) price: Option<PriceKey>,
    pub(super) interval: Interval,
    /// What its present cycle costs.
    pub(super) rate: Money,
    /// When it was first to be paid. `None`: it is in its trial.
    pub(super) began: Option<Timestamp>,
    /// Since when it is over or lapsed. `None`: it is held.
    pub(super) ended: Option<Timestamp>,
}

impl Life {
    /// `None`: it is nothing that recurs, or never was paid.
    pub(super) fn of(held: &Subscription, now: Timestamp) -> Result<Option<Self>, MoneyError> {
        let ended = ended(held, now);
        // What is over counts at the terms that it ended with.
        let then = ended.map_or(now, |end| end.min(now));
        let terms = held.terms_at(then);
        let recurs = terms.billing.interval().filter(|_| terms.renews);
        let Some(interval) = recurs.filter(|_| !terms.is_free()) else {
            return Ok(None);
        };
        let is_trialing = matches!(held.state, State::Trialing { .. });
        if !is_trialing && !was_paid(held, interval) {
            return Ok(None);
        }
        Ok(Some(Self {
            plan: terms.plan.clone(),
            price: terms.price.clone(),
            interval,
            rate: terms.priced(cycle(held, terms, then))?.rate,
            began: (!is_trialing).then(|| first_due(held)),
            ended,
        }))
    }
}

/// Since when it is over or lapsed. What owes beyond its grace has lapsed, whether or not
/// anybody has said so yet. `None`: it is held.
fn ended(held: &Subscription, now: Timestamp) -> Option<Timestamp> {
    match held.state {
        State::Canceled { ends_at } => Some(ends_at).filter(|end| *end <= now),
        State::Lapsed { at } | State::Expired { at } => Some(at),
        State::PastDue { .. } => {
            let is_unpaid = held.access(now) == Access::Denied(NoAccess::Unpaid);
            held.access_ended(now).filter(|_| is_unpaid)
        }
        State::Incomplete | State::Trialing { .. } | State::Active | State::Paused { .. } => None,
    }
}

/// When it was first to be paid.
fn first_due(held: &Subscription) -> Timestamp {
    let trial = held.terms.trial.unwrap_or(SignedDuration::ZERO);
    shifted(held.created_at, trial)
}

/// Whether any cycle of it was paid. What renews expires by itself only where it never was:
/// the period that its provider tells then is one that nobody paid for. A trial counts as
/// paid until it ends, and a cycle beyond that reaches further than half an interval, however
/// late the trial began.
fn was_paid(held: &Subscription, interval: Interval) -> bool {
    if matches!(held.state, State::Incomplete | State::Expired { .. }) {
        return false;
    }
    let Some(paid_through) = held.times.paid_through else {
        return false;
    };
    if held.terms.trial.is_none() {
        return true;
    }
    let seconds = i64::try_from(interval.nominal_seconds()).unwrap_or(i64::MAX);
    let half = seconds.checked_div(2).unwrap_or(seconds);
    paid_through > shifted(first_due(held), SignedDuration::from_secs(half))
}

/// The number of its present cycle.
fn cycle(held: &Subscription, terms: &Terms, now: Timestamp) -> u32 {
    match held.schedule {
        Schedule::Engine { cycle, .. } => cycle,
        Schedule::Provider { .. } => terms.number_there(now),
        Schedule::Perpetual => 0,
    }
}
