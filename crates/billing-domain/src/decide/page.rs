//! Facts about checkouts: a page opens, is paid or left, closes, was never made.
//!
//! Knows what was agreed and what is owed for it; what is then owed again and
//! again is another file's.

use crate::catalog::CatalogRevision;
use crate::checkout::{Checkout, CheckoutState};
use crate::decide::checkout::{close_page, owe_no_more, settle_code};
use crate::decide::fact::Verdict;
use crate::decide::rate::Ordered;
use crate::decide::settle::{Received, pay, remark_vouched, take_in};
use crate::decide::start::{purchase_invoice, start_subscription};
use crate::decision::Draft;
use crate::fact::CheckoutPayment;
use crate::ids::CheckoutId;
use crate::invoice::{Conversion, Invoice, InvoiceState, Payment};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::time::Timestamp;

/// A page to pay at, as the provider made it.
pub(super) struct Page<'a> {
    /// The provider's id.
    pub(super) reference: &'a str,
    /// Where it is.
    pub(super) url: &'a str,
    /// When the provider closes it.
    pub(super) expires_at: Timestamp,
    /// How the price is collected there in another currency. `None`: as it stands.
    pub(super) conversion: Option<&'a Conversion>,
}

/// The provider made a page to pay at.
pub(super) fn opened(draft: &mut Draft, id: CheckoutId, page: &Page<'_>) -> Verdict {
    let (reference, url) = (page.reference, page.url);
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    let state = match checkout.state.clone() {
        CheckoutState::Opening => CheckoutState::Open {
            url: url.to_owned(),
            reference: reference.to_owned(),
        },
        // Made when nobody waits for it any more: it is closed again.
        CheckoutState::Expired {
            at,
            reference: None,
        } => {
            close_page(draft, &checkout, reference);
            let reference = Some(reference.to_owned());
            CheckoutState::Expired { at, reference }
        }
        CheckoutState::Canceled {
            at,
            reference: None,
        } => {
            close_page(draft, &checkout, reference);
            let reference = Some(reference.to_owned());
            CheckoutState::Canceled { at, reference }
        }
        // Nothing is on its way any more, and it can be paid again. What was paid short waits
        // for a person. Where the provider runs
        // the schedule this may be told late, and what is pending there goes on by itself.
        CheckoutState::Pending { reference: known }
            if known == reference
                && !checkout.owns_schedule
                && !has_something_aside(draft, &checkout) =>
        {
            CheckoutState::Open {
                url: url.to_owned(),
                reference: known,
            }
        }
        // Told late: only when the page closes is news.
        further @ (CheckoutState::Open { .. }
        | CheckoutState::Pending { .. }
        | CheckoutState::Completed { .. }
        | CheckoutState::Expired { .. }
        | CheckoutState::Canceled { .. }) => further,
    };
    let expires_at = page.expires_at.min(checkout.expires_at);
    // What was ordered first is what is owed, whatever is told of it afterward.
    let conversion = checkout.conversion.or_else(|| page.conversion.cloned());
    draft.account.put_checkout(Checkout {
        conversion,
        state,
        expires_at,
        ..checkout
    });
    Verdict::Decided
}

/// Whether something was paid for it that settles nothing.
fn has_something_aside(draft: &Draft, checkout: &Checkout) -> bool {
    let owed = draft.account.invoice(checkout.invoice);
    owed.is_some_and(|owed| !owed.payments.is_empty())
}

