//! What a provider tells of the price: whether it is the one held, the one that
//! was to come, or another. Knows nothing of status and periods.

use crate::catalog::{CatalogRevision, PlanKey};
use crate::change::{Change, ChangeState};
use crate::decide::change::{in_effect, supersede_scheduled};
use crate::decision::Draft;
use crate::fact::SubscriptionSnapshot;
use crate::journal::Event;
use crate::parked::ParkReason;
use crate::provider::ProviderAccount;
use crate::quote::Step;
use crate::subscription::{Promise, Replaced, Scheduled, Subscription, Why};
use crate::terms::Terms;
use crate::time::{Period, Timestamp};

use super::{terms_of, unknown_price};

/// The terms change only when the price does; an unknown price keeps the plan.
pub(super) fn follow_price(
    draft: &mut Draft,
    account: &ProviderAccount,
    seen: &mut Subscription,
    snapshot: &SubscriptionSnapshot,
    catalog: &CatalogRevision,
    at: Timestamp,
) {
    let begins = snapshot.period.map(|period| period.start);
    let tells = |terms: &Terms| {
        terms.price_ref.as_deref() == Some(snapshot.price_ref.as_str())
            && terms.quantity == snapshot.quantity
    };
    if let Some(replaced) = seen.replaced.take() {
        // The provider's period before the one that our record has begun.
        let before = begins.is_none_or(|start| start < replaced.at);
        if replaced.price_ref == snapshot.price_ref && before {
            seen.replaced = Some(replaced);
            return;
        }
        if replaced.price_ref == snapshot.price_ref && !tells(&seen.terms) {
            park_renewed_as_before(draft, seen, &replaced);
        }
    }
    let awaited = draft.account.awaiting_change(seen.id).cloned();
    if let Some(change) =
        awaited.filter(|change| change.quote.step == Step::Change && tells(&change.quote.terms))
    {
        supersede_scheduled(draft, seen);
        let before = seen.terms.plan.clone();
        hold(seen, change.quote.terms.clone(), at);
        let (id, change_id) = (seen.id, change.id);
        let plan = seen.terms.plan.to_string();
        draft.account.put_change(Change {
            state: ChangeState::Applied { at },
            ..change
        });
        draft.note(Event::PlanChanged, |entry| {
            entry.subscription = Some(id);
            entry.change = Some(change_id);
            entry.plan_before = Some(before);
            entry.note = Some(plan);
        });
        return;
    }
    if let Some(period) = snapshot.period {
        come_sooner(seen, period, tells);
    }
    let comes_early = seen.scheduled.as_ref().is_some_and(|to_come| {
        tells(&to_come.terms) && begins.is_none_or(|start| start < to_come.at)
    });
    if comes_early && !tells(&seen.terms) {
        // What is to come holds from its instant on, whatever is told before it.
        return;
    }
    if let Some(start) = begins.filter(|_| !tells(&seen.terms))
        && let Some((begun, to_come)) = in_effect(seen, start, catalog)
        && tells(&to_come.terms)
    {
        // Seen before anybody looked.
        let before = seen.terms.plan.clone();
        *seen = begun;
        note_begun(draft, seen, &to_come, before);
        return;
    }
    if seen.terms.price_ref.as_deref() == Some(snapshot.price_ref.as_str()) {
        let resized = Terms {
            quantity: snapshot.quantity,
            ..seen.terms.clone()
        };
        hold(seen, resized, at);
        return;
    }
    let Some(moved_to) = terms_of(account, snapshot, catalog) else {
        unknown_price(draft, account, snapshot, at);
        return;
    };
    // A trial is of what was bought first.
    let terms = Terms {
        trial: seen.terms.trial,
        ..moved_to
    };
    let (id, plan) = (seen.id, terms.plan.to_string());
    let before = seen.terms.plan.clone();
    hold(seen, terms, at);
    draft.note(Event::PlanChanged, |entry| {
        entry.subscription = Some(id);
        entry.plan_before = Some(before);
        entry.note = Some(plan);
    });
}

/// What a buyer has scheduled comes with the next period that is paid for. Where another
/// one has begun before its day, as after a pause, and is told at what was to come, that
/// is the one: it is charged so, and holds from its start.
fn come_sooner(seen: &mut Subscription, period: Period, tells: impl Fn(&Terms) -> bool) {
    if let Some(to_come) = &mut seen.scheduled
        && matches!(to_come.why, Why::Change { .. })
        && tells(&to_come.terms)
        // The one before it is the one that ends on that day.
        && period.end != to_come.at
        && period.start < to_come.at
    {
        to_come.at = period.start;
    }
}

/// The provider renewed at the price that our record had replaced: it was told too
/// late, or never. What it charges is what is held; a person sees to the difference.
fn park_renewed_as_before(draft: &mut Draft, seen: &Subscription, replaced: &Replaced) {
    let evidence = format!(
        "subscription {} was renewed at price {}, though plan {} was to hold from {}: its \
         provider was told too late; what differs is to be given back, and the change made anew",
        seen.id, replaced.price_ref, seen.terms.plan, replaced.at
    );
    draft.park(ParkReason::Conflict, evidence);
}

/// It is held at `terms` since `at`. What was to come of another price comes no more, nor
/// what was promised to its holders; of the same price, it comes for as many pieces.
fn hold(seen: &mut Subscription, terms: Terms, at: Timestamp) {
    if seen.terms.price != terms.price {
        seen.scheduled = seen.scheduled.take().filter(|it| !it.comes_by_itself());
        seen.promise = Promise {
            // It is still to be taken back.
            told: seen.promise.told,
            asked: seen.promise.asked,
            ..Promise::default()
        };
    } else if seen.terms.quantity != terms.quantity {
        let to_come = seen.scheduled.as_mut();
        if let Some(to_come) = to_come.filter(|it| it.comes_by_itself()) {
            to_come.terms.quantity = terms.quantity;
            seen.promise.told = None;
        }
    }
    let before = std::mem::replace(&mut seen.terms, terms);
    seen.remember(&before, at);
}

/// Terms to come have begun: what accepted them is applied.
fn note_begun(draft: &mut Draft, seen: &Subscription, to_come: &Scheduled, before: PlanKey) {
    let change = match to_come.why {
        Why::Change { change } => draft.account.change(change).cloned(),
        Why::PromiseEnds | Why::Migration { .. } => None,
    };
    let (id, change_id) = (seen.id, change.as_ref().map(|change| change.id));
    let plan = seen.terms.plan.to_string();
    if let Some(change) = change {
        draft.account.put_change(Change {
            state: ChangeState::Applied { at: to_come.at },
            ..change
        });
    }
    draft.note(Event::PlanChanged, |entry| {
        entry.subscription = Some(id);
        entry.change = change_id;
        entry.plan_before = Some(before);
        entry.note = Some(plan);
    });
}
