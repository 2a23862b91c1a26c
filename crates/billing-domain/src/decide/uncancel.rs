//! Taking a cancellation back before it has come to be.
//!
//! Where the engine runs the schedule it goes on at once. Where a provider does, the
//! cancellation stands until that says that it does not: a promise to go on is the
//! provider's to give. Of the two orders only one is on its way at a time, so that
//! neither overtakes the other.

use jiff::SignedDuration;

use crate::catalog::CatalogRevision;
use crate::decide::license::extend;
use crate::decide::promise::{give_back_displaced, keep_promise};
use crate::decision::Draft;
use crate::effect::Order;
use crate::ids::{EffectId, SubscriptionId};
use crate::journal::Event;
use crate::subscription::{Cancellation, Schedule, State, Status, Subscription};

/// How long after an answer its object is looked at. Providers tell instants in whole
/// seconds, and some answers are told as a second older than they are: so long after,
/// what is read is newer than whatever was told beside the answer.
const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(3);

/// Why a cancellation was not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UncancelRefusal {
    /// The customer has no such subscription.
    #[error("no such subscription")]
    NotFound,
    /// It has ended: what is over is bought anew.
    #[error("the subscription is {} already", .0.as_str())]
    Ended(Status),
    /// It was bought once; nothing of it recurs, and nothing was to end.
    #[error("nothing of it recurs")]
    NothingRecurs,
}

/// What taking a cancellation back came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UncancelOutcome {
    /// It goes on.
    Done,
    /// The provider that runs the schedule is asked, and will say. The effect that asks
    /// it, where it can be asked now: it was asked before, or the cancellation itself
    /// is still on its way and is answered first.
    Asked(Option<EffectId>),
    /// No cancellation was to come.
    Already,
}

/// Takes back the cancellation of `id` that is to come. One that goes on already does
/// so, and one that is asked about is not asked about again.
///
/// # Errors
///
/// [`UncancelRefusal`], and nothing changes.
pub fn uncancel(
    draft: &mut Draft,
    id: SubscriptionId,
    catalog: &CatalogRevision,
) -> Result<UncancelOutcome, UncancelRefusal> {
    let held = draft.account.subscription(id).cloned();
    let mut held = held.ok_or(UncancelRefusal::NotFound)?;
    let now = draft.now();
    if held.is_over() {
        return Err(UncancelRefusal::Ended(held.status()));
    }
    let Some(to_come) = held.cancellation else {
        return match held.schedule {
            Schedule::Perpetual => Err(UncancelRefusal::NothingRecurs),
            Schedule::Engine { .. } | Schedule::Provider { .. } => Ok(UncancelOutcome::Already),
        };
    };
    if to_come.ends_at <= now {
        // At its instant it has ended, whether or not anybody has looked since.
        return Err(UncancelRefusal::Ended(Status::Canceled));
    }
    if !matches!(held.schedule, Schedule::Provider { .. }) {
        goes_on(draft, held, catalog);
        return Ok(UncancelOutcome::Done);
    }
    if to_come.taken_back.is_some() {
        return Ok(UncancelOutcome::Asked(None));
    }
    held.went_on_at = Some(now);
    let on_its_way = to_come.unconfirmed && to_come.ask_again_at.is_none();
    held.cancellation = Some(Cancellation {
        taken_back: Some(now),
        ..to_come
    });
    // What is asked for and not answered yet is asked back once it is.
    let asked = if on_its_way {
        None
    } else {
        order(draft, &held)
    };
    draft.account.put_subscription(held);
    Ok(UncancelOutcome::Asked(asked))
}

/// It goes on as if nobody had canceled it. What was to come with the next period and
/// was dropped for that stays dropped, but for what comes by itself.
fn goes_on(draft: &mut Draft, mut held: Subscription, catalog: &CatalogRevision) {
    let id = held.id;
    held.cancellation = None;
    if held.scheduled.is_none() {
        give_back_displaced(&mut held);
    }
    let runs = matches!(held.state, State::Active | State::Trialing { .. });
    held.times.next_attempt_at = held
        .times
        .paid_through
        // The next cycle is invoiced already where money for it is on its way.
        .filter(|_| runs && draft.account.open_invoice(id).is_none())
        .and_then(|end| held.next_attempt(end));
    draft.account.put_subscription(held);
    draft.note(Event::SubscriptionCancelUnscheduled, |entry| {
        entry.subscription = Some(id);
    });
    extend(draft, id);
    keep_promise(draft, id, catalog);
}

/// Asks the provider to take it back.
pub(super) fn order(draft: &mut Draft, held: &Subscription) -> Option<EffectId> {
    let provider = held.provider.clone()?;
    let order = Order::UndoCancellation {
        provider,
        reference: held.reference()?.to_owned(),
        subscription: held.id,
    };
    Some(draft.ask("undo_cancel", held.id, order))
}

/// The answer to an order to take a cancellation back is here, and nothing of what it
/// says is applied yet. Canceled anew since, it stays so: the provider, which has just
/// done the opposite, is asked once more.
pub fn uncancel_overtaken(draft: &mut Draft, id: SubscriptionId) {
    let Some(held) = draft.account.subscription(id).cloned() else {
        return;
    };
    let anew = held.cancellation.filter(|it| it.taken_back.is_none());
    let (Some(anew), Some(provider), Some(reference)) =
        (anew, held.provider.clone(), held.reference())
    else {
        return;
    };
    let order = Order::CancelSubscription {
        provider,
        reference: reference.to_owned(),
        at_once: false,
    };
    // Answered or not: what was said of it before the undo is no more.
    let mut held = held;
    held.cancellation = Some(Cancellation {
        unconfirmed: true,
        ask_again_at: None,
        asked_again: 0,
        ..anew
    });
    draft.account.put_subscription(held);
    draft.ask("cancel", id, order);
}

/// The provider did what it was asked, and what it told is applied. Where what is known
/// says that it ends all the same, it is looked at.
pub fn uncanceled(draft: &mut Draft, id: SubscriptionId) {
    let Some(mut held) = asked_back(draft, id) else {
        return;
    };
    // What the provider had never taken, it is asked for no more.
    held.cancellation = held.cancellation.map(|to_come| Cancellation {
        unconfirmed: false,
        ask_again_at: None,
        ..to_come
    });
    look(draft, &held);
    draft.account.put_subscription(held);
}

/// Orders that it be read, where what is known of it and what its provider has just done
/// are not the same.
pub(super) fn look(draft: &mut Draft, held: &Subscription) {
    let asked = held.provider.clone().zip(held.reference());
    if let Some((provider, reference)) = asked {
        let order = Order::ReadSubscription {
            provider,
            reference: reference.to_owned(),
        };
        draft.ask_later("look", held.id, order, LOOK_AFTER);
    }
}

/// The provider refused, or nobody knows what became of the asking: the cancellation
/// stands. `why`: the provider's code.
pub(super) fn uncancel_failed(draft: &mut Draft, id: SubscriptionId, why: Option<&str>) {
    let Some(held) = asked_back(draft, id) else {
        return;
    };
    draft.account.put_subscription(held);
    draft.note(Event::SubscriptionCancelUpheld, |entry| {
        entry.subscription = Some(id);
        entry.note = why.map(str::to_owned);
    });
}

/// The subscription without the mark that its cancellation is taken back. `None`: it
/// bears none.
fn asked_back(draft: &Draft, id: SubscriptionId) -> Option<Subscription> {
    let mut held = draft.account.subscription(id).cloned()?;
    let to_come = held.cancellation.as_mut()?;
    to_come.taken_back.take()?;
    Some(held)
}