/// The buyer finished: what was bought begins once it is paid.
pub(super) fn completed(
    draft: &mut Draft,
    id: CheckoutId,
    reference: &str,
    payment: &CheckoutPayment,
    at: Timestamp,
    catalog: &CatalogRevision,
) -> Verdict {
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    if let CheckoutState::Completed { .. } = checkout.state {
        if let CheckoutPayment::Paid {
            payment,
            amount,
            conversion,
            parts,
        } = payment
        {
            let again = Received {
                payment: payment.clone(),
                amount: *amount,
                conversion: conversion.clone(),
                parts: parts.clone(),
                page: Some(reference.to_owned()),
                at,
            };
            paid_again(draft, &checkout, &again, catalog);
        }
        return Verdict::Decided;
    }
    let conversion = rate_at(&checkout, reference, payment);
    let reference = reference.to_owned();
    let paid = match payment {
        CheckoutPayment::Unpaid => {
            // What has ended is not reopened by a promise to pay that is older. Where
            // its time ran out here while the money was on its way, it goes on waiting.
            if checkout.is_open() || ran_out_before(&checkout, &reference, at) {
                owe(draft, &checkout);
                let state = CheckoutState::Pending { reference };
                draft.account.put_checkout(Checkout { state, ..checkout });
            }
            return Verdict::Decided;
        }
        CheckoutPayment::NotRequired => None,
        CheckoutPayment::Paid {
            payment,
            amount,
            parts,
            ..
        } => Some(Payment {
            reference: payment.clone(),
            amount: *amount,
            at,
            credited: true,
            to_balance: None,
            off_balance: None,
            said_at: None,
            parts: parts.iter().map(|part| part.id.clone()).collect(),
            page: Some(reference.clone()),
            parked: None,
        }),
    };
    let known = draft.account.invoice(checkout.invoice);
    let kept = paid.as_ref().map(|paid| match known {
        Some(known) => known.kept_of(paid),
        None => paid.amount,
    });
    let excess = match excess(&checkout, kept, conversion.as_ref()) {
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
    let checkout = Checkout {
        conversion,
        state,
        ..checkout
    };
    draft.account.put_checkout(checkout.clone());
    draft.note(Event::CheckoutCompleted, |entry| entry.checkout = Some(id));
    settle_code(draft, &checkout, true);
    if checkout.starts_here() {
        let paid = paid.filter(|paid| !paid.amount.is_zero());
        start_subscription(draft, &checkout, paid, at, catalog);
        if let CheckoutPayment::Paid { parts, .. } = payment {
            remark_vouched(draft, checkout.invoice, parts);
        }
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

/// How the price is collected at this page: as it was ordered. What is told of another
/// page counts where it can be believed.
fn rate_at(checkout: &Checkout, page: &str, payment: &CheckoutPayment) -> Option<Conversion> {
    let CheckoutPayment::Paid { conversion, .. } = payment else {
        return checkout.conversion.clone();
    };
    let ordered = Ordered {
        conversion: checkout.conversion.as_ref(),
        page: checkout.reference(),
    };
    let owed = checkout.owed_today().ok()?;
    ordered.rate(conversion.as_ref(), owed, Some(page))
}

/// Whether the time of this page had run out before `at`, and it was not given up.
fn ran_out_before(checkout: &Checkout, page: &str, at: Timestamp) -> bool {
    match &checkout.state {
        CheckoutState::Expired {
            at: ran_out,
            reference,
        } => reference.as_deref() == Some(page) && *ran_out < at,
        CheckoutState::Opening
        | CheckoutState::Open { .. }
        | CheckoutState::Pending { .. }
        | CheckoutState::Completed { .. }
        | CheckoutState::Canceled { .. } => false,
    }
}

/// The money is on its way: what is owed has its invoice, for whoever keeps the books.
/// Where its time had run out before, that is owed again.
fn owe(draft: &mut Draft, checkout: &Checkout) {
    let owed = checkout.owed_today().is_ok_and(|owed| !owed.is_zero());
    if !owed || !checkout.starts_here() {
        return;
    }
    let known = draft.account.invoice(checkout.invoice).cloned();
    let is_new = known.is_none();
    let invoice = known.unwrap_or_else(|| purchase_invoice(checkout, InvoiceState::Open));
    let is_owed_no_more = matches!(invoice.state, InvoiceState::Void { .. });
    if is_new || (is_owed_no_more && invoice.payments.is_empty()) {
        draft.account.put_invoice(Invoice {
            state: InvoiceState::Open,
            ..invoice
        });
        draft.note(Event::InvoiceOpened, |entry| {
            entry.checkout = Some(checkout.id);
            entry.invoice = Some(checkout.invoice);
        });
    }
}

/// What was paid, and has not gone back since, above what is owed today, if anything; an
/// error when it is not enough. What the provider prices is its own business (it may add tax, and
/// convert).
fn excess(
    checkout: &Checkout,
    kept: Option<Money>,
    conversion: Option<&Conversion>,
) -> Result<Option<Money>, (ParkReason, String)> {
    let (false, Ok(owed)) = (checkout.owns_schedule, checkout.owed_today()) else {
        return Ok(None);
    };
    let owed = match conversion {
        Some(conversion) if conversion.listed == owed => conversion.collected,
        _ => owed,
    };
    let paid = kept.unwrap_or(Money::zero(owed.currency));
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
            .is_none_or(|paid| known.has_payment(&paid.reference) && !known.is_outgrown_by(paid))
    });
    if seen {
        return;
    }
    let (id, amount) = (checkout.id, paid.as_ref().map(|paid| paid.amount));
    let mut invoice = known
        .cloned()
        .unwrap_or_else(|| purchase_invoice(&checkout, InvoiceState::Open));
    if let Some(paid) = &paid {
        take_in(draft, &mut invoice, paid);
    }
    // At another page than the one that was ordered, it is none of that one's.
    let is_its_page = checkout.reference().is_none_or(|known| known == reference);
    if checkout.is_open() && is_its_page {
        let state = CheckoutState::Pending { reference };
        draft.account.put_checkout(Checkout { state, ..checkout });
    }
    draft.note(Event::InvoiceAmountMismatch, |entry| {
        entry.checkout = Some(id);
        entry.money = amount;
    });
    let parked = draft.park(reason, evidence);
    invoice.payments.extend(paid.map(|paid| Payment {
        credited: false,
        parked,
        ..paid
    }));
    draft.account.put_invoice(invoice);
}

/// A second payment of a checkout that is paid; the same one told again is nothing.
fn paid_again(draft: &mut Draft, checkout: &Checkout, again: &Received, catalog: &CatalogRevision) {
    if draft.account.invoice(checkout.invoice).is_none() {
        // A trial began without money, and so without an invoice. What a provider
        // prices has its invoice there.
        let trial = checkout.terms.trial.is_some() && checkout.starts_here();
        if !trial || again.amount.is_zero() {
            return;
        }
        let settled = InvoiceState::Settled { at: again.at };
        draft.account.put_invoice(Invoice {
            subscription: Some(checkout.subscription),
            ..purchase_invoice(checkout, settled)
        });
    }
    pay(draft, checkout.invoice, again, catalog);
}

/// The page closed unpaid.
pub(super) fn ended(
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
        settle_code(draft, &checkout, false);
        owe_no_more(draft, &checkout, at);
        draft.account.put_checkout(Checkout { state, ..checkout });
        draft.note(event, |entry| entry.checkout = Some(id));
    }
    Verdict::Decided
}

/// A page that was never made, or that closed: the buyer was told so at once.
pub(super) fn give_up_checkout(draft: &mut Draft, id: CheckoutId, at: Timestamp) -> Verdict {
    let Some(checkout) = draft.account.checkout(id).cloned() else {
        return Verdict::Unlinked;
    };
    if matches!(checkout.state, CheckoutState::Opening) {
        let state = CheckoutState::Canceled {
            at,
            reference: None,
        };
        settle_code(draft, &checkout, false);
        draft.account.put_checkout(Checkout { state, ..checkout });
        draft.note(Event::CheckoutCanceled, |entry| entry.checkout = Some(id));
    }
    Verdict::Decided
}
