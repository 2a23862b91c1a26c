//! Canceling, pausing and resuming as quoted: taking the step, accepting its
//! quote, and seeing that the provider took it. What a quote says is imagined by
//! the same function that takes the step.

use crate::catalog::CatalogRevision;
use crate::change::{Change, ChangeState, ChangedBy};
use crate::decide::cancel::{CancelOutcome, CancelWhen, cancel};
use crate::decide::change::{AcceptRefusal, Accepted, end_awaiting, take_effect};
use crate::decide::checkout::CHECKOUT_LIFETIME;
use crate::decide::pause::{Accord, PauseOutcome, PauseRefusal, pause_by, resume_by};
use crate::decide::quote::{QuoteRefusal, StepAsk, plan_step};
use crate::decide::renew::open_cycle;
use crate::decision::Draft;
use crate::ids::{ChangeId, InvoiceId, SubscriptionId};
use crate::quote::{Quote, Source, Step, Timing};
use crate::subscription::{State, Status, Subscription};
use crate::time::{Timestamp, shifted};

/// A step that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// When it ends, where it is canceled. `None`: it is not, or the provider will say.
    pub(super) ends_at: Option<Timestamp>,
    /// Whether the provider is asked, and will say that it is done.
    pub(super) asked: bool,
    /// The invoice that is to be paid first. `None`: none of ours.
    pub(super) invoice: Option<InvoiceId>,
}

/// Takes a step, as of the instant that was accepted.
pub(super) fn take(
    draft: &mut Draft,
    ask: &StepAsk,
    accord: Accord,
    catalog: &CatalogRevision,
) -> Result<Taken, QuoteRefusal> {
    let id = ask.subscription;
    // What was to hold by then holds, whether or not anybody looked.
    take_effect(draft, id, accord.at, catalog);
    let mut taken = Taken {
        ends_at: None,
        asked: false,
        invoice: None,
    };
    match ask.step {
        Step::Change => return Err(QuoteRefusal::NothingChanges),
        Step::Cancel => match cancel(draft, id, accord.ends) {
            Some(CancelOutcome::Ends { at }) => taken.ends_at = at,
            Some(CancelOutcome::Already) => return Err(QuoteRefusal::NothingChanges),
            None => return Err(QuoteRefusal::NoSubscription),
        },
        Step::Pause => taken.asked = asked(pause_by(draft, id, accord))?,
        Step::Resume => {
            taken.asked = asked(resume_by(draft, id, accord))?;
            taken.invoice = invoiced(draft, id, catalog);
        }
    }
    Ok(taken)
}

fn asked(outcome: Result<PauseOutcome, PauseRefusal>) -> Result<bool, QuoteRefusal> {
    match outcome {
        Ok(PauseOutcome::Done) => Ok(false),
        Ok(PauseOutcome::Asked) => Ok(true),
        Ok(PauseOutcome::Already) => Err(QuoteRefusal::NothingChanges),
        Err(PauseRefusal::NotFound) => Err(QuoteRefusal::NoSubscription),
        Err(PauseRefusal::Illegal(illegal)) => Err(QuoteRefusal::NotActive(illegal.from)),
        Err(PauseRefusal::NothingRecurs) => Err(QuoteRefusal::NothingRecurs),
        Err(PauseRefusal::MoneyOnItsWay) => Err(QuoteRefusal::MoneyOnItsWay),
    }
}

/// What has begun anew is invoiced at once: whoever resumed it waits for the page.
fn invoiced(draft: &mut Draft, id: SubscriptionId, catalog: &CatalogRevision) -> Option<InvoiceId> {
    let now = draft.now();
    let held = draft.account.subscription(id)?.clone();
    let owes = matches!(held.state, State::PastDue { .. }) && held.is_engine_run();
    let due = held.times.next_attempt_at.is_some_and(|due| due <= now);
    if !owes || !due {
        return None;
    }
    open_cycle(draft, held, catalog);
    draft.account.open_invoice(id).map(|invoice| invoice.id)
}

/// Accepts the quote of a step: takes it, if it would still come to the same.
pub(super) fn accept_step(
    draft: &mut Draft,
    quote: &Quote,
    by: ChangedBy,
    catalog: &CatalogRevision,
) -> Result<Accepted, AcceptRefusal> {
    let now = draft.now();
    let ask = StepAsk {
        subscription: quote.subscription,
        step: quote.step,
    };
    // As it was quoted: at once, where its provider ends what is paused at once.
    let ends = if quote.timing == Timing::AtOnce {
        CancelWhen::AtOnce
    } else {
        CancelWhen::PeriodEnd
    };
    let planned = plan_step(&draft.account, &ask, ends, catalog, quote.created_at);
    let planned = planned.map_err(refused)?;
    if planned.digest() != quote.digest {
        return Err(AcceptRefusal::Stale);
    }
    let id: ChangeId = draft.id();
    let accord = Accord {
        at: quote.created_at,
        change: Some(id),
        quoted: (quote.source == Source::Provider).then_some(quote.owed_now),
        ends,
    };
    // Only one change may await its payment.
    end_awaiting(draft, quote.subscription, |at| ChangeState::Superseded {
        at,
    });
    let taken = take(draft, &ask, accord, catalog).map_err(refused)?;
    let state = if taken.asked {
        ChangeState::AwaitingPayment
    } else {
        ChangeState::Applied { at: now }
    };
    draft.account.put_change(Change {
        id,
        customer: quote.customer,
        quote: quote.clone(),
        state,
        invoice: taken.invoice,
        charged: None,
        by,
        accepted_at: now,
        pay_by: taken.asked.then(|| shifted(now, CHECKOUT_LIFETIME)),
        refused: None,
        awaits: None,
        ran_out: None,
    });
    Ok(Accepted {
        change: id,
        effect: None,
    })
}

fn refused(refusal: QuoteRefusal) -> AcceptRefusal {
    if matches!(refusal, QuoteRefusal::NoSubscription) {
        AcceptRefusal::NotFound
    } else if matches!(
        refusal,
        QuoteRefusal::NotActive(_) | QuoteRefusal::InvoiceOpen | QuoteRefusal::MoneyOnItsWay
    ) {
        refusal.into()
    } else {
        // It did not stand against it when it was quoted.
        AcceptRefusal::Stale
    }
}

/// A provider told how the subscription stands: the pause or the resumption that it
/// was asked for is applied once it stands so.
pub(super) fn step_seen(draft: &mut Draft, id: SubscriptionId, at: Timestamp) {
    let Some(change) = draft.account.awaiting_change(id).cloned() else {
        return;
    };
    let Some(status) = draft.account.subscription(id).map(Subscription::status) else {
        return;
    };
    let stands = match change.quote.step {
        Step::Change | Step::Cancel => false,
        Step::Pause => status == Status::Paused,
        // Where its charge failed, it goes on owing.
        Step::Resume => matches!(status, Status::Active | Status::Trialing | Status::PastDue),
    };
    if stands {
        draft.account.put_change(Change {
            state: ChangeState::Applied { at },
            ..change
        });
    }
}
