//! The start of a subscription that the engine runs, or that nobody needs to.

use crate::catalog::{Billing, CatalogRevision};
use crate::checkout::Checkout;
use crate::customer::Account;
use crate::decide::license::issue;
use crate::decide::promise::{keep_promise, take_up_promise};
use crate::decide::settle::take_in;
use crate::decision::Draft;
use crate::ids::SubscriptionId;
use crate::invoice::{Invoice, InvoiceState, Issuer, Payment, Purpose, Unpayable};
use crate::journal::Event;
use crate::parked::ParkReason;
use crate::subscription::{PaidPeriod, Promise, Schedule, State, Subscription, Times};
use crate::time::{Period, Timestamp, shifted, shifted_back};

/// Makes the subscription that a completed checkout bought, beginning `at`.
/// `paid` is the payment, if one was due.
pub(super) fn start_subscription(
    draft: &mut Draft,
    checkout: &Checkout,
    paid: Option<Payment>,
    at: Timestamp,
    catalog: &CatalogRevision,
) {
    if draft.account.subscription(checkout.subscription).is_some() {
        return;
    }
    let Some((mut subscription, period)) = started(draft, checkout, at) else {
        draft.park(
            ParkReason::Conflict,
            format!(
                "checkout {} was paid, and its period lies outside the calendar",
                checkout.id
            ),
        );
        return;
    };
    let begins = period.map(|period| period.start);
    take_up_promise(&draft.account, &mut subscription, begins, catalog);
    park_if_duplicate(draft, &subscription);
    let id = subscription.id;
    if let Some(paid) = paid {
        record_purchase(draft, checkout, &subscription, period, paid);
    }
    draft.account.put_subscription(subscription);
    draft.note(Event::SubscriptionCreated, |entry| {
        entry.subscription = Some(id);
        entry.checkout = Some(checkout.id);
    });
    draft.note(Event::SubscriptionActivated, |entry| {
        entry.subscription = Some(id);
    });
    issue(draft, id);
    keep_promise(draft, id, catalog);
}

fn started(
    draft: &Draft,
    checkout: &Checkout,
    at: Timestamp,
) -> Option<(Subscription, Option<Period>)> {
    let terms = checkout.terms.clone();
    let (schedule, state, times, period) = match (terms.billing, terms.trial) {
        (Billing::Once, _) => (Schedule::Perpetual, State::Active, Times::default(), None),
        (Billing::Recurring(_), Some(trial)) => {
            let ends_at = shifted(at, trial);
            let schedule = engine(ends_at, 0);
            let times = paid_until(ends_at, shifted_back(ends_at, terms.lead));
            (
                schedule,
                State::Trialing {
                    ends_at,
                    noticed: false,
                },
                times,
                None,
            )
        }
        (Billing::Recurring(interval), None) => {
            let period = Period::at(at, interval, 0).ok()?;
            let next = if terms.renews {
                shifted_back(period.end, terms.lead)
            } else {
                period.end
            };
            (
                engine(at, 1),
                State::Active,
                paid_until(period.end, next),
                Some(period),
            )
        }
    };
    let paid = match period {
        Some(period) => {
            let rate = terms.priced(0).ok()?.rate;
            vec![PaidPeriod::new(period, rate).paid_by([checkout.invoice])]
        }
        None => Vec::new(),
    };
    let subscription = Subscription {
        id: checkout.subscription,
        customer: draft.account.customer.id,
        checkout: Some(checkout.id),
        terms,
        provider: checkout.provider.clone(),
        schedule,
        state,
        times,
        cancellation: None,
        scheduled: None,
        paid,
        promise: Promise::default(),
        replaced: None,
        reminded: None,
        held_before: Vec::new(),
        began_at: None,
        created_at: at,
        disputed: Vec::new(),
        went_on_at: None,
        imported: None,
        withheld: Vec::new(),
        short: None,
    };
    Some((subscription, period))
}

const fn engine(anchor: Timestamp, next_period: u32) -> Schedule {
    Schedule::Engine {
        anchor,
        next_period,
        cycle: 0,
        failures: 0,
        elapsed_months: 0,
        taken_back: 0,
    }
}

