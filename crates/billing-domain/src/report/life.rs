//! One subscription as reports see it: what it comes to, when it began, when it ended, and
//! at which prices it was held in between.

use crate::catalog::{PlanKey, PriceKey};
use crate::money::{Money, MoneyError};
use crate::subscription::{Access, NoAccess, State, Subscription};
use crate::terms::Terms;
use crate::time::{Interval, Timestamp, shifted};
use jiff::SignedDuration;

use super::month::Month;

/// What reports need of a subscription that renews at a price, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    /// The prices at which it is and was held since it began, oldest first.
    before: Vec<Stay>,
    /// The one at which it is held, or ended. `None`: nothing recurs at it.
    pub(super) last: Option<Held>,
    /// When it began to be charged. `None`: it is in its trial.
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

/// A time through which something recurred: from when it began, or cost something again, until
/// it ended, or cost nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spell<'a> {
    /// The month in which it began.
    pub(super) began: Month,
    /// The prices at which it was held, oldest first, each with the month since when. There
    /// is at least one.
    pub(super) stays: Vec<(Month, &'a Held)>,
    /// The month in which it was lost. `None`: it is held.
    pub(super) ended: Option<Month>,
}

/// Held at a price, and at another since. `None`: at one that never cost anything.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stay {
    held: Option<Held>,
    until: Timestamp,
}

impl Life {
    /// `None`: it is nothing that recurs or did, or never was paid.
    pub(super) fn of(held: &Subscription, now: Timestamp) -> Result<Option<Self>, MoneyError> {
        let ended = ended(held, now);
        // What is over counts at the terms that it ended with.
        let then = ended.map_or(now, |end| end.min(now));
        let last = held_at(held, held.terms_at(then), then)?;
        let before = before(held, then)?;
        let newest = last.as_ref();
        let newest = newest.or_else(|| before.iter().rev().find_map(|stay| stay.held.as_ref()));
        let Some(interval) = newest.map(|newest| newest.interval) else {
            return Ok(None);
        };
        let is_trialing = matches!(held.state, State::Trialing { .. });
        if !is_trialing && !was_paid(held, interval) {
            return Ok(None);
        }
        let began = began(held);
        // What is paid ahead is in its trial until that is over.
        let is_ahead = held.terms.trial.is_some() && began > now;
        Ok(Some(Self {
            before,
            last,
            // A provider's clock may be ahead of ours.
            began: Some(began.min(now)).filter(|_| !is_trialing && !is_ahead),
            ended,
        }))
    }

    /// The times through which it recurred, oldest first. Empty: it is in its trial, or
    /// never cost anything since.
    pub(super) fn spells(&self) -> Vec<Spell<'_>> {
        let Some(began) = self.began else {
            return Vec::new();
        };
        let first = Month::of(began);
        // What ended before it was to be paid began all the same, and is not left.
        let ended = self.ended.map(|end| Month::of(end).max(first));
        let mut done: Vec<Spell<'_>> = Vec::new();
        let mut present: Option<Spell<'_>> = None;
        let mut since = first;
        // What it was changed to before it began is what it began at.
        let moved = self.before.iter().filter(|stay| stay.until > began);
        let moved = moved.map(|stay| (stay.held.as_ref(), Some(Month::of(stay.until))));
        for (held, until) in moved.chain([(self.last.as_ref(), None)]) {
            if let Some(held) = held {
                enter(&mut present, since, held);
            } else if let Some(over) = present.take() {
                done.push(Spell {
                    ended: Some(since),
                    ..over
                });
            }
            let until = until.map_or(since, |until| until.max(since));
            since = ended.map_or(until, |end| until.min(end));
        }
        done.extend(present.map(|last| Spell { ended, ..last }));
        done
    }
}

/// Held at `held` since then, unless it was already.
fn enter<'a>(present: &mut Option<Spell<'a>>, since: Month, held: &'a Held) {
    let spell = present.get_or_insert_with(|| Spell {
        began: since,
        stays: Vec::new(),
        ended: None,
    });
    match spell.stays.last_mut() {
        Some((_, last)) if last.at == held.at => *last = held,
        _ => spell.stays.push((since, held)),
    }
}

/// What is charged at these terms. `None`: nothing recurs at them.
fn held_at(
    held: &Subscription,
    terms: &Terms,
    then: Timestamp,
) -> Result<Option<Held>, MoneyError> {
    let recurring = held.recurring(terms, then)?;
    Ok(recurring.map(|(interval, rate)| Held {
        at: (terms.plan.clone(), terms.price.clone()),
        interval,
        rate,
    }))
}

/// What is remembered, and what has come to an end without anybody having looked.
fn before(held: &Subscription, then: Timestamp) -> Result<Vec<Stay>, MoneyError> {
    let remembered = held.held_before.iter().map(|stay| Stay {
        held: (!stay.is_free).then(|| Held {
            at: (stay.plan.clone(), stay.price.clone()),
            interval: stay.interval,
            rate: stay.rate,
        }),
        until: stay.until,
    });
    let mut stays: Vec<Stay> = remembered.collect();
    let begun = held.scheduled.as_ref().map(|to_come| to_come.at);
    if let Some(until) = begun.filter(|_| held.terms_at(then) != &held.terms) {
        stays.push(Stay {
            held: held_at(held, &held.terms, until)?,
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

/// When it began to be charged. What nobody says began when it was made, or when its trial
/// was over.
fn began(held: &Subscription) -> Timestamp {
    let said = held.began_at.map(|began| began.max(held.created_at));
    said.unwrap_or_else(|| held.trial_over_at())
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
    if held.terms.trial.is_none() || held.is_engine_run() && held.began_at.is_some() {
        return true;
    }
    let seconds = i64::try_from(interval.nominal_seconds()).unwrap_or(i64::MAX);
    let half = seconds.checked_div(2).unwrap_or(seconds);
    // Of what was adopted, the period that is paid began before it was ours.
    let began = held.began_at.unwrap_or_else(|| held.trial_over_at());
    paid_through > shifted(began, SignedDuration::from_secs(half))
}
