//! Applying a fact: what a provider said happened.
//!
//! A fact that is known, or older than what is known, changes nothing; so facts
//! may come late, twice and in any order.

use crate::catalog::CatalogRevision;
use crate::checkout::CheckoutState;
use crate::customer::AtProvider;
use crate::decide::books::mirror_invoice;
use crate::decide::change::fail_change;
use crate::decide::claim::make_claim;
use crate::decide::denied::{payment_denied, payment_unconfirmed, unclear};
use crate::decide::mirror::mirror_subscription;
use crate::decide::ordered::{Finished, finished, names_its_buyer};
use crate::decide::page::{Page, ended, give_up_checkout, opened};
use crate::decide::pending::{
    await_no_more, due_by, invoice_closed, payable_again, payment_pending,
};
use crate::decide::refund::{follow_returns, return_seen, returns_before};
use crate::decide::refund_failed::{fail_promise, give_up_promise};
use crate::decide::remind::owed;
use crate::decide::settle::{Received, pay};
use crate::decide::stalled::stall;
use crate::decide::uncancel::uncancel_failed;
use crate::decide::upheld::{Word, follow_words, payment_reversed, payment_upheld};
use crate::decide::usage::carry_usage;
use crate::decision::Draft;
use crate::effect::{EffectKey, Order};
use crate::fact::{About, Fact, Observed};
use crate::ids::{ChangeId, CheckoutId, EffectId, InvoiceId};
use crate::invoice::{Conversion, Invoice, InvoiceState, Purpose};
use crate::journal::Event;
use crate::parked::ParkReason;
use crate::provider::{ProviderAccount, ProviderRef, RefKind};
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
    let before = returns_before(&draft.account);
    let verdict = apply(draft, account, observed, catalog);
    // What went back may have been told before what it was paid for.
    follow_returns(draft, &before);
    verdict
}

fn apply(
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
            conversion,
            customer_ref,
        } => {
            know_customer(draft, account, customer_ref.as_deref(), Some(at));
            let page = Page {
                reference,
                url,
                expires_at: *expires_at,
                conversion: conversion.as_ref(),
            };
            opened(draft, *checkout, &page)
        }
        Fact::CheckoutCompleted {
            checkout,
            reference,
            payment,
            customer_ref,
            email,
            sold,
        } => {
            let told = Finished {
                checkout: *checkout,
                reference,
                payment,
                sold: sold.as_ref(),
                at,
            };
            let ours = draft.account.checkout(*checkout);
            let ours = ours.is_none_or(|ours| names_its_buyer(ours, &told));
            if ours {
                know_customer(draft, account, customer_ref.as_deref(), Some(at));
            }
            let verdict = finished(draft, &told, catalog);
            if ours {
                make_claim(draft, *checkout, email.as_deref());
            }
            verdict
        }
        Fact::CheckoutEnded {
            checkout,
            reference,
            canceled,
        } => ended(draft, *checkout, reference, *canceled, at),
        Fact::SubscriptionSeen(snapshot) => {
            know_customer(draft, account, snapshot.customer_ref.as_deref(), None);
            mirror_subscription(draft, account, observed, snapshot, catalog)
        }
        Fact::ProviderInvoiceSeen { .. } => mirror_invoice(draft, account, observed),
        Fact::InvoiceOpened { .. } | Fact::PaymentPending { .. } | Fact::InvoiceClosed { .. } => {
            page_read(draft, account, observed, catalog)
        }
        Fact::InvoicePaid { .. } => invoice_paid(draft, account, observed, catalog),
        Fact::PaymentFailed { invoice, reason } => payment_failed(draft, *invoice, reason),
        Fact::ChargeFailed { invoice, reason } => charge_failed(draft, *invoice, reason),
        Fact::PaymentReversed { payment, of } => {
            payment_reversed(draft, account, Word::said(payment, *of, at))
        }
        Fact::PaymentUpheld { payment, of } => {
            payment_upheld(draft, account, Word::said(payment, *of, at))
        }
        Fact::PaymentDenied {
            of,
            payment,
            amount,
        } => payment_denied(draft, *of, payment, *amount, at),
        Fact::PaymentUnconfirmed { of, page, amount } => {
            payment_unconfirmed(draft, *of, page, *amount, at)
        }
        Fact::Unclear { of, object, what } => unclear(draft, *of, object, what, at),
        Fact::Refused {
            effect,
            about,
            code,
        } => refused(draft, *effect, *about, code, at),
        Fact::GivenUp { effect, about } => given_up(draft, *effect, *about, at),
        Fact::Hinted { object } => Verdict::Read(object.clone()),
        Fact::RefundSeen(_) | Fact::DisputeSeen(_) => return_seen(draft, account, observed),
        Fact::Unreadable { object, why } => unreadable(draft, object, why, at),
        Fact::Done { .. } | Fact::Irrelevant => Verdict::Decided,
    }
}

