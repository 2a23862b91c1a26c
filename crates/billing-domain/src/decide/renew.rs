//! Renewal: opening the invoice of the next cycle, where the engine runs the
//! schedule. What settles it is another decision.

use crate::catalog::{Billing, CatchUp};
use crate::decide::settle::credit_cycle;
use crate::decision::Draft;
use crate::effect::{CreateInvoice, EffectKey, Order};
use crate::ids::{InvoiceId, SubscriptionId};
use crate::invoice::{Invoice, InvoiceState, Issuer, Purpose};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::subscription::{Schedule, Subscription};
use crate::time::{Period, Timestamp};

/// Cycles skipped in one step at most; daily prices after a year's outage are
/// far below, and the rest follows with the next step.
const MAX_SKIPPED: u32 = 1_000;

/// Opens the next cycle's invoice and orders its creation at the provider.
/// Cycles that nobody could have paid, because no worker ran, are skipped
/// first, unless the catalog says that each is to be invoiced.
pub(super) fn open_cycle(draft: &mut Draft, mut subscription: Subscription, catch_up: CatchUp) {
    let now = draft.now();
    let skipped = match catch_up {
        CatchUp::Current => skip_unpayable(&mut subscription, now),
        CatchUp::Each => 0,
    };
    note_skipped(draft, subscription.id, skipped);
    if skipped == MAX_SKIPPED {
        draft.account.put_subscription(subscription);
        return;
    }
    subscription.times.next_attempt_at = None;
    let Some((period, cycle, amount)) = next_cycle(&mut subscription) else {
        let evidence = format!(
            "subscription {} has no next period that fits",
            subscription.id
        );
        draft.account.put_subscription(subscription);
        draft.park(ParkReason::Conflict, evidence);
        return;
    };
    if subscription.provider.is_none() && !amount.is_zero() {
        let evidence = format!(
            "subscription {} owes {amount}, and has no provider to pay at",
            subscription.id
        );
        draft.account.put_subscription(subscription);
        draft.park(ParkReason::Conflict, evidence);
        return;
    }
    let id: InvoiceId = draft.id();
    let invoice = Invoice {
        id,
        purpose: Purpose::Renewal,
        subscription: Some(subscription.id),
        checkout: None,
        provider: subscription.provider.clone(),
        reference: None,
        issuer: Issuer::Engine,
        amount,
        period: Some(period),
        cycle: Some(cycle),
        attempt: 1,
        pay_url: None,
        state: InvoiceState::Open,
        payments: Vec::new(),
        opened_at: now,
    };
    draft.note(Event::InvoiceOpened, |entry| {
        entry.invoice = Some(id);
        entry.subscription = Some(subscription.id);
        entry.money = Some(amount);
    });
    match subscription.provider.clone() {
        Some(provider) if !amount.is_zero() => {
            let order = CreateInvoice {
                customer_ref: draft.account.reference_at(&provider).map(str::to_owned),
                provider,
                invoice: id,
                customer: subscription.customer,
                subscription: subscription.id,
                cycle,
                description: subscription.terms.plan.to_string(),
                amount,
            };
            let key = EffectKey::renewal(subscription.id, cycle, invoice.attempt);
            draft.order(key, Order::CreateInvoice(order));
            draft.account.put_subscription(subscription);
            draft.account.put_invoice(invoice);
        }
        // Nothing is owed: the cycle is paid as it opens, and no provider is asked.
        _ => {
            draft.account.put_subscription(subscription);
            draft.account.put_invoice(invoice.clone());
            credit_cycle(draft, invoice, None, period.start, catch_up);
        }
    }
}

/// Steps over cycles that ended while the engine should have invoiced them and
/// did not. One that ended before the engine could (its predecessor was paid
/// late) is the buyer's, and is invoiced. Gives how many.
fn skip_unpayable(subscription: &mut Subscription, now: Timestamp) -> u32 {
    let due = subscription.times.next_attempt_at.unwrap_or(now);
    skip_ended(subscription, due, now)
}

/// Steps over cycles that ended after `from`, when an invoice was wanted, and
/// not after `until`, when there was first a way to pay. Gives how many.
pub(super) fn skip_ended(
    subscription: &mut Subscription,
    from: Timestamp,
    until: Timestamp,
) -> u32 {
    let Billing::Recurring(interval) = subscription.terms.billing else {
        return 0;
    };
    let Schedule::Engine {
        anchor,
        next_period,
        cycle,
        ..
    } = &mut subscription.schedule
    else {
        return 0;
    };
    let mut skipped = 0;
    while skipped < MAX_SKIPPED {
        let over = Period::at(*anchor, interval, *next_period)
            .is_ok_and(|period| from < period.end && period.end <= until);
        if !over {
            break;
        }
        *next_period = next_period.saturating_add(1);
        *cycle = cycle.saturating_add(1);
        skipped = skipped.saturating_add(1);
    }
    skipped
}

/// Notes that cycles were skipped, if any were.
pub(super) fn note_skipped(draft: &mut Draft, id: SubscriptionId, skipped: u32) {
    if skipped > 0 {
        draft.note(Event::SubscriptionRenewalSkipped, |entry| {
            entry.subscription = Some(id);
            entry.note = Some(format!("{skipped} cycles skipped"));
        });
    }
}

/// The next period with its cycle number and what it costs.
fn next_cycle(subscription: &mut Subscription) -> Option<(Period, u32, Money)> {
    let Billing::Recurring(interval) = subscription.terms.billing else {
        return None;
    };
    let amount = subscription.terms.amount().ok()?;
    let Schedule::Engine {
        anchor,
        next_period,
        cycle,
        failures,
    } = &mut subscription.schedule
    else {
        return None;
    };
    let period = Period::at(*anchor, interval, *next_period).ok()?;
    *cycle = cycle.checked_add(1)?;
    *failures = 0;
    Some((period, *cycle, amount))
}
