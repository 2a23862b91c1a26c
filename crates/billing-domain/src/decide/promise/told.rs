//! What a provider that runs the schedule is told: the price of its next period,
//! in that period's time and not before.

use crate::decide::cancel::ASK_AGAIN_AFTER;
use crate::decide::quote::{at_provider, with_period};
use crate::decision::Draft;
use crate::effect::Order;
use crate::ids::EffectId;
use crate::subscription::{Asked, Schedule, Scheduled, Subscription, Why};
use crate::time::shifted;

use super::outlook::cycle_starts;

/// Tells the provider which price its next period has, where that is another, and
/// takes back what it was told where that holds no longer.
pub(in crate::decide) fn tell_provider(
    draft: &mut Draft,
    before: &Subscription,
    after: &mut Subscription,
) {
    let Schedule::Provider { reference, .. } = &after.schedule else {
        return;
    };
    let reference = reference.clone();
    let next = cycle_starts(after).next();
    let scheduled = after.scheduled.clone();
    let to_come = match &scheduled {
        // Whoever scheduled the change has told the provider, in place of this;
        // but not of a price that follows together with it.
        Some(to_come) if matches!(to_come.why, Why::Change { .. }) => {
            tell_again(draft, before, after, to_come);
            after.promise.told = None;
            return;
        }
        // A provider knows of no period but the next.
        Some(to_come) if Some(to_come.at) == next => Some(to_come),
        Some(_) | None => None,
    };
    let Some(to_come) = to_come else {
        if after.promise.told.take().is_some()
            && let Some(provider) = after.provider.clone()
        {
            let order = Order::UndoChange {
                provider,
                reference,
                change: None,
            };
            let effect = draft.ask("unprice", after.id, order);
            after.promise.asked = Some(Asked::of(effect));
        }
        return;
    };
    let at = to_come.at;
    if after.promise.told == Some(at) && before.scheduled == after.scheduled {
        return;
    }
    if let Some(order) = at_provider(after, &to_come.terms, with_period(to_come)) {
        let effect = draft.ask("reprice", after.id, Order::ChangeSubscription(order));
        after.promise.asked = Some(Asked::of(effect));
        after.promise.told = Some(at);
    }
}

/// What a provider was asked, and did not do, about the price of the next period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// To take another price.
    Price,
    /// To keep the one that it has.
    TakenBack,
}

/// The provider has refused what it was asked about the price of the next period of
/// `reference`, or could not be asked: it is asked again while there is time, or the period
/// would be charged as before.
pub fn promise_untold(draft: &mut Draft, reference: &str, what: Untold) {
    let again = shifted(draft.now(), ASK_AGAIN_AFTER);
    let held = draft.account.subscriptions.iter();
    let mut asked = held.filter(|held| held.reference() == Some(reference) && !held.is_over());
    let Some(mut held) = asked.next().cloned() else {
        return;
    };
    held.promise.told = match what {
        Untold::Price => None,
        // It has something that it was told before.
        Untold::TakenBack => held.promise.told.or(held.times.paid_through),
    };
    let look_at = held.promise.look_at;
    held.promise.look_at = Some(look_at.map_or(again, |at| at.min(again)));
    draft.account.put_subscription(held);
}

fn tell_again(
    draft: &mut Draft,
    before: &Subscription,
    after: &mut Subscription,
    to_come: &Scheduled,
) {
    let (Why::Change { change }, Some(was)) = (to_come.why, &before.scheduled) else {
        return;
    };
    if was.why != to_come.why || was.terms == to_come.terms {
        return;
    }
    if let Some(mut order) = at_provider(after, &to_come.terms, with_period(to_come)) {
        order.change = Some(change);
        let effect = draft.ask("reprice", after.id, Order::ChangeSubscription(order));
        after.promise.asked = Some(Asked::of(effect));
    }
}

/// The provider has answered an order about the price of a next period, or nothing comes
/// of it any more: from now on its word about that counts. Any other order changes nothing.
pub fn price_answered(draft: &mut Draft, effect: EffectId) {
    let mut held = draft.account.subscriptions.iter();
    let asked = held.find(|held| {
        held.promise
            .asked
            .is_some_and(|asked| asked.effect == effect)
    });
    let Some(mut held) = asked.cloned() else {
        return;
    };
    held.promise.asked = Some(Asked {
        effect,
        answered_at: Some(draft.now()),
    });
    draft.account.put_subscription(held);
}
