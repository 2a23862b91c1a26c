//! Ending a change that is to come: taken back, superseded, out of time, refused.

use crate::catalog::CatalogRevision;
use crate::change::{Change, ChangeState};
use crate::decide::checkout::CHECKOUT_LIFETIME;
use crate::decide::pending::on_its_way;
use crate::decide::promise::{give_back_displaced, keep_promise, realign};
use crate::decide::quote::{at_provider, with_period};
use crate::decide::void::void_invoice;
use crate::decision::Draft;
use crate::digest::digest128;
use crate::effect::{EffectKey, Order};
use crate::ids::{ChangeId, SubscriptionId};
use crate::journal::Event;
use crate::provider::ProviderAccount;
use crate::subscription::{Schedule, State, Subscription, Why};
use crate::time::{Timestamp, shifted};

use super::apply::{in_effect, remake_cycle};

/// Why a change was not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TakeBackRefusal {
    /// The customer has no such change.
    #[error("no such change")]
    NotFound,
    /// It is in effect, or over, or its provider has been asked to make it now.
    #[error("the change is {} already", .0.as_str())]
    NotOpen(ChangeState),
    /// Money for the invoice of the next period is on its way, and it would be voided.
    #[error("money for the next period is on its way")]
    MoneyOnItsWay,
}

/// Takes back a change that is to come. One that was taken back before stays so.
///
/// # Errors
///
/// [`TakeBackRefusal`], and nothing changes.
pub fn take_back(
    draft: &mut Draft,
    id: ChangeId,
    catalog: &CatalogRevision,
) -> Result<(), TakeBackRefusal> {
    let now = draft.now();
    let change = draft
        .account
        .change(id)
        .cloned()
        .ok_or(TakeBackRefusal::NotFound)?;
    let subscription = change.quote.subscription;
    match change.state {
        ChangeState::Canceled { .. } => Ok(()),
        // Its provider may have done it, and was asked for nothing else.
        ChangeState::AwaitingPayment if is_at_provider(draft, &change) => {
            Err(TakeBackRefusal::NotOpen(change.state))
        }
        ChangeState::AwaitingPayment => {
            end_awaiting(draft, subscription, |at| ChangeState::Canceled { at });
            Ok(())
        }
        ChangeState::Scheduled => {
            if let Some(at) = stands_since(draft, &change, catalog) {
                return Err(TakeBackRefusal::NotOpen(ChangeState::Applied { at }));
            }
            let held = draft.account.subscription(subscription).cloned();
            let coming = |held: &Subscription| on_its_way(&draft.account, held, now);
            if held.as_ref().and_then(coming).is_some() {
                return Err(TakeBackRefusal::MoneyOnItsWay);
            }
            if let Some(mut held) = held {
                unschedule(draft, &mut held, &change);
                remake_cycle(draft, &mut held);
                draft.account.put_subscription(held);
            }
            end(
                draft,
                change,
                ChangeState::Canceled { at: now },
                Event::ChangeCanceled,
            );
            keep_promise(draft, subscription, catalog);
            Ok(())
        }
        ChangeState::Applied { .. }
        | ChangeState::Superseded { .. }
        | ChangeState::Failed { .. } => Err(TakeBackRefusal::NotOpen(change.state)),
    }
}

/// Since when a scheduled change can no longer be taken back: at its instant it
/// is in effect, whoever has looked since, and what it costs may be paid before.
fn stands_since(draft: &Draft, change: &Change, catalog: &CatalogRevision) -> Option<Timestamp> {
    let held = draft.account.subscription(change.quote.subscription)?;
    let why = Why::Change { change: change.id };
    let to_come = held
        .scheduled
        .as_ref()
        .filter(|to_come| to_come.why == why)?;
    let stands = in_effect(held, draft.now(), catalog).is_some() || held.is_paid_beyond(to_come.at);
    stands.then_some(to_come.at)
}

