//! Invoices of ours that their provider was asked for in vain: they wait for a person who
//! sees to what was set aside. Knows nothing of how that is tried again.

use crate::decision::Draft;
use crate::fact::About;
use crate::ids::ParkedId;
use crate::invoice::Invoice;

/// Nobody goes on to have an invoice made that could not be: it waits for whoever sees to
/// what was `parked`. One that was made already is none of those.
pub(super) fn stall(draft: &mut Draft, about: About, parked: Option<ParkedId>) {
    let About::Invoice(id) = about else {
        return;
    };
    let unmade = draft.account.invoice(id);
    let unmade = unmade.filter(|held| held.is_open() && held.reference.is_none());
    if let Some(invoice) = unmade.cloned() {
        draft.account.put_invoice(Invoice {
            stalled: parked,
            ..invoice
        });
    }
}

/// What was `parked` is tried again: an invoice that waited for it waits for nobody.
pub fn try_stalled_again(draft: &mut Draft, parked: ParkedId) {
    let mut invoices = draft.account.invoices.iter();
    let stalled = invoices.find(|held| held.stalled == Some(parked)).cloned();
    if let Some(invoice) = stalled {
        draft.account.put_invoice(Invoice {
            stalled: None,
            ..invoice
        });
    }
}
