//! What a provider that runs the schedule is told: the price of its next period,
//! in that period's time and not before.

use crate::decide::cancel::{ASK_AGAIN_AFTER, MAX_ASKED_AGAIN};
use crate::decide::quote::{at_provider, with_period};
use crate::decision::Draft;
use crate::effect::Order;
use crate::ids::EffectId;
use crate::subscription::{Asked, Schedule, Scheduled, Subscription, Why};
use crate::time::{Timestamp, shifted};

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
    let again = ordered_again(after, draft.now());
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
        let stands_there = after.promise.told.take().is_some() || again > 0;
        if let Some(provider) = after.provider.clone().filter(|_| stands_there) {
            let order = Order::UndoChange {
                provider,
                reference,
                change: None,
            };
            let effect = draft.ask("unprice", after.id, order);
            after.promise.asked = Some(Asked {
                again,
                ..Asked::of(effect)
            });
        }
        return;
    };
    let at = to_come.at;
    if after.promise.told == Some(at) && before.scheduled == after.scheduled && again == 0 {
        return;
    }
    if let Some(order) = at_provider(after, &to_come.terms, with_period(to_come)) {
        let effect = draft.ask("reprice", after.id, Order::ChangeSubscription(order));
        after.promise.asked = Some(Asked {
            again,
            ..Asked::of(effect)
        });
        after.promise.told = Some(at);
    }
}

/// Which time the last order is given again now, where nothing came of it. 0: it is not.
fn ordered_again(after: &mut Subscription, now: Timestamp) -> u8 {
    let Some(asked) = after
        .promise
        .asked
        .as_mut()
        .filter(|it| it.is_due_again(now))
    else {
        return 0;
    };
    // Whatever is ordered in its place, or needs no order any more.
    asked.again_at = None;
    asked.again.saturating_add(1)
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
/// of it any more: from now on its word about that counts. What was `left_undone`, by a
/// refusal or since nobody could be asked, is ordered again while there is time, or the
/// period would be charged as before. Any other order changes nothing.
pub fn price_answered(draft: &mut Draft, effect: EffectId, left_undone: bool) {
    let mut held = draft.account.subscriptions.iter();
    let asked = held.find_map(|held| {
        let asked = held.promise.asked.filter(|asked| asked.effect == effect);
        asked.map(|asked| (held.clone(), asked))
    });
    let Some((mut held, asked)) = asked else {
        return;
    };
    let again = left_undone && asked.again < MAX_ASKED_AGAIN;
    held.promise.asked = Some(Asked {
        answered_at: Some(draft.now()),
        again_at: again.then(|| shifted(draft.now(), ASK_AGAIN_AFTER)),
        ..asked
    });
    draft.account.put_subscription(held);
}
