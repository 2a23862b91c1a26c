//! Whether what a provider sold at a checkout is what was ordered. Whoever pays can have
//! more say about a provider's page than we like: what is not as ordered gives nothing,
//! and its money is kept as it was charged, for a person.
//!
//! Knows nothing of checkouts that we price ourselves: there the page asks for our amount.

use crate::catalog::{Billing, CatalogRevision};
use crate::checkout::{Checkout, CheckoutState};
use crate::decide::fact::Verdict;
use crate::decide::page::{completed, ended};
use crate::decision::Draft;
use crate::fact::{CheckoutPayment, Sold};
use crate::ids::CheckoutId;
use crate::invoice::{Invoice, InvoiceState, Issuer, Payment, Purpose, Unpayable};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::time::Timestamp;

/// A checkout that was finished, as its provider tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished<'a> {
    /// Our checkout.
    pub(super) checkout: CheckoutId,
    /// The provider's name of the page.
    pub(super) reference: &'a str,
    /// What it says of the money.
    pub(super) payment: &'a CheckoutPayment,
    /// What it says was sold. `None`: nothing.
    pub(super) sold: Option<&'a Sold>,
    /// When.
    pub(super) at: Timestamp,
}

/// What was sold, beside what was ordered.
#[derive(Debug)]
enum Judged {
    /// The same.
    AsOrdered,
    /// Something that recurs, whose subscription and invoices are told by themselves.
    Recurs,
    /// Something else, or for another sum.
    Otherwise(ParkReason),
}

/// The buyer finished: it is completed where that is what was ordered.
pub(super) fn finished(
    draft: &mut Draft,
    told: &Finished<'_>,
    catalog: &CatalogRevision,
) -> Verdict {
    let Some(checkout) = draft.account.checkout(told.checkout).cloned() else {
        return Verdict::Unlinked;
    };
    let (id, reference, at) = (checkout.id, told.reference, told.at);
    let honored = matches!(checkout.state, CheckoutState::Completed { .. });
    let moneyless = matches!(told.payment, CheckoutPayment::Unpaid);
    if !is_its_page(&checkout, told) {
        if told.sold.is_some_and(|sold| sold.once) {
            keep_as_charged(draft, &checkout, told, ParkReason::AmountMismatch);
        }
        return Verdict::Decided;
    }
    if !checkout.owns_schedule || honored || moneyless {
        return completed(draft, id, reference, told.payment, at, catalog);
    }
    match judged(&checkout, told.payment, told.sold) {
        Judged::AsOrdered => completed(draft, id, reference, told.payment, at, catalog),
        Judged::Recurs => ended(draft, id, reference, true, at),
        Judged::Otherwise(reason) => {
            keep_as_charged(draft, &checkout, told, reason);
            ended(draft, id, reference, true, at)
        }
    }
}

/// Whether it was told of a page of this checkout: of the one that was made for it, where
/// nobody but who pays says so.
fn is_its_page(checkout: &Checkout, told: &Finished<'_>) -> bool {
    let claimed = told.sold.is_some_and(|sold| sold.by_payer);
    !claimed || checkout.reference() == Some(told.reference)
}

/// Whether who paid there is who bought it. Where a page can be rewritten by who pays, one
/// that was made for another checkout may name this one: it says nothing of whose this is.
pub(super) fn names_its_buyer(checkout: &Checkout, told: &Finished<'_>) -> bool {
    let known = checkout.reference();
    let elsewhere = told.sold.is_some() && known.is_some_and(|page| page != told.reference);
    !elsewhere && is_its_page(checkout, told)
}

fn judged(checkout: &Checkout, payment: &CheckoutPayment, sold: Option<&Sold>) -> Judged {
    let once = matches!(checkout.terms.billing, Billing::Once);
    match (once, sold) {
        (true, None) => vouched_by(checkout, payment),
        (true, Some(sold)) if !sold.once => Judged::Recurs,
        (true, Some(sold)) => held_against(checkout, sold),
        // Nothing tells of this payment but this.
        (false, Some(sold)) if sold.once => Judged::Otherwise(ParkReason::AmountMismatch),
        // Terms follow what the provider's subscription is for.
        (false, _) => Judged::AsOrdered,
    }
}

/// Price, pieces, currency and what they are listed at, which is neither more nor less.
fn held_against(checkout: &Checkout, sold: &Sold) -> Judged {
    let terms = &checkout.terms;
    let is_ordered = |item: &crate::fact::SoldItem| {
        Some(item.price_ref.as_str()) == terms.price_ref.as_deref()
            && item.quantity == terms.quantity
    };
    let same = match sold.items.as_slice() {
        [] => true,
        [item] => is_ordered(item),
        [..] => false,
    };
    match (terms.amount(), sold.listed) {
        _ if !same => Judged::Otherwise(ParkReason::AmountMismatch),
        (Ok(ordered), Some(listed)) if ordered == listed => Judged::AsOrdered,
        (Ok(ordered), Some(listed)) if ordered.currency == listed.currency => {
            Judged::Otherwise(ParkReason::AmountMismatch)
        }
        (Ok(_), _) => Judged::Otherwise(ParkReason::CurrencyMismatch),
        (Err(_), _) => Judged::Otherwise(ParkReason::AmountMismatch),
    }
}

