//! What a provider tells that cannot be decided here: money that a person there says
//! pays for nothing, money that was seen and never confirmed, and objects of ours that are not understood. A person looks.

use crate::decide::fact::Verdict;
use crate::decide::settle::set_aside;
use crate::decide::start::purchase_invoice;
use crate::decision::Draft;
use crate::fact::{About, Unclear};
use crate::invoice::{Invoice, InvoiceState, Payment};
use crate::money::Money;
use crate::parked::ParkReason;
use crate::provider::ProviderRef;
use crate::time::Timestamp;

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

/// An object of ours is not understood. Where it is asked about again, it is the same
/// event, so that a person is asked once.
pub(super) fn unclear(
    draft: &mut Draft,
    object: &ProviderRef,
    what: &Unclear,
    at: Timestamp,
) -> Verdict {
    let (kind, id) = (object.kind.as_str(), &object.id);
    let (reason, evidence) = match what {
        Unclear::Missing => (
            ParkReason::Conflict,
            format!(
                "the {kind} {id} is owed here, and {} knows none",
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
