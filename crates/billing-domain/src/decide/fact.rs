//! Applying a fact: what a provider said happened.
//!
//! A fact that is known, or older than what is known, changes nothing; so facts
//! may come late, twice and in any order.

use crate::catalog::CatalogRevision;
use crate::checkout::{Checkout, CheckoutState};
use crate::customer::AtProvider;
use crate::decide::mirror::{mirror_invoice, mirror_subscription};
use crate::decide::settle::pay;
use crate::decide::start::{purchase_invoice, start_subscription};
use crate::decision::Draft;
use crate::fact::{About, CheckoutPayment, Fact, Observed};
use crate::ids::{CheckoutId, EffectId, InvoiceId};
use crate::invoice::{InvoiceState, Payment};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::provider::{ProviderAccount, ProviderRef};
use crate::subscription::Schedule;
use crate::time::{Timestamp, shifted};

/// What became of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is decided; it may have changed something.
    Decided,
    /// Two facts of one instant contradict each other: read the object, and
    /// decide on what it says.
    Read(ProviderRef),
    /// It is about nothing that this customer has.
    Unlinked,
}

/// Applies one fact that `account` told.
pub fn apply_fact(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
    catalog: &CatalogRevision,
) -> Verdict {
    let at = observed.at;
    match &observed.fact {
        Fact::CheckoutOpened {
            checkout,
            reference,
            url,
            expires_at,
        } => opened(draft, *checkout, reference, url, *expires_at),
        Fact::CheckoutCompleted {
            checkout,
            reference,
            payment,
            customer_ref,
        } => {
            know_customer(draft, account, customer_ref.as_deref());
            completed(draft, *checkout, reference, payment, at)
        }
        Fact::CheckoutEnded {
            checkout,
            reference,
            canceled,
        } => ended(draft, *checkout, reference, *canceled, at),
        Fact::SubscriptionSeen(snapshot) => {
            know_customer(draft, account, snapshot.customer_ref.as_deref());
            mirror_subscription(draft, account, observed, snapshot, catalog)
        }
        Fact::ProviderInvoiceSeen { .. } => mirror_invoice(draft, account, observed),
        Fact::InvoiceOpened {
            invoice,
            reference,
            pay_url,
        } => invoice_opened(draft, *invoice, reference, pay_url, at),
        Fact::InvoicePaid {
            invoice,
            payment,
            amount,
        } => {
            if draft.account.invoice(*invoice).is_none() {
                return Verdict::Unlinked;
            }
            pay(draft, *invoice, payment, *amount, at);
            Verdict::Decided
        }
        Fact::PaymentFailed { invoice, reason } => payment_failed(draft, *invoice, reason),
        Fact::Refused {
            effect,
            about,
            code,
        } => refused(draft, *effect, *about, code, at),
        Fact::GivenUp { effect, about } => given_up(draft, *effect, *about, at),
        Fact::Done { .. } | Fact::Irrelevant => Verdict::Decided,
    }
}

/// The provider's name for this customer is remembered the first time it is told.
fn know_customer(draft: &mut Draft, account: &ProviderAccount, reference: Option<&str>) {
    let Some(reference) = reference else { return };
    if draft.account.reference_at(account).is_none() {
        draft.account.customer.at_providers.push(AtProvider {
            account: account.clone(),
            reference: reference.to_owned(),
        });
    }
}

fn opened(
    draft: &mut Draft,
    id: CheckoutId,
    reference: &str,
    url: &str,
    expires_at: Timestamp,
) -> Verdict {
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    let state = match checkout.state {
        CheckoutState::Opening => CheckoutState::Open {
            url: url.to_owned(),
            reference: reference.to_owned(),
        },
        // Told late: only when the page closes is news.
        further @ (CheckoutState::Open { .. }
        | CheckoutState::Pending { .. }
        | CheckoutState::Completed { .. }
        | CheckoutState::Expired { .. }
        | CheckoutState::Canceled { .. }) => further,
    };
    let expires_at = expires_at.min(checkout.expires_at);
    draft.account.put_checkout(Checkout {
        state,
        expires_at,
        ..checkout
    });
    Verdict::Decided
}