/// Where the provider does not say what it sold, the money does: not less than is owed,
/// since it may put tax on top.
fn vouched_by(checkout: &Checkout, payment: &CheckoutPayment) -> Judged {
    let Ok(owed) = checkout.owed_today() else {
        return Judged::Otherwise(ParkReason::AmountMismatch);
    };
    let paid = match payment {
        CheckoutPayment::Paid { amount, .. } => *amount,
        CheckoutPayment::NotRequired | CheckoutPayment::Unpaid => Money::zero(owed.currency),
    };
    match paid.checked_sub(owed) {
        Ok(rest) if rest.amount >= 0 => Judged::AsOrdered,
        Err(_) if paid.currency != owed.currency => Judged::Otherwise(ParkReason::CurrencyMismatch),
        Ok(_) | Err(_) => Judged::Otherwise(ParkReason::AmountMismatch),
    }
}

/// The money was taken: it is on the books as it was charged, pays for nothing, and waits
/// for a person, once.
fn keep_as_charged(
    draft: &mut Draft,
    checkout: &Checkout,
    told: &Finished<'_>,
    reason: ParkReason,
) {
    let CheckoutPayment::Paid {
        payment,
        amount,
        parts,
        ..
    } = told.payment
    else {
        return;
    };
    let known = draft.account.invoices.iter().any(|held| {
        held.provider == checkout.provider
            && (held.has_payment(payment) || held.reference.as_deref() == Some(told.reference))
    });
    if known {
        return;
    }
    let invoice: crate::ids::InvoiceId = draft.id();
    let evidence = evidence(checkout, told, *amount);
    draft.note(Event::InvoiceAmountMismatch, |entry| {
        entry.checkout = Some(checkout.id);
        entry.invoice = Some(invoice);
        entry.money = Some(*amount);
    });
    let parked = draft.park(reason, evidence);
    let paid = Payment {
        reference: payment.clone(),
        amount: *amount,
        at: told.at,
        credited: true,
        to_balance: None,
        off_balance: None,
        said_at: None,
        parts: parts.iter().map(|part| part.id.clone()).collect(),
        page: Some(told.reference.to_owned()),
        parked,
    };
    draft.account.put_invoice(Invoice {
        id: invoice,
        purpose: Purpose::OneTime,
        subscription: None,
        subscription_ref: None,
        checkout: Some(checkout.id),
        provider: checkout.provider.clone(),
        reference: Some(told.reference.to_owned()),
        issuer: Issuer::Provider,
        amount: *amount,
        lines: Vec::new(),
        conversion: None,
        change: None,
        period: None,
        cycle: None,
        attempt: 1,
        pay_url: None,
        paged_at: None,
        unpayable: Unpayable::default(),
        unconfirmed: Vec::new(),
        awaited: Vec::new(),
        forgone: None,
        unclear: Vec::new(),
        said: Vec::new(),
        state: InvoiceState::Settled { at: told.at },
        payments: vec![paid],
        opened_at: told.at,
        returned: Vec::new(),
        promised: Vec::new(),
        failed: false,
        tried: None,
        tried_at: None,
        stalled: None,
    });
    draft.note(Event::InvoiceSettled, |entry| {
        entry.invoice = Some(invoice);
        entry.money = Some(*amount);
    });
}

/// What a person needs to decide about it.
fn evidence(checkout: &Checkout, told: &Finished<'_>, paid: Money) -> String {
    let terms = &checkout.terms;
    let price = terms.price_ref.as_deref().unwrap_or("a price");
    let ordered = terms
        .amount()
        .map_or_else(|_| String::new(), |amount| format!(" for {amount}"));
    let items = told.sold.map_or(&[][..], |sold| &sold.items);
    let sold: Vec<String> = items
        .iter()
        .map(|item| format!("{} of {}", item.quantity, item.price_ref))
        .collect();
    let sold = if sold.is_empty() {
        "something else".to_owned()
    } else {
        sold.join(" and ")
    };
    let listed = told
        .sold
        .and_then(|sold| sold.listed)
        .map_or_else(String::new, |listed| format!(" listed at {listed}"));
    format!(
        "{} of {price}{ordered} was ordered by checkout {}; page {} sold {sold}{listed}, and \
         {paid} was paid: nothing is given for it, and it is to be given back at the provider",
        terms.quantity, checkout.id, told.reference
    )
}
