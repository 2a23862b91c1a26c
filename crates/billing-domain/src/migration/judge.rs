//! The judgment of one holder: when it may move, and what that needs.
//!
//! Judged against the end of the day, in UTC: a plan holds for the rest of the
//! day it is made on, whatever is renewed in between.

use jiff::SignedDuration;

use super::{KeptReason, Move, Route};
use crate::catalog::{Billing, DEFAULT_NOTICE, LockEnd, PriceKey};
use crate::decide::{Promised, cycle_number, cycle_starts, is_dearer, is_given, terms_at_price};
use crate::money::{Money, MoneyError};
use crate::subscription::{Notice, Schedule, State, Subscription, Why};
use crate::terms::Terms;
use crate::time::{Interval, Timestamp, shifted, shifted_back};

/// Cycles looked ahead at most for the first at which a holder may move: weekly
/// ones for ten years. Beyond it, the promise is told instead.
const MAX_AHEAD: usize = 520;

/// A day of the plan.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A holder as judged, with what moving it takes.
pub(crate) struct Judged {
    pub(crate) told: Move,
    /// The terms it moves to, and the notice to be given. `None`: it is kept.
    pub(crate) to: Option<(Terms, Option<Notice>)>,
}

/// Judges one holder at `now`.
pub(crate) fn judge(
    held: &Subscription,
    route: &Route<'_>,
    now: Timestamp,
) -> Result<Judged, MoneyError> {
    let day_end = shifted(day_of(now), DAY);
    let kept = |reason: KeptReason| {
        Ok(Judged {
            told: Move {
                subscription: held.id,
                customer: held.customer,
                at: None,
                from_amount: held.terms.priced(next_number(held, day_end))?.rate,
                to_amount: None,
                notice_at: None,
                why_kept: Some(reason),
            },
            to: None,
        })
    };
    if let Some(reason) = stays(held, route, day_end) {
        return kept(reason);
    }
    let Some(terms) = terms_at_price(held, route.to, route.catalog) else {
        return kept(KeptReason::NoProvider);
    };
    if !sells(held, route, &terms) {
        return kept(KeptReason::Quantity);
    }
    let promised = Promised::of(held, &route.catalog.catalog);
    let lock = promised.as_ref().map(|promised| &promised.lock);
    match lock.map(|lock| lock.until) {
        Some(LockEnd::Forever) => return kept(KeptReason::PromisedForever),
        Some(LockEnd::UntilChange) => return kept(KeptReason::PromisedUntilChange),
        Some(LockEnd::Until(_) | LockEnd::Cycles(_)) | None => {}
    }
    let number = next_number(held, day_end);
    if follows_cheaper(
        held,
        route,
        lock.and_then(|lock| lock.then.as_ref()),
        &terms,
        number,
    ) {
        return kept(KeptReason::PromisedSuccessor);
    }
    let dearer = is_dearer(&held.terms, &terms, number);
    let notice = lock.map_or(DEFAULT_NOTICE, |lock| lock.notice);
    let given = held.promise.notice.as_ref();
    let given = given.filter(|given| is_given(given, &terms));
    let earliest = match (dearer, given) {
        (false, _) => route.ask.not_before,
        (true, Some(given)) => route.ask.not_before.max(shifted(given.at, notice)),
        (true, None) => route.ask.not_before.max(shifted(day_end, notice)),
    };
    let mut coverage = promised.as_ref().map(|promised| promised.coverage(held));
    let found = cycle_starts(held)
        .take(MAX_AHEAD)
        .enumerate()
        .find(|(_, start)| {
            let covered = coverage
                .as_mut()
                .is_some_and(|coverage| coverage.covers_next(*start));
            // What may be invoiced by the end of the day is judged already.
            let opens = shifted_back(*start, held.settled_ahead());
            !covered && opens >= day_end && *start >= earliest
        });
    let Some((ahead, at)) = found else {
        return kept(KeptReason::PromisedUntil);
    };
    let number = cycle_number(held, ahead, is_invoiced(held));
    let (from, to) = (held.terms.priced(number)?.rate, terms.priced(number)?.rate);
    let notice = (dearer && given.is_none()).then(|| Notice {
        price: route.ask.to.clone(),
        unit: terms.unit,
        amount: to,
        at: now,
    });
    Ok(Judged {
        told: Move {
            subscription: held.id,
            customer: held.customer,
            at: Some(at),
            from_amount: from,
            to_amount: Some(to),
            notice_at: notice.as_ref().map(|notice| notice.at),
            why_kept: None,
        },
        to: Some((terms, notice)),
    })
}

