//! Pausing and resuming.

use jiff::SignedDuration;

use crate::change::ChangeState;
use crate::decide::cancel::CancelWhen;
use crate::decide::change::end_awaiting;
use crate::decide::pending::on_its_way;
use crate::decide::promise::{realign, starts_paid};
use crate::decide::usage::move_usage;
use crate::decide::void::take_back_next_cycle;
use crate::decision::Draft;
use crate::effect::Order;
use crate::ids::{ChangeId, SubscriptionId};
use crate::journal::Event;
use crate::money::Money;
use crate::subscription::{Hang, IllegalTransition, Schedule, State, Status, Subscription, Why};
use crate::time::{Period, Timestamp, shifted};

/// Why a subscription cannot be paused or resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PauseRefusal {
    /// The customer has no such subscription.
    #[error("no such subscription")]
    NotFound,
    /// It is not in a state that can be.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// It was bought once; nothing of it recurs.
    #[error("nothing of it recurs")]
    NothingRecurs,
    /// Money for the invoice of the next period is on its way, and it would be voided.
    #[error("money for the next period is on its way")]
    MoneyOnItsWay,
}

/// What pausing or resuming came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseOutcome {
    /// It is done.
    Done,
    /// The provider that runs the schedule is asked, and will say.
    Asked,
    /// It was so before.
    Already,
}

/// Whose pausing or resuming it is, and as of when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accord {
    /// The instant that counts: now, or that of the quote.
    pub(super) at: Timestamp,
    /// The change that a quote became. `None`: nothing was quoted.
    pub(super) change: Option<ChangeId>,
    /// What the provider said that it will charge. `None`: it said nothing.
    pub(super) quoted: Option<Money>,
    /// When it ends, where it is canceled.
    pub(super) ends: CancelWhen,
}

impl Accord {
    /// Nothing was quoted.
    pub(super) const fn unquoted(at: Timestamp) -> Self {
        Self {
            at,
            change: None,
            quoted: None,
            ends: CancelWhen::PeriodEnd,
        }
    }
}

/// Pauses a paid subscription. Its open invoice, if it has one, is voided. One that
/// is paused stays so.
///
/// # Errors
///
/// [`PauseRefusal`], and nothing changes.
pub fn pause(draft: &mut Draft, id: SubscriptionId) -> Result<PauseOutcome, PauseRefusal> {
    let accord = Accord::unquoted(draft.now());
    pause_by(draft, id, accord)
}

/// Pauses it as [`pause`] does, for whoever accepted that.
pub(super) fn pause_by(
    draft: &mut Draft,
    id: SubscriptionId,
    accord: Accord,
) -> Result<PauseOutcome, PauseRefusal> {
    let mut subscription = held(draft, id)?;
    let now = draft.now();
    let unpaid = subscription.times.paid_through.is_none_or(|end| end <= now);
    let mut from = subscription.status();
    if from == Status::Active && unpaid && subscription.is_engine_run() {
        // What is past due is so whether or not a worker has run.
        from = Status::PastDue;
    }
    if from == Status::Paused
        && subscription
            .cancellation
            .is_none_or(|end| end.ends_at > now)
    {
        return Ok(PauseOutcome::Already);
    }
    if from != Status::Active {
        return Err(IllegalTransition {
            from,
            to: Status::Paused,
        }
        .into());
    }
    match &subscription.schedule {
        Schedule::Perpetual => return Err(PauseRefusal::NothingRecurs),
        Schedule::Provider { reference, .. } => {
            order(draft, &subscription, "pause", |provider| {
                Order::PauseSubscription {
                    provider,
                    reference: reference.clone(),
                    change: accord.change,
                }
            });
            return Ok(PauseOutcome::Asked);
        }
        Schedule::Engine { .. } if on_its_way(&draft.account, &subscription, now).is_some() => {
            return Err(PauseRefusal::MoneyOnItsWay);
        }
        Schedule::Engine { .. } => {
            end_awaiting(draft, id, |at| ChangeState::Canceled { at });
            take_back_next_cycle(draft, &mut subscription);
            // It is due at another time, and called to mind then.
            subscription.reminded = None;
        }
    }
    let pausing = subscription.pausing(now);
    let mut paused = subscription.moved(State::Paused {
        since: now,
        access_until: pausing.access_until,
        remaining: pausing.remaining,
    })?;
    paused.times.next_attempt_at = None;
    draft.account.put_subscription(paused);
    draft.note(Event::SubscriptionPaused, |entry| {
        entry.subscription = Some(id);
    });
    Ok(PauseOutcome::Done)
}

/// Resumes a paused subscription: the paid time that remains comes back; where
/// none remains, a new period begins now, without access until it is paid. One that
/// goes on already does so.
///
/// # Errors
///
/// [`PauseRefusal`], and nothing changes.
pub fn resume(draft: &mut Draft, id: SubscriptionId) -> Result<PauseOutcome, PauseRefusal> {
    let accord = Accord::unquoted(draft.now());
    resume_by(draft, id, accord)
}

