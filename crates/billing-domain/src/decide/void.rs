//! Voiding invoices of our own: they are owed no longer, and their provider is asked to
//! take them back.

use crate::decide::balance::give_back;
use crate::decision::Draft;
use crate::effect::{EffectKey, Order};
use crate::invoice::{Invoice, InvoiceState};
use crate::journal::Event;
use crate::subscription::Subscription;

/// Voids the open renewal invoice of a subscription, if it has one, and orders
/// the same of the provider. Its due date goes with it; the caller puts
/// `held` back.
pub(super) fn void_open_invoice(draft: &mut Draft, held: &mut Subscription) {
    held.times.due_at = None;
    held.times.grace_ends_at = None;
    if let Some(invoice) = draft.account.open_invoice(held.id).cloned() {
        void_invoice(draft, invoice);
    }
}

/// As [`void_open_invoice`], where the cycle itself may be invoiced again: its
/// number is not used up, and neither is a discount that counts cycles.
pub(super) fn take_back_next_cycle(draft: &mut Draft, held: &mut Subscription) {
    let open = draft.account.open_invoice(held.id).is_some();
    void_open_invoice(draft, held);
    if open {
        held.take_cycle_back();
    }
}

/// Voids an open invoice, orders the same of the provider, and gives back what
/// it had drawn from the balance.
pub(super) fn void_invoice(draft: &mut Draft, invoice: Invoice) {
    let (id, at, subscription) = (invoice.id, draft.now(), invoice.subscription);
    give_back(draft, &invoice.lines, id);
    if let Some(provider) = invoice.provider.clone() {
        let reference = invoice.reference.clone();
        let key = EffectKey::void(id, invoice.attempt);
        draft.order(
            key,
            Order::VoidInvoice {
                provider,
                invoice: id,
                reference,
            },
        );
    }
    draft.account.put_invoice(Invoice {
        state: InvoiceState::Void { at },
        ..invoice
    });
    draft.note(Event::InvoiceVoided, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
    });
}
