//! Settling and voiding invoices of our own.
//!
//! Every function answers alike whether or not a worker has run in between:
//! what counts is the instant of the payment.

use crate::catalog::{Billing, CatchUp};
use crate::decide::renew::{note_skipped, skip_ended};
use crate::decide::start::park_if_duplicate;
use crate::decision::Draft;
use crate::effect::{EffectKey, Order};
use crate::ids::InvoiceId;
use crate::invoice::{Invoice, InvoiceState, Payment};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::subscription::{Schedule, State, Subscription};
use crate::time::{Period, Timestamp, shifted};

/// A payment for one of our invoices: exactly the amount settles it, more
/// settles it and sets the excess aside, less sets it aside whole.
pub(super) fn pay(
    draft: &mut Draft,
    id: InvoiceId,
    payment: &str,
    amount: Money,
    at: Timestamp,
    catch_up: CatchUp,
) {
    let Some(invoice) = draft.account.invoice(id).cloned() else {
        return;
    };
    if invoice.has_payment(payment) {
        return;
    }
    let paid = Payment {
        reference: payment.to_owned(),
        amount,
        at,
        credited: false,
    };
    if let Err((reason, evidence)) = creditable(&invoice, amount) {
        set_aside(draft, invoice, paid, reason, evidence);
        return;
    }
    let excess = amount
        .checked_sub(invoice.amount)
        .ok()
        .filter(|rest| !rest.is_zero());
    if !credit_cycle(draft, invoice, Some(paid), at, catch_up) {
        return;
    }
    if let Some(excess) = excess {
        draft.note(Event::InvoiceAmountMismatch, |entry| {
            entry.invoice = Some(id);
            entry.money = Some(excess);
        });
        let evidence =
            format!("payment {payment} for invoice {id} is {excess} above what was owed");
        draft.park(ParkReason::AmountMismatch, evidence);
    }
}

fn creditable(invoice: &Invoice, amount: Money) -> Result<(), (ParkReason, String)> {
    let id = invoice.id;
    match invoice.state {
        InvoiceState::Settled { .. } => {
            return Err((
                ParkReason::LatePayment,
                format!("invoice {id} had been paid before"),
            ));
        }
        InvoiceState::Void { .. } => {
            return Err((
                ParkReason::LatePayment,
                format!("invoice {id} had been voided"),
            ));
        }
        InvoiceState::Open => {}
    }
    let owed = invoice.amount;
    if amount.currency != owed.currency {
        let evidence = format!("invoice {id} owes {owed}, and {amount} was paid");
        return Err((ParkReason::CurrencyMismatch, evidence));
    }
    if amount.amount < owed.amount {
        let evidence = format!("invoice {id} owes {owed}, and only {amount} was paid");
        return Err((ParkReason::AmountMismatch, evidence));
    }
    Ok(())
}

fn set_aside(
    draft: &mut Draft,
    mut invoice: Invoice,
    paid: Payment,
    reason: ParkReason,
    evidence: String,
) {
    let (id, amount) = (invoice.id, paid.amount);
    invoice.payments.push(paid);
    draft.account.put_invoice(invoice);
    if matches!(
        reason,
        ParkReason::AmountMismatch | ParkReason::CurrencyMismatch
    ) {
        draft.note(Event::InvoiceAmountMismatch, |entry| {
            entry.invoice = Some(id);
            entry.money = Some(amount);
        });
    }
    draft.park(reason, evidence);
}