/// How a page of an invoice of ours stood when it was looked at.
fn page_read(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
    catalog: &CatalogRevision,
) -> Verdict {
    let at = observed.at;
    if let Fact::InvoiceOpened {
        invoice,
        reference,
        pay_url,
        conversion,
    } = &observed.fact
    {
        let made = Made {
            reference,
            pay_url: pay_url.as_deref(),
            conversion: conversion.as_ref(),
        };
        return invoice_opened(draft, *invoice, &made, at, catalog);
    }
    if let Fact::PaymentPending {
        invoice,
        until,
        seen,
    } = observed.fact
    {
        let page = page_of(observed, account);
        return payment_pending(draft, invoice, page, (until, seen), at);
    }
    if let Fact::InvoiceClosed {
        invoice,
        reference,
        read_at,
    } = &observed.fact
    {
        return invoice_closed(draft, *invoice, reference, at, *read_at, catalog);
    }
    Verdict::Decided
}

/// It is there, and says what is not understood here: a person looks, and has it read
/// again once it is.
fn unreadable(draft: &mut Draft, object: &ProviderRef, why: &str, at: Timestamp) -> Verdict {
    draft.park_unread(ParkReason::Unreadable, object.clone(), at, why.to_owned());
    Verdict::Decided
}

fn invoice_paid(
    draft: &mut Draft,
    account: &ProviderAccount,
    observed: &Observed,
    catalog: &CatalogRevision,
) -> Verdict {
    let Fact::InvoicePaid {
        invoice,
        payment,
        amount,
        conversion,
        parts,
    } = &observed.fact
    else {
        return Verdict::Decided;
    };
    if draft.account.invoice(*invoice).is_none() {
        return Verdict::Unlinked;
    }
    let received = Received {
        payment: payment.clone(),
        amount: *amount,
        conversion: conversion.clone(),
        parts: parts.clone(),
        page: page_of(observed, account),
        at: observed.at,
    };
    pay(draft, *invoice, &received, catalog);
    follow_words(draft, account, *invoice);
    Verdict::Decided
}

/// The provider's name for this customer is remembered. One who was deleted over
/// there buys again as another: what the newest checkout told, at `told_at`, counts.
/// `None`: something else than a checkout told it.
fn know_customer(
    draft: &mut Draft,
    account: &ProviderAccount,
    reference: Option<&str>,
    told_at: Option<Timestamp>,
) {
    let Some(reference) = reference else { return };
    let told = AtProvider {
        account: account.clone(),
        reference: reference.to_owned(),
        told_at,
    };
    let known = &mut draft.account.customer.at_providers;
    match known.iter_mut().find(|held| held.account == *account) {
        None => known.push(told),
        Some(held) if told_at > held.told_at => *held = told,
        Some(_) => {}
    }
}

/// The provider's name of the page that this is told of. `None`: it is not said.
fn page_of(observed: &Observed, account: &ProviderAccount) -> Option<String> {
    let mut named = observed.link.refs.iter();
    let page = named.find(|named| named.kind == RefKind::Invoice && named.account == *account);
    page.map(|page| page.id.clone())
}

/// An invoice as the provider made it.
struct Made<'a> {
    reference: &'a str,
    pay_url: Option<&'a str>,
    conversion: Option<&'a Conversion>,
}