fn completed(
    draft: &mut Draft,
    id: CheckoutId,
    reference: &str,
    payment: &CheckoutPayment,
    at: Timestamp,
) -> Verdict {
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    if let CheckoutState::Completed { .. } = checkout.state {
        if let CheckoutPayment::Paid { payment, amount } = payment {
            paid_again(draft, &checkout, payment, *amount, at);
        }
        return Verdict::Decided;
    }
    let reference = reference.to_owned();
    let paid = match payment {
        CheckoutPayment::Unpaid => {
            // What has ended is not reopened by a promise to pay.
            if checkout.is_open() {
                let state = CheckoutState::Pending { reference };
                draft.account.put_checkout(Checkout { state, ..checkout });
            }
            return Verdict::Decided;
        }
        CheckoutPayment::NotRequired => None,
        CheckoutPayment::Paid { payment, amount } => Some(Payment {
            reference: payment.clone(),
            amount: *amount,
            at,
            credited: true,
        }),
    };
    let excess = match excess(&checkout, paid.as_ref()) {
        Ok(excess) => excess,
        Err((reason, evidence)) => {
            hold(draft, checkout, reference, paid, (reason, evidence));
            return Verdict::Decided;
        }
    };
    // A checkout that had expired or been given up here is honored all the
    // same: nobody's money is taken for nothing.
    let state = CheckoutState::Completed {
        at,
        reference: Some(reference),
    };
    let checkout = Checkout { state, ..checkout };
    draft.account.put_checkout(checkout.clone());
    draft.note(Event::CheckoutCompleted, |entry| entry.checkout = Some(id));
    if checkout.starts_here() {
        let paid = paid.filter(|paid| !paid.amount.is_zero());
        start_subscription(draft, &checkout, paid, at);
    }
    if let Some(excess) = excess {
        draft.note(Event::InvoiceAmountMismatch, |entry| {
            entry.checkout = Some(id);
            entry.money = Some(excess);
        });
        let evidence = format!("checkout {id} was paid {excess} above what was owed");
        draft.park(ParkReason::AmountMismatch, evidence);
    }
    Verdict::Decided
}

/// What was paid above what is owed today, if anything; an error when it is not
/// enough. What the provider prices is its own business (it may add tax, and
/// convert).
fn excess(
    checkout: &Checkout,
    paid: Option<&Payment>,
) -> Result<Option<Money>, (ParkReason, String)> {
    let (false, Ok(owed)) = (checkout.owns_schedule, checkout.owed_today()) else {
        return Ok(None);
    };
    let paid = paid.map_or_else(|| Money::zero(owed.currency), |paid| paid.amount);
    let wrong = |reason| {
        let evidence = format!("checkout {} costs {owed}, and {paid} was paid", checkout.id);
        Err((reason, evidence))
    };
    match paid.checked_sub(owed) {
        Ok(rest) if rest.amount < 0 => wrong(ParkReason::AmountMismatch),
        Ok(rest) => Ok(Some(rest).filter(|rest| !rest.is_zero())),
        Err(_) if paid.currency == owed.currency => wrong(ParkReason::AmountMismatch),
        Err(_) => wrong(ParkReason::CurrencyMismatch),
    }
}

/// Sets a payment aside that is not what the checkout costs. Its invoice, open
/// from now on, remembers it: told again, it is nothing new.
fn hold(
    draft: &mut Draft,
    checkout: Checkout,
    reference: String,
    paid: Option<Payment>,
    (reason, evidence): (ParkReason, String),
) {
    let known = draft.account.invoice(checkout.invoice);
    let seen = known.is_some_and(|known| {
        paid.as_ref()
            .is_none_or(|paid| known.has_payment(&paid.reference))
    });
    if seen {
        return;
    }
    let (id, amount) = (checkout.id, paid.as_ref().map(|paid| paid.amount));
    let mut invoice = known
        .cloned()
        .unwrap_or_else(|| purchase_invoice(&checkout, InvoiceState::Open));
    invoice.payments.extend(paid.map(|paid| Payment {
        credited: false,
        ..paid
    }));
    draft.account.put_invoice(invoice);
    if checkout.is_open() {
        let state = CheckoutState::Pending { reference };
        draft.account.put_checkout(Checkout { state, ..checkout });
    }
    draft.note(Event::InvoiceAmountMismatch, |entry| {
        entry.checkout = Some(id);
        entry.money = amount;
    });
    draft.park(reason, evidence);
}

/// A second payment of a checkout that is paid; the same one told again is nothing.
fn paid_again(draft: &mut Draft, checkout: &Checkout, payment: &str, amount: Money, at: Timestamp) {
    let Some(invoice) = draft.account.invoice(checkout.invoice) else {
        return;
    };
    if !invoice.has_payment(payment) {
        pay(draft, checkout.invoice, payment, amount, at);
    }
}

