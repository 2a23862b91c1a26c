//! Keeping the promise made to the holders of a retired price, and ending it as
//! announced: no dearer cycle is charged before its notice is old enough.
//!
//! `outlook` says what is to come of a promise, `rejoin` who may take one up
//! again, `told` what a provider that runs the schedule hears of it.

mod outlook;
mod rejoin;
mod told;

use jiff::SignedDuration;

use crate::catalog::{CatalogRevision, EntitlementLock};
use crate::customer::Account;
use crate::decision::Draft;
use crate::entitlement::Entitlements;
use crate::ids::{ChangeId, SubscriptionId};
use crate::journal::Event;
use crate::subscription::{Notice, Scheduled, State, Subscription, Why};
use crate::terms::Terms;
use crate::time::Timestamp;

use outlook::{Outlook, outlook, price_of};
pub(crate) use outlook::{
    Promised, cycle_number, cycle_starts, is_dearer, is_given, terms_at_price,
};
pub use rejoin::may_rejoin;
pub use told::price_answered;
pub(super) use told::tell_provider;

/// Cycles looked at for the first that is not before an instant: daily ones for
/// more than a year, further away than anything is scheduled.
const MAX_ALIGNED: usize = 400;

/// Looks at what is to come of every promise of this customer's: for whoever has
/// just changed the catalog. Before each renewal it is looked at by itself.
pub fn keep_promises(draft: &mut Draft, catalog: &CatalogRevision) {
    let held: Vec<_> = draft
        .account
        .subscriptions
        .iter()
        .map(|held| held.id)
        .collect();
    for id in held {
        keep_promise(draft, id, catalog);
    }
}

/// Looks at what is to come of the promise that `id` is held under: gives the
/// notice when it is time, and schedules the price that follows.
pub(super) fn keep_promise(draft: &mut Draft, id: SubscriptionId, catalog: &CatalogRevision) {
    let Some(held) = draft.account.subscription(id) else {
        return;
    };
    let sold = price_of(held, &catalog.catalog)
        .is_none_or(|price| catalog.catalog.retired_at(price).is_none());
    let untouched = held.scheduled.is_none() && held.promise.look_at.is_none();
    let again = held.promise.asked.is_some_and(|it| it.again_at.is_some());
    if sold && untouched && held.promise.told.is_none() && !again {
        return;
    }
    let held = held.clone();
    let mut kept = held.clone();
    kept.promise.look_at = None;
    match kept.scheduled.as_ref().map(|to_come| to_come.why) {
        _ if rests(&held) => {}
        Some(_) if is_judged(&draft.account, &kept) => {}
        Some(Why::Change { change }) => look_beside(draft, &mut kept, change, catalog),
        Some(Why::Migration { .. }) => align(&mut kept),
        Some(Why::PromiseEnds) | None => look(draft, &mut kept, catalog),
    }
    tell_provider(draft, &held, &mut kept);
    tell_again(draft, &kept);
    if held != kept {
        draft.account.put_subscription(kept);
    }
}

/// Whether nothing is to come of a promise while it stands like this.
const fn rests(held: &Subscription) -> bool {
    held.is_over()
        || held.cancellation.is_some()
        || matches!(
            held.state,
            State::Paused { .. } | State::Lapsed { .. } | State::Incomplete
        )
}

/// Whether the first cycle under the terms to come is paid, or invoiced: it is
/// judged, and comes whatever the catalog says since.
fn is_judged(account: &Account, held: &Subscription) -> bool {
    let Some(to_come) = &held.scheduled else {
        return false;
    };
    let invoiced = account.open_invoice(held.id);
    let invoiced = invoiced.and_then(|invoice| invoice.period);
    starts_paid(held) || invoiced.is_some_and(|period| period.start == to_come.at)
}

/// Whether the first cycle under the terms to come is paid already.
pub(super) fn starts_paid(held: &Subscription) -> bool {
    let to_come = held.scheduled.as_ref();
    to_come.is_some_and(|to_come| {
        let mut paid = held.paid.iter();
        paid.any(|paid| paid.period.start == to_come.at)
    })
}

fn look(draft: &mut Draft, kept: &mut Subscription, catalog: &CatalogRevision) {
    kept.scheduled = None;
    let invoiced = draft.account.open_invoice(kept.id).is_some();
    match outlook(kept, invoiced, catalog, draft.now()) {
        Outlook::Kept => kept.promise.notice = None,
        Outlook::Later(at) => kept.promise.look_at = Some(at),
        Outlook::Ends { at, terms, notice } => {
            give(draft, kept, notice, at);
            kept.scheduled = Some(Scheduled {
                at,
                terms,
                why: Why::PromiseEnds,
            });
        }
    }
}

