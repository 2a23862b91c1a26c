//! Applying: the terms, the paid periods and the schedule become what the quote
//! says. Scheduled terms take effect at their instant, whoever looks.

use crate::catalog::{Billing, CatalogRevision, PlanKey};
use crate::change::{Change, ChangeState};
use crate::decide::change::supersede_scheduled;
use crate::decide::license::follow_terms;
use crate::decide::promise::{count_cycle, give_back_displaced, keep_promise};
use crate::decide::void::void_open_invoice;
use crate::decision::Draft;
use crate::ids::{ChangeId, SubscriptionId};
use crate::journal::Event;
use crate::quote::{Quote, Timing};
use crate::subscription::{Promise, Replaced, Schedule, Scheduled, State, Subscription, Why};
use crate::time::Timestamp;

/// The subscription as `quote` leaves it. `change` is the change it became;
/// `None`: it is only asked what would be.
#[must_use]
pub fn after(mut held: Subscription, quote: &Quote, change: Option<ChangeId>) -> Subscription {
    if quote.timing == Timing::PeriodEnd {
        held.scheduled = Some(Scheduled {
            at: quote.effective_at,
            terms: Box::new(quote.terms.clone()),
            why: match change {
                Some(change) => Why::Change { change },
                None => Why::PromiseEnds,
            },
        });
        return held;
    }
    let same_price = held.terms.price == quote.terms.price;
    let hung = held.hung_interval();
    held.scheduled = held.scheduled.take().filter(Scheduled::comes_by_itself);
    if held.scheduled.is_none() {
        // The change that it takes the place of is over.
        give_back_displaced(&mut held);
    }
    held.scheduled = held.scheduled.take().filter(|_| same_price);
    if let Some(to_come) = &mut held.scheduled {
        to_come.terms.quantity = quote.terms.quantity;
    }
    if !same_price {
        held.promise = Promise::default();
    }
    held.paid.clone_from(&quote.paid);
    held.make_up(&quote.lines);
    if let Some(period) = quote.restart {
        held.terms = quote.terms.clone();
        held.set_hang(crate::subscription::Hang {
            index: 1,
            ..crate::subscription::Hang::on(period.start)
        });
        held.times.paid_through = Some(period.end);
        held.times.next_attempt_at = held.next_attempt(period.end);
        return held;
    }
    remember_interval(&mut held, quote.terms.billing, quote.effective_at);
    held.turn_hang(hung, quote.terms.billing);
    held.terms = quote.terms.clone();
    held
}

/// What was paid before `until` goes on being priced by the interval it was paid
/// for, where `to` is another.
fn remember_interval(held: &mut Subscription, to: Billing, until: Timestamp) {
    let Billing::Recurring(interval) = held.terms.billing else {
        return;
    };
    if held.terms.billing == to {
        return;
    }
    for paid in &mut held.paid {
        if paid.period.start < until {
            paid.interval.get_or_insert(interval);
        }
    }
}

/// Applies a change whose time has come. One that is not to come any more is
/// left alone: whether it was applied is a fact of the change.
pub(in crate::decide) fn apply_change(
    draft: &mut Draft,
    id: ChangeId,
    at: Timestamp,
    catalog: &CatalogRevision,
) {
    let Some(change) = draft
        .account
        .change(id)
        .filter(|held| held.state.is_open())
        .cloned()
    else {
        return;
    };
    let quote = change.quote.clone();
    let Some(held) = draft.account.subscription(quote.subscription).cloned() else {
        return;
    };
    let before = held.terms.clone();
    let buyers = held.scheduled.as_ref().map(|to_come| to_come.why);
    if matches!(buyers, Some(Why::Change { change: other }) if other != id) {
        // What stood by then is what was quoted: its first cycle may be paid, and the
        // periods hang by its interval.
        supersede_scheduled(draft, &mut held.clone());
    }
    // What was credited of the one is in what was charged for the other.
    let paid_by = held.paid.iter().flat_map(|paid| paid.invoices.clone());
    let paid_by: Vec<_> = paid_by.chain(change.invoice).collect();
    let mut changed = after(held, &quote, Some(id));
    changed.remember(&before, at);
    let paid = changed.paid.into_iter();
    changed.paid = paid.map(|paid| paid.paid_by(paid_by.clone())).collect();
    remake_cycle(draft, &mut changed);
    let owes = matches!(changed.state, State::PastDue { .. });
    if owes && changed.times.paid_through > Some(draft.now()) {
        // It came to the end of what was paid while money was on its way that goes on from
        // there.
        changed.state = State::Active;
    }
    draft.account.put_subscription(changed);
    draft.account.put_change(Change {
        state: ChangeState::Applied { at },
        ..change
    });
    note_changed(draft, quote.subscription, Some(id), before.plan.clone());
    follow_terms(draft, quote.subscription, &before);
    keep_promise(draft, quote.subscription, catalog);
}