/// The buyer can pay now, at a page that was open at `at`. The first link of a cycle sets
/// its due date, once.
fn invoice_opened(
    draft: &mut Draft,
    id: InvoiceId,
    made: &Made<'_>,
    at: Timestamp,
    catalog: &CatalogRevision,
) -> Verdict {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return Verdict::Unlinked;
    };
    let closed_at = invoice
        .closed_at(made.reference)
        .filter(|_| !invoice.is_news_of(Some(made.reference), Some(at)));
    // What has closed since is not the other page that is made for it.
    let was_closed = closed_at.is_some() && invoice.unpayable.since.is_some();
    if invoice.reference.is_some() || was_closed {
        await_no_more(draft, &mut invoice, made.reference, Some(at));
        due_by(draft, &mut invoice, made.reference, at);
        return Verdict::Decided;
    }
    await_no_more(draft, &mut invoice, made.reference, Some(at));
    payable_again(draft, &mut invoice, at);
    invoice.reference = Some(made.reference.to_owned());
    invoice.paged_at = Some(at);
    invoice.stalled = None;
    invoice.pay_url = made.pay_url.map(str::to_owned);
    // What is still to be paid, is paid at the rate of this page and of no other.
    let paid_at = invoice.conversion.take().filter(|_| !invoice.is_open());
    invoice.conversion = paid_at.or_else(|| made.conversion.cloned());
    let open = invoice.is_open() && invoice.is_renewal();
    if matches!(invoice.state, InvoiceState::Void { .. }) {
        void_late(draft, &invoice, made.reference);
    }
    let subscription = invoice.subscription;
    draft.account.put_invoice(invoice.clone());
    let held = subscription.and_then(|held| draft.account.subscription(held).cloned());
    let Some(mut held) = held.filter(|_| open) else {
        return Verdict::Decided;
    };
    if held.times.due_at.is_none() {
        let due_at = held.times.paid_through.map_or(at, |end| end.max(at));
        held.times.due_at = Some(due_at);
        // Status is not access: what is cut when due can still be paid in grace.
        let grace = shifted(due_at, held.terms.grace);
        // It may have been paid before its page was told of.
        held.times.grace_ends_at = Some(invoice.awaits().unwrap_or(grace).max(grace));
        // The provider's clock may be ahead of ours.
        held.told_by_link(&invoice, at.min(draft.now()));
    }
    let id_of_held = held.id;
    let renewal = owed(&held, &invoice);
    draft.account.put_subscription(held);
    draft.note(Event::SubscriptionRenewalPending, |entry| {
        entry.subscription = Some(id_of_held);
        entry.invoice = Some(id);
        entry.money = Some(invoice.amount);
        entry.renewal = renewal;
        entry.note = made.pay_url.map(str::to_owned);
    });
    match closed_at {
        // It is told late of what has closed since.
        Some(closed_at) => invoice_closed(draft, id, made.reference, closed_at, Some(at), catalog),
        None => Verdict::Decided,
    }
}

/// The provider made what had been taken back before it was made: whoever looked
/// for it then found nothing, and nobody is to be charged for it now.
fn void_late(draft: &mut Draft, invoice: &Invoice, reference: &str) {
    if let Some(provider) = invoice.provider.clone() {
        let key = EffectKey::void_again(invoice.id, invoice.attempt);
        let order = Order::VoidInvoice {
            provider,
            invoice: invoice.id,
            reference: Some(reference.to_owned()),
        };
        draft.order(key, order);
    }
}

