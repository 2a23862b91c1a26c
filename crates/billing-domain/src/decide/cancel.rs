//! Canceling, which is never refused. Money that is on its way by then buys its cycle.

use jiff::SignedDuration;

use crate::change::ChangeState;
use crate::decide::change::{end_awaiting, supersede_scheduled};
use crate::decide::forgone::forgo;
use crate::decide::pending::on_its_way;
use crate::decide::promise::displace;
use crate::decide::uncancel;
use crate::decide::void::take_back_next_cycle;
use crate::decision::Draft;
use crate::effect::Order;
use crate::ids::SubscriptionId;
use crate::journal::Event;
use crate::subscription::{Cancellation, Schedule, State, Subscription};
use crate::time::{Timestamp, shifted};

/// After how long a provider is asked again for what it refused, or could not be asked for:
/// each try that comes to nothing is shown to a person once, and within a day there is time
/// to mend what stands in the way.
pub(super) const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// How often it is asked again at most: for a week. What nobody has mended by then waits for
/// the person to whom each try was shown.
pub(super) const MAX_ASKED_AGAIN: u8 = 14;

/// When a cancellation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelWhen {
    /// At the end of what is paid; the default, and the only choice of a buyer.
    PeriodEnd,
    /// Now, forgoing what is paid.
    AtOnce,
}

/// What canceling came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It will end, or has ended, at this instant.
    Ends {
        /// The end of access. `None`: the provider will say.
        at: Option<Timestamp>,
    },
    /// It was canceled or over before, or nothing of it ever recurs.
    Already,
}

/// Cancels `id`: scheduled for the end of what is paid; at once when past due,
/// which also voids the open invoice. While money for that is on its way it is paid, until
/// nothing comes of it. `None`: the customer has no such subscription.
pub fn cancel(draft: &mut Draft, id: SubscriptionId, when: CancelWhen) -> Option<CancelOutcome> {
    let subscription = draft.account.subscription(id)?.clone();
    let (now, at_once) = (draft.now(), when == CancelWhen::AtOnce);
    let ends = |to_come: Cancellation| {
        let stands = to_come.taken_back.is_none();
        (stands && !at_once) || to_come.ends_at <= now
    };
    let settled = subscription.is_over()
        || subscription.cancellation.is_some_and(ends)
        || (matches!(subscription.schedule, Schedule::Perpetual) && !at_once);
    if settled {
        return Some(CancelOutcome::Already);
    }
    Some(match &subscription.schedule {
        Schedule::Provider { reference, .. } => {
            let reference = reference.clone();
            at_provider(draft, subscription, reference, at_once)
        }
        Schedule::Engine { .. } | Schedule::Perpetual => here(draft, subscription, at_once),
    })
}

/// Asks the provider. Our record says from now on what will be; the provider's
/// answer, a fact like any other, confirms or corrects it.
fn at_provider(
    draft: &mut Draft,
    mut subscription: Subscription,
    reference: String,
    at_once: bool,
) -> CancelOutcome {
    let (id, now) = (subscription.id, draft.now());
    // What is owed, was never paid, or is paused has nothing left to wait for.
    let owing = match subscription.state {
        State::Incomplete | State::PastDue { .. } | State::Lapsed { .. } => true,
        State::Paused { access_until, .. } => access_until.is_none_or(|end| end <= now),
        State::Trialing { .. } | State::Active | State::Canceled { .. } | State::Expired { .. } => {
            false
        }
    };
    let at_once = at_once || owing;
    let ends_at = if at_once {
        Some(now)
    } else {
        // Past what we know to be paid, the provider will say.
        subscription.times.paid_through.filter(|end| *end > now)
    };
    subscription.cancellation = ends_at.map(|ends_at| Cancellation {
        requested_at: now,
        ends_at,
        unconfirmed: true,
        ask_again_at: None,
        asked_again: 0,
        taken_back: None,
    });
    if let Some(provider) = subscription.provider.clone() {
        let order = Order::CancelSubscription {
            provider,
            reference,
            at_once,
        };
        draft.ask("cancel", id, order);
    }
    draft.account.put_subscription(subscription);
    draft.note(Event::SubscriptionCancelScheduled, |entry| {
        entry.subscription = Some(id);
    });
    CancelOutcome::Ends { at: ends_at }
}

/// What a provider came to say of a cancellation that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It has canceled.
    Done,
    /// Its answer contradicts what is known otherwise: what is read next counts.
    Doubtful,
    /// It has refused, or could not be asked.
    Nothing,
}

