//! What falls due with nobody asking: checkouts expire, trials and grants end, cycles are
//! opened and called to mind, unpaid agreements go past due and lapse, cancellations
//! take effect.

use crate::catalog::CatalogRevision;
use crate::decide::cancel::{ask_again, wait_is_over};
use crate::decide::change::{change_expires, take_effect};
use crate::decide::checkout::expire;
use crate::decide::forgone::forgo;
use crate::decide::grant::grants_end;
use crate::decide::promise::keep_promise;
use crate::decide::remind::remind;
use crate::decide::renew::open_cycle;
use crate::decide::usage::charge_usage;
use crate::decide::void::void_open_invoice;
use crate::decision::Draft;
use crate::effect::Order;
use crate::ids::SubscriptionId;
use crate::journal::Event;
use crate::subscription::{ALARM_AFTER, Schedule, State, Subscription, TRIAL_NOTICE};
use crate::time::{Timestamp, shifted, shifted_back};

/// Steps that one subscription takes in one decision at most. A free daily plan
/// after a long outage takes one a day; the rest follows with the next decision.
const MAX_STEPS: usize = 64;

/// Decides everything of this customer's that is due at `draft.now()`.
pub fn fall_due(draft: &mut Draft, catalog: &CatalogRevision) {
    let now = draft.now();
    let late: Vec<_> = draft
        .account
        .checkouts
        .iter()
        .filter(|checkout| checkout.wake_at().is_some_and(|at| at <= now))
        .map(|checkout| (checkout.id, checkout.expires_at))
        .collect();
    for (id, at) in late {
        expire(draft, id, at);
    }
    let late: Vec<_> = draft
        .account
        .changes
        .iter()
        .filter(|change| change.wake_at().is_some_and(|at| at <= now))
        .map(|change| change.id)
        .collect();
    for id in late {
        change_expires(draft, id);
    }
    grants_end(draft);
    let held: Vec<_> = draft
        .account
        .subscriptions
        .iter()
        .map(|held| held.id)
        .collect();
    for id in held {
        // A new revision of the catalog may have made or ended a promise.
        keep_promise(draft, id, catalog);
        for _ in 0..MAX_STEPS {
            if !step(draft, id, catalog) {
                break;
            }
        }
    }
    charge_usage(draft, catalog);
}

/// Takes the one next step that is due. `false`: none is.
fn step(draft: &mut Draft, id: SubscriptionId, catalog: &CatalogRevision) -> bool {
    let now = draft.now();
    let Some(subscription) = draft.account.subscription(id).cloned() else {
        return false;
    };
    let due = |instant: Option<Timestamp>| instant.is_some_and(|instant| instant <= now);
    if !due(subscription.wake_at(draft.account.open_invoice(id))) {
        return false;
    }
    let canceled = due(subscription.cancellation.map(|to_come| to_come.ends_at));
    if !canceled && take_effect(draft, id, now, catalog) {
        return true;
    }
    let again = subscription.promise.asked.and_then(|asked| asked.again_at);
    if due(subscription.promise.look_at) || due(again) {
        keep_promise(draft, id, catalog);
        return draft.account.subscription(id) != Some(&subscription);
    }
    if let Schedule::Provider { reference, .. } = &subscription.schedule {
        if ask_again(draft, subscription.clone()) {
            return true;
        }
        if !due(subscription.times.next_attempt_at) {
            return false;
        }
        let reference = reference.clone();
        return ask_provider(draft, subscription, reference);
    }
    if canceled {
        return end_canceled(draft, subscription);
    }
    if wait_is_over(draft, &subscription) {
        return true;
    }
    match subscription.state {
        State::Trialing {
            ends_at,
            noticed: false,
        } if due(Some(shifted_back(ends_at, TRIAL_NOTICE))) => {
            give_trial_notice(draft, subscription, ends_at)
        }
        State::Active if !subscription.terms.renews && due(subscription.times.paid_through) => {
            let at = subscription.times.paid_through.unwrap_or(now);
            moved(
                draft,
                subscription,
                State::Expired { at },
                Event::SubscriptionExpired,
            )
        }
        State::Trialing { .. } | State::Active | State::PastDue { .. }
            if due(subscription.times.next_attempt_at) =>
        {
            open_cycle(draft, subscription, catalog);
            true
        }
        State::Trialing { ends_at, .. } if due(Some(ends_at)) => {
            let owing = State::PastDue {
                since: ends_at,
                no_grace: true,
            };
            moved(draft, subscription, owing, Event::SubscriptionPastDue)
        }
        State::Active if due(subscription.times.paid_through) => {
            let since = subscription.times.paid_through.unwrap_or(now);
            let owing = State::PastDue {
                since,
                no_grace: false,
            };
            moved(draft, subscription, owing, Event::SubscriptionPastDue)
        }
        State::PastDue { .. } if due(subscription.times.grace_ends_at) => {
            let at = subscription.times.grace_ends_at.unwrap_or(now);
            moved(
                draft,
                subscription,
                State::Lapsed { at },
                Event::SubscriptionLapsed,
            )
        }
        State::Incomplete
        | State::Trialing { .. }
        | State::Active
        | State::PastDue { .. }
        | State::Paused { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => {
            let open = draft.account.open_invoice(id);
            let reminder = subscription.reminder(open).filter(|it| it.at <= now);
            reminder.is_some_and(|reminder| remind(draft, subscription, reminder))
        }
    }
}

fn moved(draft: &mut Draft, subscription: Subscription, to: State, event: Event) -> bool {
    let id = subscription.id;
    let Ok(subscription) = subscription.moved(to) else {
        return false;
    };
    draft.account.put_subscription(subscription);
    draft.note(event, |entry| entry.subscription = Some(id));
    true
}

fn end_canceled(draft: &mut Draft, mut subscription: Subscription) -> bool {
    let Some(to_come) = subscription.cancellation.take() else {
        return false;
    };
    // What was on its way for the cycle that it ends with may come yet.
    forgo(draft, &subscription, to_come.requested_at);
    void_open_invoice(draft, &mut subscription);
    subscription.times.next_attempt_at = None;
    let ended = State::Canceled {
        ends_at: to_come.ends_at,
    };
    moved(draft, subscription, ended, Event::SubscriptionCanceled)
}

fn give_trial_notice(
    draft: &mut Draft,
    mut subscription: Subscription,
    ends_at: Timestamp,
) -> bool {
    let id = subscription.id;
    subscription.state = State::Trialing {
        ends_at,
        noticed: true,
    };
    draft.account.put_subscription(subscription);
    // Whoever slept through the trial is not told afterward that it will end.
    if ends_at > draft.now() {
        draft.note(Event::SubscriptionTrialEnding, |entry| {
            entry.subscription = Some(id);
            entry.note = Some(ends_at.to_string());
        });
    }
    true
}

/// The provider has been silent for too long: ask it, and look again later.
fn ask_provider(draft: &mut Draft, mut subscription: Subscription, reference: String) -> bool {
    let now = draft.now();
    let Some(provider) = subscription.provider.clone() else {
        // Nobody to ask.
        subscription.times.next_attempt_at = None;
        draft.account.put_subscription(subscription);
        return true;
    };
    subscription.times.next_attempt_at = Some(shifted(now, ALARM_AFTER));
    let order = Order::ReadSubscription {
        provider,
        reference,
    };
    draft.ask("read", subscription.id, order);
    draft.account.put_subscription(subscription);
    true
}
