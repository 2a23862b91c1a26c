//! One subscription as reports see it: what it comes to, when it began, when it ended, and
//! at which prices it was held in between.

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Money, MoneyError};
use crate::subscription::{Access, NoAccess, State, Subscription};
use crate::time::{Interval, Timestamp, shifted};
use jiff::SignedDuration;

use super::month::Month;

/// What reports need of a subscription that renews at a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    /// The prices at which it is and was held since it began, oldest first.
    before: Vec<Stay>,
    /// The one at which it is held, or ended.
    pub(super) last: Held,
    /// When it was first to be paid. `None`: it is in its trial.
    pub(super) began: Option<Timestamp>,
    /// Since when it is over or lapsed. `None`: it is held.
    pub(super) ended: Option<Timestamp>,
}

/// A price and what is charged at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) at: PriceOf,
    pub(super) interval: Interval,
    /// What its present cycle costs, or its last one did.
    pub(super) rate: Money,
}

/// A price of a plan. `None`: the plan has none.
pub(super) type PriceOf = (PlanKey, Option<PriceKey>);

/// The prices at which something was held, each with the month since when; and the month in
/// which it was lost, if it was.
type Stays<'a> = (Vec<(Month, &'a Held)>, Option<Month>);

/// Held at a price, and at another since.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stay {
    held: Held,
    until: Timestamp,
}

impl Life {
    /// `None`: it is nothing that recurs, or never was paid.
    pub(super) fn of(held: &Subscription, now: Timestamp) -> Result<Option<Self>, MoneyError> {
        let ended = ended(held, now);
        // What is over counts at the terms that it ended with.
        let then = ended.map_or(now, |end| end.min(now));
        let terms = held.terms_at(then);
        let Some((interval, rate)) = held.recurring(terms, then)? else {
            return Ok(None);
        };
        let is_trialing = matches!(held.state, State::Trialing { .. });
        if !is_trialing && !was_paid(held, interval) {
            return Ok(None);
        }
        Ok(Some(Self {
            before: before(held, then)?,
            last: Held {
                at: (terms.plan.clone(), terms.price.clone()),
                interval,
                rate,
            },
            // What is paid before its trial would be over has begun by now.
            began: (!is_trialing).then(|| first_due(held).min(now)),
            ended,
        }))
    }

    /// The prices at which it was held, each with the month since when it was, oldest
    /// first; and the month in which it was lost, if it was. `None`: it is in its trial.
    pub(super) fn stays(&self) -> Option<Stays<'_>> {
        let began = self.began?;
        let first = Month::of(began);
        // What ended before it was to be paid began all the same, and is not left.
        let ended = self.ended.map(|end| Month::of(end).max(first));
        let mut stays: Vec<(Month, &Held)> = Vec::new();
        let mut since = first;
        // What it was changed to before it began is what it began at.
        let moved = self.before.iter().filter(|stay| stay.until > began);
        for stay in moved {
            enter(&mut stays, since, &stay.held);
            let until = Month::of(stay.until).max(since);
            since = ended.map_or(until, |end| until.min(end));
        }
        enter(&mut stays, since, &self.last);
        Some((stays, ended))
    }
}

/// Held at `held` since then, unless it was already.
fn enter<'a>(stays: &mut Vec<(Month, &'a Held)>, since: Month, held: &'a Held) {
    match stays.last_mut() {
        Some((_, last)) if last.at == held.at => *last = held,
        _ => stays.push((since, held)),
    }
}

/// What is remembered, and what has come to an end without anybody having looked.
fn before(held: &Subscription, then: Timestamp) -> Result<Vec<Stay>, MoneyError> {
    let remembered = held.held_before.iter().map(|stay| Stay {
        held: Held {
            at: (stay.plan.clone(), stay.price.clone()),
            interval: stay.interval,
            rate: stay.rate,
        },
        until: stay.until,
    });
    let mut stays: Vec<Stay> = remembered.collect();
    let begun = held.scheduled.as_ref().map(|to_come| to_come.at);
    let Some(until) = begun.filter(|_| held.terms_at(then) != &held.terms) else {
        return Ok(stays);
    };
    if let Some((interval, rate)) = held.recurring(&held.terms, until)? {
        let at = (held.terms.plan.clone(), held.terms.price.clone());
        stays.push(Stay {
            held: Held { at, interval, rate },
            until,
        });
    }
    Ok(stays)
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
