//! An order to pay back that came to nothing: refused by its provider, or given up while
//! nobody knows whether it was carried out. What was given up can be tried once more, and
//! only as long as no other was ordered since: of two that are on their way, both might be
//! sent. Knows nothing of how a provider looks for what it has sent before.

use crate::decision::Draft;
use crate::effect::EffectKey;
use crate::ids::{EffectId, InvoiceId};
use crate::invoice::{Invoice, RefundPromise};
use crate::parked::ParkReason;

/// What an order is marked by that was given up: it may have been carried out all the same.
const NO_ANSWER: &str = "no_answer";

/// The provider made nothing of it. `false`: `effect` ordered none.
pub(super) fn fail_promise(draft: &mut Draft, id: InvoiceId, effect: EffectId, code: &str) -> bool {
    let Some((mut invoice, place)) = ordered(draft, id, effect) else {
        return false;
    };
    if let Some(promise) = invoice.promised.get_mut(place)
        // Else another word of it has come.
        && !promise.is_known()
    {
        promise.failed = Some(code.to_owned());
        draft.account.put_invoice(invoice);
    }
    true
}

/// Every attempt failed. It may have been carried out all the same: a person looks.
/// `false`: `effect` ordered none.
pub(super) fn give_up_promise(draft: &mut Draft, id: InvoiceId, effect: EffectId) -> bool {
    let Some((mut invoice, place)) = ordered(draft, id, effect) else {
        return false;
    };
    let Some(promise) = invoice.promised.get_mut(place) else {
        return false;
    };
    if promise.is_known() {
        return true;
    }
    let evidence = format!(
        "every attempt to reach the provider failed, and nobody knows whether the refund of {} of \
         invoice {id} was made: tried again, it is asked for under the same order, and found where \
         it was made. Once another is ordered of the invoice, this one is tried no more",
        promise.amount
    );
    promise.failed = Some(NO_ANSWER.to_owned());
    promise.parked = draft.park_effect(ParkReason::AttemptsExhausted, effect, evidence);
    draft.account.put_invoice(invoice);
    true
}

/// Nobody waits for the answer any more who could be told that the provider refused: a
/// person is shown it, once. What was not refused is left alone.
pub fn park_refused_refund(draft: &mut Draft, id: InvoiceId, effect: EffectId) {
    let Some((mut invoice, place)) = ordered(draft, id, effect) else {
        return;
    };
    let Some(promise) = invoice.promised.get_mut(place) else {
        return;
    };
    let refused = promise.failed.as_deref().filter(|code| *code != NO_ANSWER);
    let Some(code) = refused.filter(|_| !promise.is_known() && promise.parked.is_none()) else {
        return;
    };
    let evidence = format!(
        "the provider said {code} of the refund of {} of invoice {id}, after whoever ordered it had \
         been told that it was on its way: nothing went back by it. Where it is still to go back, \
         order it anew, which settles this",
        promise.amount
    );
    promise.parked = draft.park(ParkReason::ProviderRefused, evidence);
    draft.account.put_invoice(invoice);
}

/// Whether an order to pay back is to be carried out now. One that was given up, and that a
/// person has tried again, stands from then on, so that no other is ordered beside it.
/// `false`: it is known at its provider, was refused, or another was sent since.
pub fn take_up_refund(draft: &mut Draft, id: InvoiceId, effect: EffectId) -> bool {
    let Some((mut invoice, place)) = ordered(draft, id, effect) else {
        return true;
    };
    let is_newest = is_newest(&invoice, place);
    let Some(promise) = invoice.promised.get_mut(place) else {
        return true;
    };
    if promise.is_known() {
        return false;
    }
    match promise.failed.as_deref() {
        None => true,
        Some(NO_ANSWER) if is_newest => {
            promise.failed = None;
            promise.parked = None;
            draft.account.put_invoice(invoice);
            true
        }
        // Of links the provider lets no more stand than was paid.
        Some(NO_ANSWER) => promise.sent.is_none(),
        Some(_) => false,
    }
}

/// An order to pay back is not carried out after all. Whoever had one tried again beside
/// which another was ordered is told so.
pub fn forgo_refund(draft: &mut Draft, id: InvoiceId, effect: EffectId) {
    let Some((mut invoice, place)) = ordered(draft, id, effect) else {
        return;
    };
    let given_up = |promise: &&mut RefundPromise| {
        promise.failed.as_deref() == Some(NO_ANSWER) && !promise.is_known()
    };
    if is_newest(&invoice, place) {
        return;
    }
    let Some(promise) = invoice.promised.get_mut(place).filter(given_up) else {
        return;
    };
    let evidence = format!(
        "the refund of {} of invoice {id} that was given up ({}) was not tried again, since another \
         was ordered after it, and both might have been sent. Where it is still to go back, order \
         it anew",
        promise.amount,
        EffectKey::refund(id, promise.number)
    );
    promise.parked = draft.park(ParkReason::Conflict, evidence);
    draft.account.put_invoice(invoice);
}

/// What `effect` orders of an invoice, by its place among what was ordered.
fn ordered(draft: &Draft, id: InvoiceId, effect: EffectId) -> Option<(Invoice, usize)> {
    let invoice = draft.account.invoice(id)?;
    let mut promised = invoice.promised.iter();
    let place = promised.position(|promise| promise.effect == effect)?;
    Some((invoice.clone(), place))
}

/// Whether nothing was ordered of the invoice after it.
fn is_newest(invoice: &Invoice, place: usize) -> bool {
    place.saturating_add(1) == invoice.promised.len()
}
