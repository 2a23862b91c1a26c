//! A cycle that was given up by a cancellation, and had been paid by then: it is given
//! after all, and the subscription ends with it. What counts is when it was paid, however
//! late that is heard of. Knows nothing of how much came.

use crate::catalog::CatalogRevision;
use crate::decide::balance::draw_again;
use crate::decide::change::take_effect;
use crate::decide::start::park_if_duplicate;
use crate::decision::Draft;
use crate::ids::SubscriptionId;
use crate::invoice::{Forgone, Invoice, InvoiceState};
use crate::journal::Event;
use crate::subscription::{Cancellation, Schedule, Scheduled, State, Subscription, Why};
use crate::time::Timestamp;

/// How a subscription stood before its cycle was taken up again.
pub(super) struct GivenUp {
    subscription: SubscriptionId,
    state: State,
    /// Whether nobody has to be told that it gives access.
    gives_access: bool,
}

/// Keeps how `held` stands, which is about to give up the cycle that it owes: asked for at
/// `requested_at`.
pub(super) fn forgo(draft: &mut Draft, held: &Subscription, requested_at: Timestamp) {
    let Some(mut invoice) = draft.account.open_invoice(held.id).cloned() else {
        return;
    };
    let to_come = held.scheduled.as_ref().map(|to_come| to_come.why);
    let change = match to_come {
        Some(Why::Change { change }) => draft.account.change(change).cloned(),
        Some(Why::PromiseEnds | Why::Migration { .. }) | None => None,
    };
    invoice.forgone = Some(Box::new(Forgone {
        requested_at,
        state: held.state,
        due_at: held.times.due_at,
        grace_ends_at: held.times.grace_ends_at,
        scheduled: held.scheduled.clone(),
        change,
    }));
    draft.account.put_invoice(invoice);
}

/// The whole of it was paid at `at`. Where that was in time, and nothing else has become
/// of its subscription but that it ended, both are as they were: the cycle is to be
/// credited, and the cancellation ends with it. `None`: it is not so.
pub(super) fn take_up_again(
    draft: &mut Draft,
    invoice: &mut Invoice,
    at: Timestamp,
) -> Option<GivenUp> {
    let InvoiceState::Void { at: voided_at } = invoice.state else {
        return None;
    };
    let (period, cycle) = (invoice.period?, invoice.cycle?);
    let forgone = invoice.forgone.clone()?;
    let in_time = at < voided_at && forgone.grace_ends_at.is_none_or(|ends| at < ends);
    let known = draft.account.subscription(invoice.subscription?)?.clone();
    let ends = if let State::Canceled { ends_at } = known.state {
        // What has ended before what is paid was ended at once, and forwent that too.
        !known.is_paid_beyond(ends_at)
    } else {
        known.cancellation.is_some()
    };
    let owes_other = draft.account.open_invoice(known.id).is_some();
    if !in_time || !ends || owes_other || known.is_undone() {
        return None;
    }
    let mut held = known.clone();
    held.state = forgone.state;
    held.times.due_at = forgone.due_at;
    held.times.grace_ends_at = forgone.grace_ends_at;
    held.cancellation = Some(Cancellation {
        requested_at: forgone.requested_at,
        ends_at: period.end,
        unconfirmed: false,
        ask_again_at: None,
        asked_again: 0,
        taken_back: None,
    });
    schedule_again(&mut held, forgone.scheduled.as_ref());
    if held.next_cycle()?.period != period {
        return None;
    }
    let Schedule::Engine { cycle: opened, .. } = &mut held.schedule else {
        return None;
    };
    *opened = cycle.max(*opened);
    if !draw_again(draft, &invoice.lines, invoice.id) {
        return None;
    }
    if let Some(change) = forgone.change {
        draft.account.put_change(change);
    }
    // Crediting tells of what gave none when it was paid.
    let gives_access = known.gives_access(draft.now()) || !held.gives_access(at);
    draft.account.put_subscription(held);
    invoice.state = InvoiceState::Open;
    invoice.forgone = None;
    draft.account.put_invoice(invoice.clone());
    Some(GivenUp {
        subscription: known.id,
        state: known.state,
        gives_access,
    })
}

/// The cycle was credited: says until when it goes on. What is over by now has ended with
/// its cycle.
pub(super) fn ends_with_it(draft: &mut Draft, before: &GivenUp, catalog: &CatalogRevision) {
    let (id, now) = (before.subscription, draft.now());
    take_effect(draft, id, now, catalog);
    let Some(mut held) = draft.account.subscription(id).cloned() else {
        return;
    };
    let Some(ends_at) = held.cancellation.map(|to_come| to_come.ends_at) else {
        return;
    };
    if ends_at > now {
        if !before.gives_access {
            park_if_duplicate(draft, &held);
            draft.note(Event::SubscriptionActivated, |entry| {
                entry.subscription = Some(id);
            });
        }
        draft.note(Event::SubscriptionCancelScheduled, |entry| {
            entry.subscription = Some(id);
            entry.note = Some(ends_at.to_string());
        });
        return;
    }
    held.cancellation = None;
    let told = if let State::Canceled { ends_at } = before.state {
        Some(ends_at)
    } else {
        None
    };
    held.state = State::Canceled {
        ends_at: told.map_or(ends_at, |told| told.max(ends_at)),
    };
    draft.account.put_subscription(held);
    if told.is_none_or(|told| told < ends_at) {
        draft.note(Event::SubscriptionCanceled, |entry| {
            entry.subscription = Some(id);
        });
    }
}

/// The terms that the cycle was priced at come again, where they were dropped.
fn schedule_again(held: &mut Subscription, to_come: Option<&Scheduled>) {
    let Some(to_come) = to_come else {
        return;
    };
    if to_come.comes_by_itself() {
        held.promise.displaced = None;
    }
    held.scheduled = Some(to_come.clone());
}