/// Settles a renewal's invoice and moves its subscription; `paid` is `None`
/// where nothing was owed. `false`: it came too late, and was set aside.
pub(super) fn credit_cycle(
    draft: &mut Draft,
    mut invoice: Invoice,
    paid: Option<Payment>,
    at: Timestamp,
    catch_up: CatchUp,
) -> bool {
    let id = invoice.id;
    let held = invoice
        .subscription
        .and_then(|held| draft.account.subscription(held).cloned());
    let (Some(subscription), Some(period)) = (held, invoice.period) else {
        let evidence = format!("invoice {id} was paid, and belongs to no subscription and period");
        if let Some(paid) = paid {
            set_aside(draft, invoice, paid, ParkReason::Conflict, evidence);
        }
        return false;
    };
    let gave_access = subscription.gives_access(at);
    let first_link = subscription.times.due_at;
    let Some((mut renewed, period)) = renewed(subscription, period, at) else {
        let evidence = format!("invoice {id} was paid when its subscription could not come back");
        if let Some(paid) = paid {
            set_aside(draft, invoice, paid, ParkReason::LatePayment, evidence);
        }
        return false;
    };
    let amount = invoice.amount;
    invoice.period = Some(period);
    invoice.state = InvoiceState::Settled { at };
    invoice.payments.extend(paid.map(|paid| Payment {
        credited: true,
        ..paid
    }));
    // What ended while the provider owed us a link, nobody could have paid.
    let skipped = match (catch_up, first_link) {
        (CatchUp::Current, Some(link)) => skip_ended(&mut renewed, invoice.opened_at, link),
        (CatchUp::Current | CatchUp::Each, _) => 0,
    };
    let subscription = renewed.id;
    if !gave_access {
        park_if_duplicate(draft, &renewed);
    }
    draft.account.put_invoice(invoice);
    draft.account.put_subscription(renewed);
    draft.note(Event::InvoiceSettled, |entry| {
        entry.invoice = Some(id);
        entry.subscription = Some(subscription);
        entry.money = Some(amount);
    });
    if !gave_access {
        draft.note(Event::SubscriptionActivated, |entry| {
            entry.subscription = Some(subscription);
        });
    }
    draft.note(Event::SubscriptionRenewed, |entry| {
        entry.subscription = Some(subscription);
        entry.invoice = Some(id);
        entry.note = Some(period.end.to_string());
    });
    note_skipped(draft, subscription, skipped);
    true
}

/// The subscription with `period` paid at `at`, and the period as it really is:
/// after a lapse it begins with the payment. `None`: it cannot come back.
fn renewed(
    mut subscription: Subscription,
    period: Period,
    at: Timestamp,
) -> Option<(Subscription, Period)> {
    let Billing::Recurring(interval) = subscription.terms.billing else {
        return None;
    };
    let lapsed_at = match subscription.state {
        State::Lapsed { at: lapsed } => Some(lapsed),
        State::PastDue { .. } | State::Active | State::Trialing { .. } => {
            subscription.times.grace_ends_at
        }
        State::Incomplete
        | State::Paused { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => return None,
    };
    let came_back_late = lapsed_at.filter(|lapsed| *lapsed <= at);
    if came_back_late.is_some_and(|lapsed| at > shifted(lapsed, subscription.terms.rejoin)) {
        return None;
    }
    let Schedule::Engine {
        anchor,
        next_period,
        failures,
        ..
    } = &mut subscription.schedule
    else {
        return None;
    };
    let period = if came_back_late.is_some() {
        *anchor = at;
        *next_period = 1;
        Period::at(at, interval, 0).ok()?
    } else {
        *next_period = next_period.checked_add(1)?;
        period
    };
    *failures = 0;
    subscription.state = State::Active;
    subscription.times.paid_through = Some(period.end);
    subscription.times.due_at = None;
    subscription.times.grace_ends_at = None;
    // Not before this payment: a cycle that ended while its predecessor waited
    // to be paid was held up by the buyer, and is not one that nobody could pay.
    subscription.times.next_attempt_at = subscription
        .next_attempt(period.end)
        .map(|next| next.max(at));
    Some((subscription, period))
}

/// Voids the open renewal invoice of a subscription, if it has one, and orders
/// the same of the provider. Its due date goes with it; the caller puts
/// `held` back.
pub(super) fn void_open_invoice(draft: &mut Draft, held: &mut Subscription) {
    held.times.due_at = None;
    held.times.grace_ends_at = None;
    let subscription = held.id;
    let Some(invoice) = draft.account.open_invoice(subscription).cloned() else {
        return;
    };
    let (id, at) = (invoice.id, draft.now());
    if let Some(provider) = invoice.provider.clone() {
        let reference = invoice.reference.clone();
        let key = EffectKey::void(id, invoice.attempt);
        draft.order(
            key,
            Order::VoidInvoice {
                provider,
                invoice: id,
                reference,
            },
        );
    }
    draft.account.put_invoice(Invoice {
        state: InvoiceState::Void { at },
        ..invoice
    });
    draft.note(Event::InvoiceVoided, |entry| {
        entry.invoice = Some(id);
        entry.subscription = Some(subscription);
    });
}
