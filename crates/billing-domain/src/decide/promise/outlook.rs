//! What is to come of a promise, as seen from an instant: one judgment for the
//! holder's renewals, for forecasts and for price migrations.

use crate::catalog::{Catalog, CatalogRevision, Lock, LockEnd, MAX_PRICES, Price};
use crate::subscription::{Hang, Notice, Schedule, Subscription};
use crate::terms::{Seller, Terms};
use crate::time::{Period, Timestamp, shifted, shifted_back};
use jiff::SignedDuration;

/// How much sooner a notice is given than it has to be. No worker looks at the very
/// instant, and what is a second late postpones the rise by a cycle.
const LOOK_EARLY: SignedDuration = SignedDuration::from_hours(1);

/// Cycles looked ahead at most, for the first one that a promise does not cover:
/// daily cycles for more than a year. What lies beyond is found at a later look.
const MAX_AHEAD: usize = 400;

/// What is to come of a promise, as seen from now.
pub(super) enum Outlook {
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

/// A promise to the holders of a price: what it says, and since when it counts.
pub(crate) struct Promised {
    pub(crate) lock: Lock,
    pub(crate) retired: Timestamp,
}

impl Promised {
    /// The promise that `held` is held under. `None`: its price is not retired,
    /// nor to be.
    pub(crate) fn of(held: &Subscription, catalog: &Catalog) -> Option<Self> {
        let price = price_of(held, catalog)?;
        Some(Self {
            lock: price.effective_lock(),
            retired: catalog.retired_at(price)?,
        })
    }

    /// Counts cycles one after the other, from the next one on.
    pub(crate) fn coverage(&self, held: &Subscription) -> Coverage<'_> {
        Coverage {
            promised: self,
            counted: held.promise.cycles,
        }
    }
}

/// Which cycles a promise covers, asked for one after the other.
pub(crate) struct Coverage<'a> {
    promised: &'a Promised,
    counted: u32,
}

impl Coverage<'_> {
    /// Whether the cycle that starts at `start` is covered; the next call is
    /// about the cycle after it.
    pub(crate) fn covers_next(&mut self, start: Timestamp) -> bool {
        let retired = self.promised.retired;
        let covered = match self.promised.lock.until {
            LockEnd::Until(end) => start < end,
            LockEnd::Cycles(cycles) => start < retired || self.counted < cycles,
            LockEnd::Forever | LockEnd::UntilChange => true,
        };
        if start >= retired {
            self.counted = self.counted.saturating_add(1);
        }
        covered
    }
}

pub(super) fn outlook(
    held: &Subscription,
    invoiced: bool,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Outlook {
    let Some(promised) = Promised::of(held, &catalog.catalog) else {
        return Outlook::Kept;
    };
    let lock = &promised.lock;
    if !lock.until.needs_successor() {
        return Outlook::Kept;
    }
    // A cycle that is invoiced is judged, and so is one whose price its provider takes
    // no more.
    let next = cycle_starts(held).next();
    let locked = next.is_some_and(|start| held.is_locked(start, now));
    let first = usize::from(invoiced || locked);
    let Some((ahead, start)) = first_uncovered(held, &promised, first, now) else {
        return Outlook::Kept;
    };
    let Some(terms) = successor(held, lock, start, catalog) else {
        return Outlook::Kept;
    };
    let cycle = cycle_number(held, ahead, invoiced);
    let (Ok(new), Some(price)) = (terms.priced(cycle), terms.price.clone()) else {
        return Outlook::Kept;
    };
    let terms = Box::new(terms);
    if !is_dearer(&held.terms, &terms, cycle) {
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
        .filter(|given| is_given(given, &terms));
    let (told_at, notice) = if let Some(given) = given {
        (given.at, None)
    } else {
        // In time for the notice, and before the cycle is invoiced.
        let needed = lock.notice.max(held.settled_ahead());
        let due = shifted_back(start, needed.saturating_add(LOOK_EARLY));
        if due > now {
            return Outlook::Later(due);
        }
        let notice = Notice {
            price,
            unit: terms.unit,
            amount: new.rate,
            at: now,
        };
        (now, Some(notice))
    };
    // A late notice postpones the rise.
    let earliest = shifted(told_at, lock.notice);
    let mut starts = cycle_starts(held).skip(ahead).take(MAX_AHEAD);
    match starts.find(|start| *start >= earliest && !held.is_locked(*start, now)) {
        Some(at) => Outlook::Ends { at, terms, notice },
        None => Outlook::Later(earliest),
    }
}

/// The first cycle that the promise does not cover, as far as it matters now: how
/// many cycles ahead it is, and its start.
fn first_uncovered(
    held: &Subscription,
    promised: &Promised,
    first: usize,
    now: Timestamp,
) -> Option<(usize, Timestamp)> {
    let mut coverage = promised.coverage(held);
    let warning = promised.lock.notice.max(held.settled_ahead());
    let late = held.terms.grace.saturating_add(held.terms.stall_limit);
    // When the next cycle is settled, however late, it is looked at again.
    let next_look = shifted(cycle_starts(held).next()?.max(now), late);
    let horizon = shifted(next_look, warning);
    for (ahead, start) in cycle_starts(held).take(MAX_AHEAD).enumerate() {
        if ahead > first && start > horizon {
            return None;
        }
        if !coverage.covers_next(start) && ahead >= first {
            return Some((ahead, start));
        }
    }
    None
}

/// Whether `terms` cost more than those held, in the cycle of this number or once
/// every discount is over.
pub(crate) fn is_dearer(held: &Terms, terms: &Terms, cycle: u32) -> bool {
    [cycle, u32::MAX].into_iter().any(|cycle| {
        // What cannot be compared is announced.
        match (held.priced(cycle), terms.priced(cycle)) {
            (Ok(old), Ok(new)) => new.rate.amount > old.rate.amount,
            _ => true,
        }
    })
}

/// Whether a notice is of these terms.
pub(crate) fn is_given(given: &Notice, terms: &Terms) -> bool {
    Some(&given.price) == terms.price.as_ref() && given.unit == terms.unit
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
        let over = catalog.retired_at(price).is_some_and(|at| at <= start)
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

/// The starts of the cycles to come, the next one first.
pub(crate) fn cycle_starts(held: &Subscription) -> impl Iterator<Item = Timestamp> + use<> {
    let interval = held.terms.billing.interval();
    let hang = held.hang();
    let paid_through = match held.schedule {
        Schedule::Provider { .. } => held.times.paid_through,
        Schedule::Engine { .. } | Schedule::Perpetual => None,
    };
    (0u32..).map_while(move |ahead| {
        let interval = interval?;
        if let Some(hang) = hang {
            let index = hang.index.checked_add(ahead)?;
            return Hang { index, ..hang }.start(interval);
        }
        Period::start_of(paid_through?, interval, ahead).ok()
    })
}

/// The number of the cycle that is `ahead` after the next unpaid one.
pub(crate) fn cycle_number(held: &Subscription, ahead: usize, invoiced: bool) -> u32 {
    let Schedule::Engine { cycle, .. } = held.schedule else {
        let start = held
            .terms
            .discount
            .as_ref()
            .and_then(|_| cycle_starts(held).nth(ahead));
        return start.map_or(0, |start| held.terms.number_there(start));
    };
    let next = cycle.saturating_add(u32::from(!invoiced));
    next.saturating_add(u32::try_from(ahead).unwrap_or(u32::MAX))
}

pub(super) fn price_of<'a>(held: &Subscription, catalog: &'a Catalog) -> Option<&'a Price> {
    catalog.price(held.terms.price.as_ref()?.as_str())
}
