//! Keeping the promise made to the holders of a retired price, and ending it as
//! announced: no dearer cycle is charged before its notice is old enough.

use jiff::SignedDuration;

use crate::catalog::{Catalog, CatalogRevision, Lock, LockEnd, MAX_PRICES, Price};
use crate::decide::quote::at_provider;
use crate::decision::Draft;
use crate::effect::{ChangeWhen, EffectKey, Order};
use crate::ids::SubscriptionId;
use crate::journal::Event;
use crate::subscription::{Notice, Schedule, Scheduled, State, Subscription, Why};
use crate::terms::{Seller, Terms};
use crate::time::{Period, Timestamp, shifted, shifted_back};

/// Cycles looked ahead at most, for the first one that a promise does not cover:
/// daily cycles for more than a year. What lies beyond is found at a later look.
const MAX_AHEAD: u32 = 400;

/// What is to come of a promise, as seen from now.
enum Outlook {
    /// Nothing within sight.
    Kept,
    /// Something, to be looked at again at this instant.
    Later(Timestamp),
    /// Other terms, from the start of this cycle on.
    Ends {
        at: Timestamp,
        terms: Box<Terms>,
        /// The notice to be given now, if it is one.
        notice: Option<Notice>,
    },
}

/// Looks at what is to come of the promise that `id` is held under: gives the
/// notice when it is time, and schedules the price that follows.
pub(super) fn keep_promise(draft: &mut Draft, id: SubscriptionId, catalog: &CatalogRevision) {
    let Some(held) = draft.account.subscription(id).cloned() else {
        return;
    };
    let sold = price_of(&held, &catalog.catalog)
        .is_none_or(|price| retired_at(price, &catalog.catalog).is_none());
    let untouched = held.scheduled.is_none() && held.promise.look_at.is_none();
    if sold && untouched {
        return;
    }
    let mut kept = held.clone();
    kept.promise.look_at = None;
    let comes_otherwise = matches!(
        held.scheduled.as_ref().map(|to_come| to_come.why),
        Some(Why::Change { .. } | Why::Migration { .. })
    );
    let rests = held.is_over()
        || comes_otherwise
        || held.cancellation.is_some()
        || matches!(
            held.state,
            State::Paused { .. } | State::Lapsed { .. } | State::Incomplete
        );
    if rests {
        put_if_other(draft, &held, kept);
        return;
    }
    kept.scheduled = None;
    let invoiced = draft.account.open_invoice(id).is_some();
    match outlook(&kept, invoiced, catalog, draft.now()) {
        Outlook::Kept => kept.promise.notice = None,
        Outlook::Later(at) => kept.promise.look_at = Some(at),
        Outlook::Ends { at, terms, notice } => {
            if let Some(notice) = notice {
                note_upcoming(draft, id, &notice, at);
                kept.promise.notice = Some(notice);
            }
            kept.scheduled = Some(Scheduled {
                at,
                terms,
                why: Why::PromiseEnds,
            });
        }
    }
    tell_provider(draft, &held, &kept);
    put_if_other(draft, &held, kept);
}

fn put_if_other(draft: &mut Draft, before: &Subscription, after: Subscription) {
    if *before != after {
        draft.account.put_subscription(after);
    }
}

/// A settled cycle that started after its price was retired counts.
pub(super) fn count_cycle(held: &mut Subscription, start: Timestamp, catalog: &CatalogRevision) {
    let price = price_of(held, &catalog.catalog);
    if price.is_some_and(|price| retired_at(price, &catalog.catalog).is_some_and(|at| at <= start))
    {
        held.promise.cycles = held.promise.cycles.saturating_add(1);
    }
}

/// How long after the end of access the terms of `held` may be taken up again.
pub(super) fn rejoin_window(held: &Subscription, catalog: &CatalogRevision) -> SignedDuration {
    let price = price_of(held, &catalog.catalog);
    price.map_or(held.terms.rejoin, |price| match &price.lock {
        Some(lock) => lock.rejoin,
        None => held.terms.rejoin,
    })
}