/// The provider has answered what it was asked to cancel: from now on its word counts.
/// Where it has done so, and what is known of it says nothing of an end all the same,
/// either somebody has taken that back there since, or it was told of the same instant
/// before: it is looked at, and ends until that says otherwise. What came to nothing stays
/// promised to whoever canceled, and is asked for again. What was taken back here in the
/// meantime is asked back now.
pub fn cancellation_answered(draft: &mut Draft, reference: &str, answer: CancelAnswer) {
    let now = draft.now();
    let held = draft.account.subscriptions.iter();
    let mut asked = held.filter(|held| held.reference() == Some(reference));
    let Some(mut held) = asked.next().cloned() else {
        return;
    };
    let Some(to_come) = held.cancellation.as_mut() else {
        return;
    };
    if to_come.taken_back.is_some() {
        to_come.unconfirmed = false;
        uncancel::order(draft, &held);
    } else if to_come.unconfirmed {
        match answer {
            CancelAnswer::Nothing => {
                let again = to_come.asked_again < MAX_ASKED_AGAIN;
                to_come.ask_again_at = again.then(|| shifted(now, ASK_AGAIN_AFTER));
            }
            CancelAnswer::Doubtful => to_come.unconfirmed = false,
            CancelAnswer::Done => {
                to_come.unconfirmed = false;
                uncancel::look(draft, &held);
            }
        }
    } else {
        return;
    }
    draft.account.put_subscription(held);
}

/// Asks the provider anew for a cancellation that came to nothing, where it is time to.
/// `false`: it is not.
pub(super) fn ask_again(draft: &mut Draft, mut held: Subscription) -> bool {
    let now = draft.now();
    let due = |to_come: &Cancellation| to_come.asks_again_at().is_some_and(|at| at <= now);
    let Some(mut to_come) = held.cancellation.filter(due) else {
        return false;
    };
    to_come.ask_again_at = None;
    to_come.asked_again = to_come.asked_again.saturating_add(1);
    held.cancellation = Some(to_come);
    if let (Some(provider), Some(reference)) = (held.provider.clone(), held.reference()) {
        let order = Order::CancelSubscription {
            provider,
            reference: reference.to_owned(),
            at_once: to_come.ends_at <= now,
        };
        draft.ask("cancel", held.id, order);
    }
    draft.account.put_subscription(held);
    true
}

/// The provider is not asked to cancel it any more, since that was taken back before it
/// answered. It may have heard of it all the same, so that it is asked back.
pub fn cancellation_forgone(draft: &mut Draft, reference: &str) {
    let mut held = draft.account.subscriptions.iter();
    let is_asked_back = held.any(|held| {
        let to_come = held.cancellation.filter(|it| it.taken_back.is_some());
        held.reference() == Some(reference) && to_come.is_some()
    });
    if is_asked_back {
        cancellation_answered(draft, reference, CancelAnswer::Nothing);
    }
}

/// Nothing comes of the money that a canceled subscription waited for: it ends as it would
/// have without. `false`: it waits still, or for none.
pub(super) fn wait_is_over(draft: &mut Draft, held: &Subscription) -> bool {
    let open = draft.account.open_invoice(held.id);
    let over = held
        .waits_for_money(open)
        .is_some_and(|until| until <= draft.now());
    if over {
        here(draft, held.clone(), false);
    }
    over
}

fn here(draft: &mut Draft, mut subscription: Subscription, at_once: bool) -> CancelOutcome {
    let (id, now) = (subscription.id, draft.now());
    end_awaiting(draft, id, |at| ChangeState::Canceled { at });
    let coming = on_its_way(&draft.account, &subscription, now).filter(|_| !at_once);
    let requested_at = subscription
        .cancellation
        .map_or(now, |asked| asked.requested_at);
    if coming.is_none() {
        if !at_once {
            forgo(draft, &subscription, requested_at);
        }
        take_back_next_cycle(draft, &mut subscription);
    }
    let end = match subscription.state {
        _ if coming.is_some() => coming.map(|cycle| cycle.end),
        State::Trialing { ends_at, .. } => Some(ends_at),
        State::Active => subscription.times.paid_through,
        State::Paused { access_until, .. } => access_until,
        // What is past due, or was never paid, has nothing left to wait for.
        State::Incomplete
        | State::PastDue { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => None,
    };
    let later = end.filter(|end| *end > now && !at_once);
    subscription.times.next_attempt_at = None;
    // What is to come at the period's end comes no more; what is paid for already
    // comes, or the last cycle would be had at other terms than were paid for.
    let stands = subscription.scheduled.as_ref().is_some_and(|to_come| {
        let paid = subscription.is_paid_beyond(to_come.at);
        later.is_some() && (paid || coming.is_some_and(|cycle| to_come.at <= cycle.start))
    });
    if !stands {
        supersede_scheduled(draft, &mut subscription);
        // What comes by itself does so again where the cancellation is taken back.
        displace(&mut subscription);
    }
    if let Some(ends_at) = later {
        subscription.cancellation = Some(Cancellation {
            requested_at,
            ends_at,
            unconfirmed: false,
            ask_again_at: None,
            asked_again: 0,
            taken_back: None,
        });
        draft.note(Event::SubscriptionCancelScheduled, |entry| {
            entry.subscription = Some(id);
            entry.note = Some(ends_at.to_string());
        });
    } else {
        subscription.state = State::Canceled { ends_at: now };
        subscription.cancellation = None;
        draft.note(Event::SubscriptionCanceled, |entry| {
            entry.subscription = Some(id);
        });
    }
    draft.account.put_subscription(subscription);
    CancelOutcome::Ends {
        at: Some(later.unwrap_or(now)),
    }
}