fn payment_failed(draft: &mut Draft, id: InvoiceId, reason: &str) -> Verdict {
    let Some(invoice) = draft.account.invoice(id) else {
        return Verdict::Unlinked;
    };
    if !invoice.is_open() {
        return Verdict::Decided;
    }
    let (subscription, change) = (invoice.subscription, invoice.change);
    if change.is_some() || invoice.purpose == Purpose::Usage {
        // It stays owed; and a change goes on waiting for its payment, until its time is over.
        draft.note(Event::InvoicePaymentFailed, |entry| {
            entry.subscription = subscription;
            entry.invoice = Some(id);
            entry.change = change;
            entry.note = Some(reason.to_owned());
        });
        return Verdict::Decided;
    }
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

/// It was not collected, and is nowhere to be paid: what was used is owed all the same,
/// and charged with the next invoice.
fn charge_failed(draft: &mut Draft, id: InvoiceId, reason: &str) -> Verdict {
    let verdict = payment_failed(draft, id, reason);
    let used = draft.account.invoice(id);
    if let Some(used) = used.filter(|held| held.purpose == Purpose::Usage).cloned() {
        carry_usage(draft, used);
    }
    verdict
}

fn refused(
    draft: &mut Draft,
    effect: EffectId,
    about: About,
    code: &str,
    at: Timestamp,
) -> Verdict {
    match about {
        About::Checkout(id) => {
            let page = left_open(draft, id);
            let verdict = give_up_checkout(draft, id, at);
            if let Some(page) = page {
                let evidence = format!(
                    "the page {page} of checkout {id} was not closed, and can be paid: the \
                     provider said {code}"
                );
                draft.park_effect(ParkReason::ProviderRefused, effect, evidence);
            }
            return verdict;
        }
        About::Change(id) if holds_here(draft, id) => {
            let evidence = format!("the provider said {code} of change {id}, which holds here");
            draft.park_effect(ParkReason::ProviderRefused, effect, evidence);
            return Verdict::Decided;
        }
        About::Change(id) => {
            // The buyer is told at once, and nothing was changed.
            fail_change(draft, id, Some(code));
            return Verdict::Decided;
        }
        // The buyer is told, and it ends as was told before.
        About::Cancellation(id) => {
            uncancel_failed(draft, id, Some(code));
            return Verdict::Decided;
        }
        // Whoever ordered it is told.
        About::Invoice(id) if fail_promise(draft, id, effect, code) => return Verdict::Decided,
        About::Invoice(id) => {
            // One that is void was to be taken back, and a person looks.
            let open = draft.account.invoice(id).filter(|held| held.is_open());
            if let Some(change) = open.and_then(|invoice| invoice.change) {
                fail_change(draft, change, Some(code));
                return Verdict::Decided;
            }
        }
        About::Other => {}
    }
    let evidence = format!("the provider said {code}");
    let parked = draft.park_effect(ParkReason::ProviderRefused, effect, evidence);
    stall(draft, about, parked);
    Verdict::Decided
}

/// Whether a change took effect in our books, by the calendar, before its provider
/// had answered.
fn holds_here(draft: &Draft, id: ChangeId) -> bool {
    let change = draft.account.change(id);
    change.is_some_and(|change| change.applied_at().is_some())
}

/// The page of a checkout that is over here, which its provider was asked to close.
fn left_open(draft: &Draft, id: CheckoutId) -> Option<String> {
    let checkout = draft.account.checkout(id)?;
    match &checkout.state {
        CheckoutState::Expired { reference, .. } | CheckoutState::Canceled { reference, .. } => {
            reference.clone()
        }
        CheckoutState::Opening
        | CheckoutState::Open { .. }
        | CheckoutState::Pending { .. }
        | CheckoutState::Completed { .. } => None,
    }
}

/// The last attempt failed, and nobody knows the outcome: a person is needed.
/// The buyer's grace does not begin, since there is no pay link.
fn given_up(draft: &mut Draft, effect: EffectId, about: About, at: Timestamp) -> Verdict {
    let stalled = match about {
        About::Checkout(id) => {
            let page = left_open(draft, id);
            let verdict = give_up_checkout(draft, id, at);
            if let Some(page) = page {
                let evidence = format!(
                    "the page {page} of checkout {id} could not be closed, and can be paid"
                );
                draft.park_effect(ParkReason::AttemptsExhausted, effect, evidence);
            }
            return verdict;
        }
        // It may have been made all the same: a person looks.
        About::Change(id) => {
            fail_change(draft, id, None);
            None
        }
        // It may have been taken back all the same: a person looks.
        About::Cancellation(id) => {
            uncancel_failed(draft, id, None);
            None
        }
        About::Invoice(id) if give_up_promise(draft, id, effect) => return Verdict::Decided,
        About::Invoice(id) => draft
            .account
            .invoice(id)
            .filter(|invoice| invoice.is_open() && invoice.pay_url.is_none())
            .filter(|invoice| invoice.purpose != Purpose::Usage),
        About::Other => None,
    };
    if let Some(change) = stalled.and_then(|invoice| invoice.change) {
        fail_change(draft, change, None);
        return Verdict::Decided;
    }
    if let Some((id, subscription)) = stalled.map(|invoice| (invoice.id, invoice.subscription)) {
        draft.note(Event::SubscriptionRenewalStalled, |entry| {
            entry.subscription = subscription;
            entry.invoice = Some(id);
        });
    }
    let evidence = "every attempt to reach the provider failed".to_owned();
    let parked = draft.park_effect(ParkReason::AttemptsExhausted, effect, evidence);
    stall(draft, about, parked);
    Verdict::Decided
}