fn outlook(
    held: &Subscription,
    invoiced: bool,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Outlook {
    let Some(price) = price_of(held, &catalog.catalog) else {
        return Outlook::Kept;
    };
    let Some(retired) = retired_at(price, &catalog.catalog) else {
        return Outlook::Kept;
    };
    let lock = price.effective_lock();
    if !lock.until.needs_successor() {
        return Outlook::Kept;
    }
    // A cycle that is invoiced is judged.
    let first = u32::from(invoiced);
    let Some((ahead, start)) = first_uncovered(held, &lock, retired, first, now) else {
        return Outlook::Kept;
    };
    let Some(terms) = successor(held, &lock, start, catalog) else {
        return Outlook::Kept;
    };
    let cycle = number_of(held).saturating_add(ahead).saturating_add(1);
    let (Ok(old), Ok(new)) = (held.terms.priced(cycle), terms.priced(cycle)) else {
        return Outlook::Kept;
    };
    let terms = Box::new(terms);
    let dearer = new.rate.amount > old.rate.amount;
    if !dearer {
        return Outlook::Ends {
            at: start,
            terms,
            notice: None,
        };
    }
    let given = held
        .promise
        .notice
        .as_ref()
        .filter(|given| Some(&given.price) == terms.price.as_ref() && given.amount == new.rate);
    let (told_at, notice) = match (given, &terms.price) {
        (Some(given), _) => (given.at, None),
        (None, Some(price)) => {
            let due = shifted_back(start, lock.notice);
            if due > now {
                return Outlook::Later(due);
            }
            let notice = Notice {
                price: price.clone(),
                amount: new.rate,
                at: now,
            };
            (now, Some(notice))
        }
        (None, None) => return Outlook::Kept,
    };
    // A late notice postpones the rise.
    let earliest = shifted(told_at, lock.notice);
    let at = (ahead..MAX_AHEAD)
        .filter_map(|ahead| cycle_start(held, ahead))
        .find(|start| *start >= earliest);
    match at {
        Some(at) => Outlook::Ends { at, terms, notice },
        None => Outlook::Later(earliest),
    }
}

/// The first cycle that the promise does not cover, as far as it matters now: how
/// many cycles ahead it is, and its start.
fn first_uncovered(
    held: &Subscription,
    lock: &Lock,
    retired: Timestamp,
    first: u32,
    now: Timestamp,
) -> Option<(u32, Timestamp)> {
    let mut counted = held.promise.cycles;
    for ahead in 0..MAX_AHEAD {
        let start = cycle_start(held, ahead)?;
        let length = cycle_start(held, ahead.saturating_add(1))?.duration_since(start);
        // What is further away than that, the next settled cycle finds in time.
        if start > shifted(now, lock.notice.saturating_add(length)) {
            return None;
        }
        let covered = match lock.until {
            LockEnd::Until(end) => start < end,
            LockEnd::Cycles(cycles) => start < retired || counted < cycles,
            LockEnd::Forever | LockEnd::UntilChange => true,
        };
        if !covered && ahead >= first {
            return Some((ahead, start));
        }
        if start >= retired {
            counted = counted.saturating_add(1);
        }
    }
    None
}

/// The terms that follow when the promise ends at `start`: a successor that is
/// retired itself and whose own promise is over by then is passed over.
fn successor(
    held: &Subscription,
    lock: &Lock,
    start: Timestamp,
    revision: &CatalogRevision,
) -> Option<Terms> {
    let catalog = &revision.catalog;
    let mut price = catalog.price(lock.then.as_ref()?.as_str())?;
    // The catalog's rules forbid circles.
    for _ in 0..MAX_PRICES {
        let own = price.effective_lock();
        let over = retired_at(price, catalog).is_some_and(|at| at <= start)
            && matches!(own.until, LockEnd::Until(end) if end <= start);
        match own.then.as_ref().filter(|_| over) {
            Some(then) => price = catalog.price(then.as_str())?,
            None => break,
        }
    }
    terms_at_price(held, price, revision)
}

/// The terms of `held` at another price, everything else as it is held.
pub(crate) fn terms_at_price(
    held: &Subscription,
    price: &Price,
    revision: &CatalogRevision,
) -> Option<Terms> {
    let plan = revision.catalog.plan(price.plan.as_str())?;
    let seller = Seller {
        provider: held.provider.as_ref()?.provider().clone(),
        owns_schedule: matches!(held.schedule, Schedule::Provider { .. }),
    };
    let terms = Terms::taken(revision, plan, price, held.terms.quantity, &seller);
    Some(Terms {
        trial: held.terms.trial,
        discount: held.terms.discount.clone(),
        bounds: held.terms.bounds.clone(),
        ..terms
    })
}

/// The start of the cycle that is `ahead` after the next one.
pub(crate) fn cycle_start(held: &Subscription, ahead: u32) -> Option<Timestamp> {
    let interval = held.terms.billing.interval()?;
    if let Some(hang) = held.hang() {
        let index = hang.index.checked_add(ahead)?;
        let hung = crate::subscription::Hang { index, ..hang };
        return hung.period(interval).map(|period| period.start);
    }
    let paid_through = held.times.paid_through?;
    match held.schedule {
        Schedule::Provider { .. } => Period::at(paid_through, interval, ahead)
            .ok()
            .map(|period| period.start),
        Schedule::Engine { .. } | Schedule::Perpetual => None,
    }
}

const fn number_of(held: &Subscription) -> u32 {
    match held.schedule {
        Schedule::Engine { cycle, .. } => cycle,
        Schedule::Provider { .. } | Schedule::Perpetual => 0,
    }
}

fn price_of<'a>(held: &Subscription, catalog: &'a Catalog) -> Option<&'a Price> {
    catalog.price(held.terms.price.as_ref()?.as_str())
}

/// Since when a price is no longer sold, by itself or with its plan.
fn retired_at(price: &Price, catalog: &Catalog) -> Option<Timestamp> {
    let plan = catalog
        .plan(price.plan.as_str())
        .and_then(|plan| plan.retired);
    [price.retired, plan].into_iter().flatten().min()
}

fn note_upcoming(draft: &mut Draft, id: SubscriptionId, notice: &Notice, at: Timestamp) {
    draft.note(Event::PriceChangeUpcoming, |entry| {
        entry.subscription = Some(id);
        entry.money = Some(notice.amount);
        entry.note = Some(format!("{} from {at}", notice.price));
    });
}

/// A provider that runs the schedule is told which price its next period has.
fn tell_provider(draft: &mut Draft, before: &Subscription, after: &Subscription) {
    if before.scheduled == after.scheduled {
        return;
    }
    let Some(to_come) = &after.scheduled else {
        return;
    };
    if let Some(order) = at_provider(after, &to_come.terms, ChangeWhen::NextPeriod) {
        let key = EffectKey::subscription("reprice", after.id, draft.now());
        draft.order(key, Order::ChangeSubscription(order));
    }
}