/// Ends the scheduled change of `held`, if it has one, because another takes its
/// place; the caller puts `held` back.
pub(in crate::decide) fn supersede_scheduled(draft: &mut Draft, held: &mut Subscription) {
    let now = draft.now();
    let Some(Why::Change { change }) = held.scheduled.as_ref().map(|to_come| to_come.why) else {
        return;
    };
    let Some(change) = draft.account.change(change).cloned() else {
        held.scheduled = None;
        give_back_displaced(held);
        return;
    };
    unschedule(draft, held, &change);
    end(
        draft,
        change,
        ChangeState::Superseded { at: now },
        Event::ChangeSuperseded,
    );
}

/// The change is no longer to come, and what it stood in the place of is.
fn unhook(held: &mut Subscription, change: ChangeId) {
    let why = Why::Change { change };
    if held
        .scheduled
        .as_ref()
        .is_some_and(|to_come| to_come.why == why)
    {
        held.scheduled = None;
        give_back_displaced(held);
    }
}

fn unschedule(draft: &mut Draft, held: &mut Subscription, change: &Change) {
    unhook(held, change.id);
    if let (Some(provider), Some(reference)) = (held.provider.clone(), held.reference()) {
        let order = Order::UndoChange {
            provider,
            reference: reference.to_owned(),
            change: Some(change.id),
        };
        draft.order(EffectKey::undo(change.id), order);
    }
}

/// Ends the change of a subscription that awaits its payment, if there is one.
pub(in crate::decide) fn end_awaiting(
    draft: &mut Draft,
    subscription: SubscriptionId,
    state: impl FnOnce(Timestamp) -> ChangeState,
) {
    let now = draft.now();
    let Some(change) = draft.account.awaiting_change(subscription).cloned() else {
        return;
    };
    let invoice = change
        .invoice
        .and_then(|id| draft.account.invoice(id).cloned());
    if let Some(invoice) = invoice.filter(crate::invoice::Invoice::is_open) {
        void_invoice(draft, invoice);
    }
    let state = state(now);
    let event = match state {
        ChangeState::Superseded { .. } => Event::ChangeSuperseded,
        ChangeState::Failed { .. } => Event::ChangeFailed,
        ChangeState::AwaitingPayment
        | ChangeState::Scheduled
        | ChangeState::Applied { .. }
        | ChangeState::Canceled { .. } => Event::ChangeCanceled,
    };
    end(draft, change, state, event);
}

/// Nobody paid in time. What a provider was asked for may be done, and nobody has
/// told us: it is looked at once, and waits as long again for what is seen.
pub(in crate::decide) fn change_expires(draft: &mut Draft, id: ChangeId) {
    let Some(change) = draft.account.change(id).cloned() else {
        return;
    };
    let subscription = change.quote.subscription;
    if let Some((provider, reference)) = unanswered(draft, &change) {
        let now = draft.now();
        let order = Order::ReadSubscription {
            provider,
            reference,
        };
        draft.ask("look", subscription, order);
        draft.account.put_change(Change {
            pay_by: Some(shifted(now, CHECKOUT_LIFETIME)),
            ..change
        });
        return;
    }
    run_out(draft, subscription);
    stands_after_all(draft, subscription);
}

/// Ends the change of a subscription that awaits its payment, because its time is over:
/// what was paid before that, and is heard of later, applies it all the same.
pub(in crate::decide) fn run_out(draft: &mut Draft, subscription: SubscriptionId) {
    let awaiting = draft.account.awaiting_change(subscription).cloned();
    if let Some(change) = awaiting {
        let ran_out = draft.account.subscription(subscription).map(basis);
        draft.account.put_change(Change { ran_out, ..change });
    }
    end_awaiting(draft, subscription, |at| ChangeState::Canceled { at });
}

/// What a change is priced from and applied to, as a digest.
fn basis(held: &Subscription) -> String {
    let to_come = held
        .scheduled
        .as_ref()
        .map(|to_come| (to_come.at, to_come.why));
    let ends = held.cancellation.map(|end| end.ends_at);
    digest128(&(
        (&held.terms, to_come, ends),
        (&held.paid, held.times.paid_through, held.hang()),
    ))
}