fn ended(
    draft: &mut Draft,
    id: CheckoutId,
    reference: &str,
    canceled: bool,
    at: Timestamp,
) -> Verdict {
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    if checkout.is_open() {
        let reference = Some(reference.to_owned());
        let (state, event) = if canceled {
            (
                CheckoutState::Canceled { at, reference },
                Event::CheckoutCanceled,
            )
        } else {
            (
                CheckoutState::Expired { at, reference },
                Event::CheckoutExpired,
            )
        };
        draft.account.put_checkout(Checkout { state, ..checkout });
        draft.note(event, |entry| entry.checkout = Some(id));
    }
    Verdict::Decided
}

/// The buyer can pay now. The first link of a cycle sets its due date, once.
fn invoice_opened(
    draft: &mut Draft,
    id: InvoiceId,
    reference: &str,
    pay_url: &str,
    at: Timestamp,
) -> Verdict {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return Verdict::Unlinked;
    };
    if invoice.reference.is_some() {
        return Verdict::Decided;
    }
    invoice.reference = Some(reference.to_owned());
    invoice.pay_url = Some(pay_url.to_owned());
    let open = invoice.is_open();
    let subscription = invoice.subscription;
    let amount = invoice.amount;
    draft.account.put_invoice(invoice);
    let held = subscription.and_then(|held| draft.account.subscription(held).cloned());
    let Some(mut held) = held.filter(|_| open) else {
        return Verdict::Decided;
    };
    if held.times.due_at.is_none() {
        let due_at = held.times.paid_through.map_or(at, |end| end.max(at));
        held.times.due_at = Some(due_at);
        // Status is not access: what is cut when due can still be paid in grace.
        held.times.grace_ends_at = Some(shifted(due_at, held.terms.grace));
    }
    let id_of_held = held.id;
    draft.account.put_subscription(held);
    draft.note(Event::SubscriptionRenewalPending, |entry| {
        entry.subscription = Some(id_of_held);
        entry.invoice = Some(id);
        entry.money = Some(amount);
        entry.note = Some(pay_url.to_owned());
    });
    Verdict::Decided
}

fn payment_failed(draft: &mut Draft, id: InvoiceId, reason: &str) -> Verdict {
    let Some(invoice) = draft.account.invoice(id) else {
        return Verdict::Unlinked;
    };
    if !invoice.is_open() {
        return Verdict::Decided;
    }
    let subscription = invoice.subscription;
    let held = subscription.and_then(|held| draft.account.subscription(held).cloned());
    if let Some(mut held) = held {
        if let Schedule::Engine { failures, .. } = &mut held.schedule {
            *failures = failures.saturating_add(1);
        }
        draft.account.put_subscription(held);
    }
    draft.note(Event::SubscriptionRenewalFailed, |entry| {
        entry.subscription = subscription;
        entry.invoice = Some(id);
        entry.note = Some(reason.to_owned());
    });
    Verdict::Decided
}

fn refused(
    draft: &mut Draft,
    effect: EffectId,
    about: About,
    code: &str,
    at: Timestamp,
) -> Verdict {
    if let About::Checkout(id) = about {
        return give_up_checkout(draft, id, at);
    }
    draft.park_effect(
        ParkReason::ProviderRefused,
        effect,
        format!("the provider said {code}"),
    );
    Verdict::Decided
}

/// The last attempt failed, and nobody knows the outcome: a person is needed.
/// The buyer's grace does not begin, since there is no pay link.
fn given_up(draft: &mut Draft, effect: EffectId, about: About, at: Timestamp) -> Verdict {
    let stalled = match about {
        About::Checkout(id) => return give_up_checkout(draft, id, at),
        About::Invoice(id) => draft
            .account
            .invoice(id)
            .filter(|invoice| invoice.is_open() && invoice.pay_url.is_none()),
        About::Other => None,
    };
    if let Some((id, subscription)) = stalled.map(|invoice| (invoice.id, invoice.subscription)) {
        draft.note(Event::SubscriptionRenewalStalled, |entry| {
            entry.subscription = subscription;
            entry.invoice = Some(id);
        });
    }
    let evidence = "every attempt to reach the provider failed".to_owned();
    draft.park_effect(ParkReason::AttemptsExhausted, effect, evidence);
    Verdict::Decided
}

/// A page that was never made, or that closed: the buyer was told so at once.
fn give_up_checkout(draft: &mut Draft, id: CheckoutId, at: Timestamp) -> Verdict {
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    if matches!(checkout.state, CheckoutState::Opening) {
        let state = CheckoutState::Canceled {
            at,
            reference: None,
        };
        draft.account.put_checkout(Checkout { state, ..checkout });
        draft.note(Event::CheckoutCanceled, |entry| entry.checkout = Some(id));
    }
    Verdict::Decided
}
