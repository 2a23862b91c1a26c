//! Renewal: opening the invoice of the next cycle, where the engine runs the
//! schedule. What settles it is another decision.

use crate::catalog::{Billing, CatalogRevision, CatchUp};
use crate::decide::balance::{Drawn, draw, set_balance};
use crate::decide::change::run_out;
use crate::decide::credit::credit_cycle;
use crate::decide::promise::keep_promise;
use crate::decision::Draft;
use crate::effect::{CreateInvoice, EffectKey, Order};
use crate::ids::{InvoiceId, SubscriptionId};
use crate::invoice::{Invoice, InvoiceState, Issuer, Purpose, Unpayable};
use crate::journal::Event;
use crate::parked::ParkReason;
use crate::subscription::{NextCycle, Schedule, Subscription};
use crate::time::Timestamp;

/// Cycles skipped in one step at most; daily prices after a year's outage are
/// far below, and the rest follows with the next step.
const MAX_SKIPPED: u32 = 1_000;

/// Opens the next cycle's invoice and orders its creation at the provider.
/// Cycles that nobody could have paid, because no worker ran, are skipped
/// first, unless the catalog says that each is to be invoiced.
pub(super) fn open_cycle(
    draft: &mut Draft,
    mut subscription: Subscription,
    catalog: &CatalogRevision,
) {
    let now = draft.now();
    let skipped = match catalog.catalog.rules().catch_up {
        CatchUp::Current => skip_unpayable(&mut subscription, now),
        CatchUp::Each => 0,
    };
    note_skipped(draft, subscription.id, skipped);
    if skipped == MAX_SKIPPED {
        draft.account.put_subscription(subscription);
        return;
    }
    if skipped > 0 {
        // A cycle that was skipped uses up nothing of what was promised.
        let id = subscription.id;
        draft.account.put_subscription(subscription.clone());
        keep_promise(draft, id, catalog);
        subscription = draft
            .account
            .subscription(id)
            .cloned()
            .unwrap_or(subscription);
    }
    subscription.times.next_attempt_at = None;
    // Money that comes for a change after this belongs to another period.
    run_out(draft, subscription.id);
    let Some((next, drawn)) = next_invoice(draft, &subscription, catalog) else {
        set_aside(draft, subscription, "has no next period that fits");
        return;
    };
    let amount = drawn.owed;
    if subscription.provider.is_none() && !amount.is_zero() {
        let why = format!("owes {amount}, and has no provider to pay at");
        set_aside(draft, subscription, &why);
        return;
    }
    let attempt = opening(&mut subscription, next.number);
    let id: InvoiceId = draft.id();
    set_balance(draft, drawn.balance, Some(id), "renewal");
    let invoice = Invoice {
        id,
        purpose: Purpose::Renewal,
        subscription: Some(subscription.id),
        subscription_ref: None,
        checkout: None,
        provider: subscription.provider.clone(),
        reference: None,
        issuer: Issuer::Engine,
        amount,
        lines: drawn.lines,
        conversion: None,
        change: None,
        period: Some(next.period),
        cycle: Some(next.number),
        attempt,
        pay_url: None,
        paged_at: None,
        unpayable: Unpayable::default(),
        unconfirmed: Vec::new(),
        awaited: Vec::new(),
        forgone: None,
        unclear: Vec::new(),
        said: Vec::new(),
        state: InvoiceState::Open,
        payments: Vec::new(),
        opened_at: now,
        returned: Vec::new(),
        promised: Vec::new(),
        failed: false,
        tried: None,
        tried_at: None,
        stalled: None,
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
                subscription_ref: None,
                cycle: Some(next.number),
                description: catalog.catalog.billed_as(next.terms.plan.as_str()),
                amount,
            };
            let key = EffectKey::renewal(subscription.id, next.number, attempt);
            draft.order(key, Order::CreateInvoice(order));
            draft.account.put_subscription(subscription);
            draft.account.put_invoice(invoice);
        }
        // Nothing is owed: the cycle is paid as it opens, or as it begins where
        // nobody looked in time, and no provider is asked.
        _ => {
            let at = now.min(next.period.start);
            draft.account.put_subscription(subscription);
            draft.account.put_invoice(invoice.clone());
            credit_cycle(draft, invoice, None, at, catalog);
        }
    }
}

/// Keeps a subscription whose next cycle cannot be opened, and shows it to a person.
fn set_aside(draft: &mut Draft, subscription: Subscription, why: &str) {
    let evidence = format!("subscription {} {why}", subscription.id);
    draft.account.put_subscription(subscription);
    draft.park(ParkReason::Conflict, evidence);
}

/// The next cycle, judged at its start, and what it comes to.
fn next_invoice(
    draft: &Draft,
    subscription: &Subscription,
    catalog: &CatalogRevision,
) -> Option<(NextCycle, Drawn)> {
    let next = subscription.next_cycle()?;
    let priced = next.terms.priced(next.number).ok()?;
    let currency = priced.rate.currency;
    let minimum = catalog
        .catalog
        .rules()
        .minimum_charge
        .get(&currency)
        .copied();
    let balance = draft.account.customer.balance(currency);
    let drawn = draw(priced.lines, balance, minimum).ok()?;
    Some((next, drawn))
}

/// The cycle is opened; gives which try of its invoice this is.
fn opening(subscription: &mut Subscription, number: u32) -> u32 {
    let Schedule::Engine {
        cycle,
        failures,
        taken_back,
        ..
    } = &mut subscription.schedule
    else {
        return 1;
    };
    *cycle = number;
    *failures = 0;
    taken_back.saturating_add(1)
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
    let Some(mut hang) = subscription.hang() else {
        return 0;
    };
    let mut skipped: u32 = 0;
    while skipped < MAX_SKIPPED {
        let over = hang
            .period(interval)
            .is_some_and(|period| from < period.end && period.end <= until);
        if !over {
            break;
        }
        hang.index = hang.index.saturating_add(1);
        skipped = skipped.saturating_add(1);
    }
    subscription.set_hang(hang);
    if let Schedule::Engine { cycle, .. } = &mut subscription.schedule {
        *cycle = cycle.saturating_add(skipped);
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