/// Whether a change whose time ran out would still change what it would have changed:
/// nothing else was paid, agreed or ended since.
pub(in crate::decide) fn may_apply_after_all(draft: &Draft, change: &Change) -> bool {
    let held = draft.account.subscription(change.quote.subscription);
    let goes_on = |held: &&Subscription| {
        let ours = !matches!(held.schedule, Schedule::Provider { .. });
        ours && matches!(held.state, State::Active | State::PastDue { .. })
    };
    let held = held.filter(goes_on);
    let ran_out = change.ran_out.as_ref();
    ran_out.is_some() && held.map(basis).as_ref() == ran_out
}

/// What is to be looked at before a change is given up. `None`: we collect it, or
/// it has been looked at.
fn unanswered(draft: &Draft, change: &Change) -> Option<(ProviderAccount, String)> {
    let held = draft.account.subscription(change.quote.subscription)?;
    let first = change.pay_by == Some(shifted(change.accepted_at, CHECKOUT_LIFETIME));
    if !first || !is_at_provider(draft, change) {
        return None;
    }
    Some((held.provider.clone()?, held.reference()?.to_owned()))
}

/// Whether a provider that runs the schedule was asked to make a change at once:
/// it is charged there, and no invoice of ours awaits its payment.
fn is_at_provider(draft: &Draft, change: &Change) -> bool {
    let held = draft.account.subscription(change.quote.subscription);
    let runs = held.is_some_and(|held| matches!(held.schedule, Schedule::Provider { .. }));
    runs && change.invoice.is_none()
}

/// The provider refused it, or nobody knows what became of the asking.
pub(in crate::decide) fn fail_change(draft: &mut Draft, id: ChangeId, code: Option<&str>) {
    let Some(mut change) = draft
        .account
        .change(id)
        .filter(|held| held.state.is_open())
        .cloned()
    else {
        return;
    };
    change.refused = code.map(str::to_owned);
    draft.account.put_change(change.clone());
    let subscription = change.quote.subscription;
    match change.state {
        ChangeState::Scheduled => {
            let now = draft.now();
            if let Some(mut held) = draft.account.subscription(subscription).cloned() {
                unhook(&mut held, id);
                // A provider is to be told again what it was told before.
                realign(&mut held, now);
                draft.account.put_subscription(held);
            }
            end(
                draft,
                change,
                ChangeState::Failed { at: now },
                Event::ChangeFailed,
            );
        }
        ChangeState::AwaitingPayment
        | ChangeState::Applied { .. }
        | ChangeState::Superseded { .. }
        | ChangeState::Canceled { .. }
        | ChangeState::Failed { .. } => {
            end_awaiting(draft, subscription, |at| ChangeState::Failed { at });
            stands_after_all(draft, subscription);
        }
    }
}

/// A change at once came to nothing: what is to come still is.
fn stands_after_all(draft: &mut Draft, subscription: SubscriptionId) {
    if let Some(mut held) = draft.account.subscription(subscription).cloned() {
        order_again(draft, &mut held);
        draft.account.put_subscription(held);
    }
}

/// Orders once more what is to come of `held` where its provider runs the schedule:
/// asked for a change at once, or to end it, it may have let that go, and neither has
/// come to be. The caller puts `held` back.
pub(in crate::decide) fn order_again(draft: &mut Draft, held: &mut Subscription) {
    let runs = matches!(held.schedule, Schedule::Provider { .. });
    if !runs || held.is_over() || held.cancellation.is_some() {
        return;
    }
    let now = draft.now();
    let Some(to_come) = held.scheduled.as_ref().filter(|to_come| to_come.at > now) else {
        return;
    };
    let Why::Change { change } = to_come.why else {
        // What comes by itself is told by whoever looks at the promise next.
        held.promise.told = None;
        return;
    };
    if let Some(mut order) = at_provider(held, &to_come.terms, with_period(to_come)) {
        order.change = Some(change);
        // One batch may hear of it twice.
        if !draft.has_asked("again", held.id) {
            draft.ask("again", held.id, Order::ChangeSubscription(order));
        }
    }
}

fn end(draft: &mut Draft, change: Change, state: ChangeState, event: Event) {
    let (id, subscription) = (change.id, change.quote.subscription);
    draft.account.put_change(Change { state, ..change });
    draft.note(event, |entry| {
        entry.change = Some(id);
        entry.subscription = Some(subscription);
    });
}
