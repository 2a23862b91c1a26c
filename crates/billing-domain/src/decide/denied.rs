//! What a provider tells that cannot be decided here: money that a person there says
//! pays for nothing, money that was seen and never confirmed, and objects of
//! ours that are not understood. A person looks.

use crate::decide::fact::Verdict;
use crate::decide::settle::set_aside;
use crate::decide::start::purchase_invoice;
use crate::decision::Draft;
use crate::fact::{About, Unclear};
use crate::invoice::{Invoice, InvoiceState, Payment};
use crate::money::Money;
use crate::parked::ParkReason;
use crate::provider::{ProviderRef, RefKind};
use crate::time::Timestamp;

/// Most that is remembered of an invoice and was not understood: more than a provider has
/// words for, on more pages than a cycle has. Beyond it the oldest is forgotten.
const UNCLEAR_MAX: usize = 32;

/// Money is there, and a person at the provider says that nothing is paid by it. What
/// was told of before went back by that word; what was not is kept, and set aside once.
pub(super) fn payment_denied(
    draft: &mut Draft,
    of: About,
    payment: &str,
    amount: Money,
    at: Timestamp,
) -> Verdict {
    let Some(invoice) = invoice_of(draft, of, at) else {
        return Verdict::Unlinked;
    };
    if invoice.has_payment(payment) {
        return Verdict::Decided;
    }
    let evidence = format!(
        "{amount} came for invoice {} as {payment}, and a person at the provider says that \
         nothing is paid by it",
        invoice.id
    );
    let paid = Payment {
        reference: payment.to_owned(),
        amount,
        at,
        credited: false,
        to_balance: None,
        page: None,
        parked: None,
        off_balance: None,
        said_at: None,
        parts: Vec::new(),
    };
    set_aside(
        draft,
        invoice,
        (paid, amount),
        ParkReason::Conflict,
        evidence,
    );
    Verdict::Decided
}

/// Money was seen that its provider waits for no longer. Nothing is paid by it, and a
/// person is asked once for each page, since it may be confirmed all the same.
pub(super) fn payment_unconfirmed(
    draft: &mut Draft,
    of: About,
    page: &str,
    amount: Money,
    at: Timestamp,
) -> Verdict {
    let Some(mut invoice) = invoice_of(draft, of, at) else {
        return Verdict::Unlinked;
    };
    if invoice.unconfirmed.iter().any(|known| known == page) {
        return Verdict::Decided;
    }
    let evidence = format!(
        "{amount} was seen for invoice {} at {page}, and was not confirmed in time; nothing is \
         paid by it, unless it is confirmed after all",
        invoice.id
    );
    invoice.unconfirmed.push(page.to_owned());
    draft.account.put_invoice(invoice);
    draft.park(ParkReason::Conflict, evidence);
    Verdict::Decided
}

/// What goes by this name at its provider. `None`: nothing that is known.
fn named(draft: &Draft, object: &ProviderRef) -> Option<About> {
    let account = Some(&object.account);
    let id = Some(object.id.as_str());
    let mut invoices = draft.account.invoices.iter();
    let invoice =
        invoices.find(|held| held.provider.as_ref() == account && held.reference.as_deref() == id);
    let mut checkouts = draft.account.checkouts.iter();
    let checkout =
        checkouts.find(|held| held.provider.as_ref() == account && held.reference() == id);
    let invoice = invoice.map(|held| About::Invoice(held.id));
    invoice.or_else(|| checkout.map(|held| About::Checkout(held.id)))
}

/// The invoice that it came for; one of a checkout that nothing was paid for yet is made
/// to remember it.
fn invoice_of(draft: &Draft, of: About, at: Timestamp) -> Option<Invoice> {
    match of {
        About::Invoice(id) => draft.account.invoice(id).cloned(),
        About::Checkout(id) => {
            let checkout = draft.account.checkout(id)?;
            let known = draft.account.invoice(checkout.invoice).cloned();
            Some(known.unwrap_or_else(|| purchase_invoice(checkout, InvoiceState::Void { at })))
        }
        About::Change(_) | About::Cancellation(_) | About::Other => None,
    }
}

/// An object of ours is not understood. A person is asked once about each object and
/// word, however often it is told: what it is for remembers it.
pub(super) fn unclear(
    draft: &mut Draft,
    of: Option<About>,
    object: &ProviderRef,
    what: &Unclear,
    at: Timestamp,
) -> Verdict {
    let (kind, id) = (object.kind.as_str(), &object.id);
    let of = of.or_else(|| named(draft, object));
    if let Some(mut invoice) = of.and_then(|of| invoice_of(draft, of, at)) {
        let said = match what {
            Unclear::Missing => format!("{id} is missing"),
            Unclear::Status(status) => format!("{id} is {status}"),
            Unclear::Upcoming { ours, theirs } => {
                format!("{id} is to have {theirs}, and {ours} here")
            }
        };
        if invoice.unclear.contains(&said) {
            return Verdict::Decided;
        }
        if invoice.unclear.len() >= UNCLEAR_MAX {
            invoice.unclear.remove(0);
        }
        invoice.unclear.push(said);
        draft.account.put_invoice(invoice);
    }
    let (reason, evidence) = match what {
        Unclear::Missing => (
            ParkReason::Conflict,
            format!(
                "the {kind} {id} is {} here, and {} knows none",
                if object.kind == RefKind::Subscription {
                    "held"
                } else {
                    "owed"
                },
                object.account
            ),
        ),
        Unclear::Status(status) => (
            ParkReason::Unreadable,
            format!("the {kind} {id} has the status {status}, which is not known here"),
        ),
        Unclear::Upcoming { ours, theirs } => (
            ParkReason::Conflict,
            format!(
                "with its next period, the {kind} {id} is to have {theirs} at {}, and {ours} \
                 here: unless somebody sees to it there, the former is charged",
                object.account
            ),
        ),
    };
    draft.park_unread(reason, object.clone(), at, evidence);
    Verdict::Decided
}