const fn paid_until(end: Timestamp, next_attempt: Timestamp) -> Times {
    Times {
        paid_through: Some(end),
        due_at: None,
        next_attempt_at: Some(next_attempt),
        grace_ends_at: None,
    }
}

fn record_purchase(
    draft: &mut Draft,
    checkout: &Checkout,
    subscription: &Subscription,
    period: Option<Period>,
    paid: Payment,
) {
    let (at, id) = (paid.at, checkout.invoice);
    let mut invoice = Invoice {
        subscription: Some(subscription.id),
        period,
        ..purchase_invoice(checkout, InvoiceState::Settled { at })
    };
    // What was set aside before is remembered.
    if let Some(known) = draft.account.invoice(id) {
        invoice.payments.clone_from(&known.payments);
        invoice.unconfirmed.clone_from(&known.unconfirmed);
        invoice.unclear.clone_from(&known.unclear);
        invoice.returned.clone_from(&known.returned);
        invoice.promised.clone_from(&known.promised);
    }
    take_in(draft, &mut invoice, &paid);
    invoice.payments.push(paid);
    let amount = invoice.amount;
    draft.account.put_invoice(invoice);
    draft.note(Event::InvoiceSettled, |entry| {
        entry.invoice = Some(id);
        entry.subscription = Some(subscription.id);
        entry.money = Some(amount);
    });
}

/// The invoice of a checkout that we price, as yet without payment and period.
pub(super) fn purchase_invoice(checkout: &Checkout, state: InvoiceState) -> Invoice {
    let recurring = matches!(checkout.terms.billing, Billing::Recurring(_));
    Invoice {
        id: checkout.invoice,
        purpose: if recurring {
            Purpose::Purchase
        } else {
            Purpose::OneTime
        },
        subscription: None,
        subscription_ref: None,
        checkout: Some(checkout.id),
        provider: checkout.provider.clone(),
        reference: None,
        issuer: Issuer::Engine,
        // The amount fitted when the checkout was begun.
        amount: checkout.owed_today().unwrap_or(checkout.terms.unit),
        lines: checkout
            .terms
            .priced(0)
            .map(|priced| priced.lines)
            .unwrap_or_default(),
        conversion: checkout.conversion.clone(),
        change: None,
        period: None,
        cycle: recurring.then_some(0),
        attempt: 1,
        pay_url: None,
        paged_at: None,
        unpayable: Unpayable::default(),
        unconfirmed: Vec::new(),
        awaited: Vec::new(),
        forgone: None,
        unclear: Vec::new(),
        said: Vec::new(),
        state,
        payments: Vec::new(),
        opened_at: checkout.created_at,
        returned: Vec::new(),
        promised: Vec::new(),
        failed: false,
        tried: None,
        tried_at: None,
        stalled: None,
    }
}

/// A second purchase beside one that lives, or one that comes back beside it, is
/// taken, since it is paid, and set aside so that a person can refund it. Where
/// either costs nothing, there is nothing to refund.
pub(super) fn park_if_duplicate(draft: &mut Draft, bought: &Subscription) {
    let now = draft.now();
    let other = charged_beside(&draft.account, Some(bought.id)).find(|held| held.gives_access(now));
    let other = other.filter(|_| is_charged(bought));
    let (Some(other), Some(checkout)) = (other, bought.checkout) else {
        return;
    };
    let evidence = format!(
        "subscription {} of checkout {checkout} was paid while subscription {} is live; \
         refund one of the two",
        bought.id, other.id
    );
    draft.park(ParkReason::Duplicate, evidence);
}

/// The customer's subscriptions beside this one, or all, that are charged again and not over.
pub(super) fn charged_beside(
    account: &Account,
    beside: Option<SubscriptionId>,
) -> impl Iterator<Item = &Subscription> {
    let others = account.subscriptions.iter();
    others.filter(move |held| Some(held.id) != beside && is_charged(held) && !held.is_over())
}

fn is_charged(held: &Subscription) -> bool {
    matches!(held.terms.billing, Billing::Recurring(_)) && !held.terms.unit.is_zero()
}