/// Beside a change of the quantity that is to come, the promise goes on: its end
/// is announced in time, and the price that follows comes with the change where
/// both begin together.
fn look_beside(
    draft: &mut Draft,
    kept: &mut Subscription,
    change: ChangeId,
    catalog: &CatalogRevision,
) {
    let quoted = draft.account.change(change);
    let Some(quoted) = quoted.map(|change| change.quote.terms.clone()) else {
        return;
    };
    if quoted.price != kept.terms.price {
        return;
    }
    let begins = kept.scheduled.as_ref().map(|to_come| to_come.at);
    let displaced = kept.promise.displaced.clone();
    if let Some(migrates) = displaced
        && matches!(migrates.why, Why::Migration { .. })
    {
        // Its notice has been given. It comes with the change, or after it.
        if let Some(to_come) = kept.scheduled.as_mut().filter(|it| it.at >= migrates.at) {
            *to_come.terms = Terms {
                quantity: quoted.quantity,
                ..*migrates.terms
            };
        }
        return;
    }
    let invoiced = draft.account.open_invoice(kept.id).is_some();
    let terms = match outlook(kept, invoiced, catalog, draft.now()) {
        Outlook::Kept => quoted,
        Outlook::Later(at) => {
            kept.promise.look_at = Some(at);
            quoted
        }
        Outlook::Ends { at, terms, notice } => {
            give(draft, kept, notice, at);
            if begins.is_some_and(|begins| at <= begins) {
                Terms {
                    quantity: quoted.quantity,
                    ..*terms
                }
            } else {
                quoted
            }
        }
    };
    if let Some(to_come) = &mut kept.scheduled {
        *to_come.terms = terms;
    }
}

/// Gives a notice of a dearer price, if it is one.
pub(crate) fn give(
    draft: &mut Draft,
    kept: &mut Subscription,
    notice: Option<Notice>,
    from: Timestamp,
) {
    let Some(notice) = notice else {
        return;
    };
    note_rise(draft, kept.id, &notice, from);
    kept.promise.notice = Some(notice);
}

/// Who goes on after all, having canceled or paused, is told again of the dearer price that is
/// to come: while nothing was, whoever writes of it may have written nothing. The notice is
/// as old as it was.
fn tell_again(draft: &mut Draft, kept: &Subscription) {
    let noted = |event| draft.noted(event, kept.id);
    let goes_on = noted(Event::SubscriptionCancelUnscheduled) || noted(Event::SubscriptionResumed);
    if !goes_on || noted(Event::PriceChangeUpcoming) || rests(kept) {
        return;
    }
    let (Some(notice), Some(to_come)) = (&kept.promise.notice, &kept.scheduled) else {
        return;
    };
    if to_come.terms.price.as_ref() == Some(&notice.price) {
        note_rise(draft, kept.id, notice, to_come.at);
    }
}

fn note_rise(draft: &mut Draft, id: SubscriptionId, notice: &Notice, from: Timestamp) {
    draft.note(Event::PriceChangeUpcoming, |entry| {
        entry.subscription = Some(id);
        entry.money = Some(notice.amount);
        entry.note = Some(format!("{} from {from}", notice.price));
    });
}

/// A settled cycle that started after its price was retired counts, once: what was
/// told too early and taken back comes again.
pub(super) fn count_cycle(held: &mut Subscription, start: Timestamp, catalog: &CatalogRevision) {
    if held.promise.counted.is_some_and(|counted| start <= counted) {
        return;
    }
    let price = price_of(held, &catalog.catalog);
    if price.is_some_and(|price| {
        catalog
            .catalog
            .retired_at(price)
            .is_some_and(|at| at <= start)
    }) {
        held.promise.cycles = held.promise.cycles.saturating_add(1);
        held.promise.counted = Some(start);
    }
}

/// Who takes a retired price up again goes on under what is left of its promise.
/// `begins` is the start of the cycle that is paid with it, if one is.
pub(super) fn take_up_promise(
    account: &Account,
    bought: &mut Subscription,
    begins: Option<Timestamp>,
    catalog: &CatalogRevision,
) {
    let price = bought.terms.price.as_ref();
    let earlier = account.subscriptions.iter().filter(|held| {
        held.id != bought.id && price.is_some() && held.terms.price.as_ref() == price
    });
    if let Some(last) = earlier.max_by_key(|held| held.promise.cycles) {
        bought.promise.cycles = last.promise.cycles;
        let frozen = price_of(bought, &catalog.catalog)
            .is_some_and(|price| price.effective_lock().entitlements == EntitlementLock::Frozen);
        if frozen {
            bought.terms.sold = Entitlements::merge([&bought.terms.sold, &last.terms.sold]);
        }
    }
    if let Some(start) = begins {
        count_cycle(bought, start, catalog);
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

/// After a pause the cycles start at other instants: terms that come by
/// themselves come with the first of them that is not before their instant.
pub(super) fn realign(held: &mut Subscription, now: Timestamp) {
    if !held
        .scheduled
        .as_ref()
        .is_some_and(Scheduled::comes_by_itself)
    {
        return;
    }
    if !starts_paid(held) {
        align(held);
    }
    held.promise.look_at = Some(now);
}

/// A change of the buyer's is scheduled in the place of terms that come by
/// themselves: they are kept for its end, and only another price is rid of them.
pub(super) fn displace(held: &mut Subscription) {
    let to_come = held.scheduled.take();
    if let Some(to_come) = to_come.filter(Scheduled::comes_by_itself) {
        held.promise.displaced = Some(Box::new(to_come));
    }
}

/// The change that was scheduled in their place is over: terms that come by
/// themselves come after all, for the pieces held by now.
pub(super) fn give_back_displaced(held: &mut Subscription) {
    let Some(mut to_come) = held.promise.displaced.take() else {
        return;
    };
    to_come.terms.quantity = held.terms.quantity;
    held.scheduled = Some(*to_come);
    if !starts_paid(held) {
        align(held);
    }
}

fn align(held: &mut Subscription) {
    let starts = cycle_starts(held);
    if let Some(to_come) = &mut held.scheduled
        && let Some(first) = starts.take(MAX_ALIGNED).find(|start| *start >= to_come.at)
    {
        to_come.at = first;
    }
}