/// Resumes it as [`resume`] does, as of the instant that was accepted.
pub(super) fn resume_by(
    draft: &mut Draft,
    id: SubscriptionId,
    accord: Accord,
) -> Result<PauseOutcome, PauseRefusal> {
    let subscription = held(draft, id)?;
    let now = accord.at;
    let State::Paused {
        access_until,
        remaining,
        ..
    } = subscription.state
    else {
        let from = subscription.status();
        return match subscription.state {
            State::Trialing { .. } | State::Active | State::PastDue { .. } => {
                Ok(PauseOutcome::Already)
            }
            State::Incomplete
            | State::Paused { .. }
            | State::Lapsed { .. }
            | State::Canceled { .. }
            | State::Expired { .. } => Err(IllegalTransition {
                from,
                to: Status::Active,
            }
            .into()),
        };
    };
    if let Schedule::Provider { reference, .. } = &subscription.schedule {
        order(draft, &subscription, "resume", |provider| {
            Order::ResumeSubscription {
                provider,
                reference: reference.clone(),
                change: accord.change,
                quoted: accord.quoted,
            }
        });
        return Ok(PauseOutcome::Asked);
    }
    if subscription
        .cancellation
        .is_some_and(|to_come| to_come.ends_at <= now)
    {
        return Err(IllegalTransition {
            from: Status::Canceled,
            to: Status::Active,
        }
        .into());
    }
    let still_paid = access_until.filter(|end| *end > now);
    let mut resumed = match still_paid {
        Some(paid_through) => with_next_attempt(subscription.moved(State::Active)?, paid_through),
        None if remaining.is_positive() => {
            let paid_through = shifted(now, remaining);
            // The money of what was paid moves with the time that comes back.
            let by = subscription
                .times
                .paid_through
                .map(|end| paid_through.duration_since(end))
                .unwrap_or_default();
            let mut moved = hung_on(subscription.moved(State::Active)?, paid_through);
            move_usage(draft, id, by);
            let paid_ahead = starts_paid(&moved);
            withhold_later(&mut moved, now, by);
            moved.paid = moved.paid.into_iter().map(|paid| paid.moved(by)).collect();
            if let Some(to_come) = moved.scheduled.as_mut().filter(|_| paid_ahead) {
                to_come.at = shifted(to_come.at, by);
            }
            with_next_attempt(moved, paid_through)
        }
        None => {
            let owing = State::PastDue {
                since: now,
                no_grace: true,
            };
            let mut moved = hung_on(subscription.moved(owing)?, now);
            moved.times.next_attempt_at = Some(now);
            moved
        }
    };
    realign(&mut resumed, now);
    draft.account.put_subscription(resumed);
    draft.note(Event::SubscriptionResumed, |entry| {
        entry.subscription = Some(id);
    });
    Ok(PauseOutcome::Done)
}

fn held(draft: &Draft, id: SubscriptionId) -> Result<Subscription, PauseRefusal> {
    draft
        .account
        .subscription(id)
        .cloned()
        .ok_or(PauseRefusal::NotFound)
}

fn order(
    draft: &mut Draft,
    subscription: &Subscription,
    verb: &str,
    order: impl FnOnce(crate::provider::ProviderAccount) -> Order,
) {
    if let Some(provider) = subscription.provider.clone() {
        draft.ask(verb, subscription.id, order(provider));
    }
}

/// What was paid for and went back is withheld where its time has moved to.
fn withhold_later(moved: &mut Subscription, now: Timestamp, by: SignedDuration) {
    for held in &mut moved.withheld {
        // What ended before the pause has not moved, and lies further back.
        if let Some(period) = held.period.filter(|period| shifted(period.end, by) > now) {
            held.period = Some(Period {
                start: shifted(period.start, by),
                end: shifted(period.end, by),
            });
        }
    }
}

/// The periods to come hang on `anchor` from now on.
fn hung_on(mut subscription: Subscription, at: Timestamp) -> Subscription {
    subscription.set_hang(Hang::on(at));
    subscription
}

/// Paid until `paid_through`; a cancellation to come moves there as well.
fn with_next_attempt(mut subscription: Subscription, paid_through: Timestamp) -> Subscription {
    // Terms that are paid for ahead have been moved with the time that is paid.
    let stands = starts_paid(&subscription);
    subscription.times.paid_through = Some(paid_through);
    if let Some(to_come) = &mut subscription.cancellation {
        to_come.ends_at = paid_through;
    }
    if let Some(to_come) = &mut subscription.scheduled
        && matches!(to_come.why, Why::Change { .. })
        && !stands
    {
        to_come.at = paid_through;
    }
    subscription.times.next_attempt_at = subscription.next_attempt(paid_through);
    subscription
}