/// The start of the day of `now`, in UTC.
pub(super) fn day_of(now: Timestamp) -> Timestamp {
    let seconds = now.as_second();
    let into = seconds.rem_euclid(DAY.as_secs());
    Timestamp::from_second(seconds.saturating_sub(into)).unwrap_or(now)
}

/// Why it does not move as it stands.
fn stays(held: &Subscription, route: &Route<'_>, day_end: Timestamp) -> Option<KeptReason> {
    let active = matches!(
        held.state,
        State::Trialing { .. } | State::Active | State::PastDue { .. }
    );
    if !active || matches!(held.schedule, Schedule::Perpetual) {
        return Some(KeptReason::NotActive);
    }
    if held.terms.price.as_ref() != Some(&route.ask.from) {
        return Some(KeptReason::OtherPrice);
    }
    if held.cancellation.is_some() || !held.terms.renews {
        return Some(KeptReason::Canceled);
    }
    match held.scheduled.as_ref().map(|to_come| to_come.why) {
        Some(Why::Change { .. }) => return Some(KeptReason::ChangePending),
        Some(Why::Migration { .. }) => return Some(KeptReason::MigrationPending),
        // The price that follows is as good as charged.
        Some(Why::PromiseEnds) if judged_by(held, day_end) => {
            return Some(KeptReason::OtherPrice);
        }
        Some(Why::PromiseEnds) | None => {}
    }
    if held.terms.unit.currency != route.to.amount.currency {
        return Some(KeptReason::OtherCurrency);
    }
    (held.terms.billing != route.to.interval).then_some(KeptReason::OtherInterval)
}

/// Whether the first cycle under the terms to come may be invoiced before
/// `day_end`.
fn judged_by(held: &Subscription, day_end: Timestamp) -> bool {
    let to_come = held.scheduled.as_ref();
    to_come.is_some_and(|to_come| shifted_back(to_come.at, held.settled_ahead()) < day_end)
}

/// Whether the new price is sold in the quantity held.
fn sells(held: &Subscription, route: &Route<'_>, terms: &Terms) -> bool {
    let plan = route.catalog.catalog.plan(terms.plan.as_str());
    plan.is_some_and(|plan| terms.allows(plan, held.terms.quantity))
}

/// Whether the promise names a price to follow that is cheaper than the new one.
fn follows_cheaper(
    held: &Subscription,
    route: &Route<'_>,
    then: Option<&PriceKey>,
    terms: &Terms,
    number: u32,
) -> bool {
    let then = then.and_then(|key| route.catalog.catalog.price(key.as_str()));
    let follows = then.and_then(|price| terms_at_price(held, price, route.catalog));
    follows.is_some_and(|follows| is_dearer(&follows, terms, number))
}

/// Whether the next cycle is invoiced: from its opening on the engine waits for
/// its payment.
const fn is_invoiced(held: &Subscription) -> bool {
    matches!(held.schedule, Schedule::Engine { .. }) && held.times.next_attempt_at.is_none()
}

/// The number of the next cycle that is not to be invoiced before `day_end`.
fn next_number(held: &Subscription, day_end: Timestamp) -> u32 {
    let ahead = cycle_starts(held)
        .take(MAX_AHEAD)
        .position(|start| start >= day_end)
        .unwrap_or(0);
    cycle_number(held, ahead, is_invoiced(held))
}

/// What `amount` a period comes to in a nominal month, rounded once, half away
/// from zero.
pub(super) fn monthly_half_away_from_zero(
    amount: Money,
    billing: Billing,
) -> Result<Money, MoneyError> {
    let Some(interval) = billing.interval() else {
        return Ok(Money::zero(amount.currency));
    };
    let seconds =
        |interval: Interval| i64::try_from(interval.nominal_seconds()).unwrap_or(i64::MAX);
    amount.share_half_away_from_zero(seconds(Interval::MONTH), seconds(interval))
}
