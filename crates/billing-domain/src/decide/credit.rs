//! Crediting a cycle: its invoice is settled, and its subscription goes on with the period
//! that was paid. Knows nothing of how much came, and at which rate.

use crate::catalog::{Billing, CatalogRevision, CatchUp};
use crate::change::ChangeState;
use crate::decide::change::{end_awaiting, take_effect};
use crate::decide::license::extend;
use crate::decide::promise::{count_cycle, keep_promise, rejoin_window};
use crate::decide::renew::{note_skipped, skip_ended};
use crate::decide::settle::{listed, set_aside};
use crate::decide::start::park_if_duplicate;
use crate::decision::Draft;
use crate::invoice::{Invoice, InvoiceState, Payment};
use crate::journal::Event;
use crate::line::sum;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::subscription::{Hang, PaidPeriod, Schedule, State, Subscription};
use crate::time::{Period, Timestamp, shifted};

/// Settles a renewal's invoice and moves its subscription; `paid` is `None`
/// where nothing was owed. `false`: it came too late, and was set aside.
pub(super) fn credit_cycle(
    draft: &mut Draft,
    mut invoice: Invoice,
    paid: Option<Payment>,
    at: Timestamp,
    catalog: &CatalogRevision,
) -> bool {
    let id = invoice.id;
    // What was to hold at this instant holds, whether or not anybody looked.
    if let Some(held) = invoice.subscription {
        take_effect(draft, held, at, catalog);
    }
    let held = invoice
        .subscription
        .and_then(|held| draft.account.subscription(held).cloned());
    let (Some(subscription), Some(period)) = (held, invoice.period) else {
        let evidence = format!("invoice {id} was paid, and belongs to no subscription and period");
        not_credited(draft, invoice, paid, ParkReason::Conflict, evidence);
        return false;
    };
    let gave_access = subscription.gives_access(at);
    let first_link = subscription.times.due_at;
    let Some((mut renewed, period)) = renewed(subscription, &invoice, period, at, catalog) else {
        let evidence = format!("invoice {id} was paid when its subscription could not come back");
        not_credited(draft, invoice, paid, ParkReason::LatePayment, evidence);
        return false;
    };
    let amount = invoice.amount;
    invoice.period = Some(period);
    invoice.state = InvoiceState::Settled { at };
    invoice.awaited.clear();
    invoice.payments.extend(paid.map(|paid| Payment {
        credited: true,
        ..paid
    }));
    // What ended while the provider owed us a link, nobody could have paid.
    let skipped = match (catalog.catalog.rules().catch_up, first_link) {
        (CatchUp::Current, Some(link)) => skip_ended(&mut renewed, invoice.opened_at, link),
        (CatchUp::Current | CatchUp::Each, _) => 0,
    };
    let subscription = renewed.id;
    if !gave_access {
        park_if_duplicate(draft, &renewed);
    }
    draft.account.put_invoice(invoice);
    draft.account.put_subscription(renewed);
    // It was priced from what was paid before.
    end_awaiting(draft, subscription, |at| ChangeState::Canceled { at });
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
    extend(draft, subscription);
    keep_promise(draft, subscription, catalog);
    true
}

/// What was paid, if anything, credits no cycle: it is set aside.
fn not_credited(
    draft: &mut Draft,
    invoice: Invoice,
    paid: Option<Payment>,
    reason: ParkReason,
    evidence: String,
) {
    if let Some(paid) = paid {
        let worth = listed(&invoice, paid.amount);
        set_aside(draft, invoice, (paid, worth), reason, evidence);
    }
}

/// The subscription with `period` paid at `at`, and the period as it really is:
/// after a lapse it begins with the payment. `None`: it cannot come back.
fn renewed(
    mut subscription: Subscription,
    invoice: &Invoice,
    period: Period,
    at: Timestamp,
    catalog: &CatalogRevision,
) -> Option<(Subscription, Period)> {
    let Billing::Recurring(interval) = subscription.terms_for(period.start).billing else {
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
    let rejoin = rejoin_window(&subscription, catalog);
    if came_back_late.is_some_and(|lapsed| at > shifted(lapsed, rejoin)) {
        return None;
    }
    let next = subscription.next_cycle()?;
    let as_agreed = came_back_late.is_some() || next.period == period;
    let (hang, period) = if came_back_late.is_some() {
        (Hang::on(at), Period::at(at, interval, 0).ok()?)
    } else if as_agreed {
        (next.hang, period)
    } else {
        // Invoiced before its terms became others; the next period follows it.
        (Hang::on(period.start), period)
    };
    subscription.set_hang(Hang {
        index: hang.index.checked_add(1)?,
        ..hang
    });
    let Schedule::Engine {
        failures,
        taken_back,
        ..
    } = &mut subscription.schedule
    else {
        return None;
    };
    *failures = 0;
    *taken_back = 0;
    subscription.paid.retain(|paid| paid.period.end > at);
    let rate = rate_of(invoice);
    let paid = PaidPeriod::new(period, rate).paid_by([invoice.id]);
    subscription
        .paid
        .push(if as_agreed { paid.of(interval) } else { paid });
    count_cycle(&mut subscription, period.start, catalog);
    subscription.begin_paid(at);
    subscription.state = State::Active;
    subscription.times.paid_through = Some(period.end);
    subscription.times.due_at = None;
    subscription.times.grace_ends_at = None;
    subscription.reminded = None;
    if let Some(to_come) = &mut subscription.cancellation {
        // It waited for this, and ends with what is paid.
        to_come.ends_at = period.end;
    }
    // Not before this payment: a cycle that ended while its predecessor waited
    // to be paid was held up by the buyer, and is not one that nobody could pay.
    subscription.times.next_attempt_at = subscription
        .next_attempt(period.end)
        .map(|next| next.max(at));
    Some((subscription, period))
}

/// What the cycle of an invoice was charged, before the balance was drawn on.
fn rate_of(invoice: &Invoice) -> Money {
    let own = invoice
        .lines
        .iter()
        .filter(|line| !line.kind.is_of_balance());
    if invoice.lines.is_empty() {
        return invoice.amount;
    }
    sum(own, invoice.amount.currency).unwrap_or(invoice.amount)
}