/// Makes the next cycle's invoice anew where it is open already: its price is
/// judged at the cycle's start, and has just become another.
pub(in crate::decide) fn remake_cycle(draft: &mut Draft, held: &mut Subscription) {
    // A provider that runs the schedule prices its invoices itself.
    if draft.account.open_invoice(held.id).is_none() || !held.is_engine_run() {
        return;
    }
    void_open_invoice(draft, held);
    held.take_cycle_back();
    held.times.next_attempt_at = held
        .times
        .paid_through
        .and_then(|end| held.next_attempt(end));
}

/// Lets scheduled terms take effect that are due at `at`. `false`: none are.
pub(in crate::decide) fn take_effect(
    draft: &mut Draft,
    id: SubscriptionId,
    at: Timestamp,
    catalog: &CatalogRevision,
) -> bool {
    let Some(held) = draft.account.subscription(id) else {
        return false;
    };
    let Some((changed, to_come)) = in_effect(held, at, catalog) else {
        return false;
    };
    let before = held.terms.clone();
    let held = changed;
    draft.account.put_subscription(held);
    let change = match to_come.why {
        Why::Change { change } => Some(change),
        Why::PromiseEnds | Why::Migration { .. } => None,
    };
    if let Some(change) = change.and_then(|id| draft.account.change(id).cloned()) {
        draft.account.put_change(Change {
            state: ChangeState::Applied { at: to_come.at },
            ..change
        });
    }
    note_changed(draft, id, change, before.plan.clone());
    follow_terms(draft, id, &before);
    keep_promise(draft, id, catalog);
    true
}

/// The subscription with the scheduled terms in effect that are due at `at`, and
/// those terms. `None`: none are due.
pub(in crate::decide) fn in_effect(
    held: &Subscription,
    at: Timestamp,
    catalog: &CatalogRevision,
) -> Option<(Subscription, Scheduled)> {
    let waits = matches!(held.state, State::Paused { .. }) || held.is_over();
    if waits
        || held
            .scheduled
            .as_ref()
            .is_none_or(|to_come| to_come.at > at || held.lags(to_come.at))
    {
        return None;
    }
    let mut held = held.clone();
    let hung = held.hung_interval();
    let to_come = held.scheduled.take()?;
    remember_interval(&mut held, to_come.terms.billing, to_come.at);
    held.turn_hang(hung, to_come.terms.billing);
    if let (Schedule::Provider { .. }, Some(price_ref)) = (&held.schedule, &held.terms.price_ref) {
        held.replaced = Some(Replaced {
            price_ref: price_ref.clone(),
            at: to_come.at,
        });
    }
    let other_price = held.terms.price != to_come.terms.price;
    let before = std::mem::replace(&mut held.terms, (*to_come.terms).clone());
    held.remember(&before, to_come.at);
    if other_price {
        held.promise = Promise::default();
        // Its first cycle may have been paid ahead.
        if held.paid.iter().any(|paid| paid.period.start == to_come.at) {
            count_cycle(&mut held, to_come.at, catalog);
        }
    } else {
        give_back_displaced(&mut held);
    }
    Some((held, to_come))
}

pub(in crate::decide) fn note_changed(
    draft: &mut Draft,
    id: SubscriptionId,
    change: Option<ChangeId>,
    before: PlanKey,
) {
    let plan = draft
        .account
        .subscription(id)
        .map(|held| held.terms.plan.to_string());
    draft.note(Event::PlanChanged, |entry| {
        entry.subscription = Some(id);
        entry.change = change;
        entry.plan_before = Some(before);
        entry.note = plan;
    });
}
