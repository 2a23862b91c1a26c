//! What came of a refund that its provider was told to send: by the provider's word of the
//! refund, which carries the key of the order, whoever brings it and whenever. What it
//! takes is another file's.

use crate::decision::Draft;
use crate::effect::EffectKey;
use crate::fact::RefundState;
use crate::ids::{EffectId, InvoiceId};
use crate::invoice::{Invoice, ReturnKind};
use crate::money::Money;
use crate::parked::ParkReason;

/// A refund that was ordered here and is known at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRefund {
    /// The provider's id of it.
    pub refund: String,
    /// How much, in the currency that was collected.
    pub amount: Money,
    /// How far it has come.
    pub state: RefundState,
}

/// What a promise is marked by whose refund did not come about over there.
const FAILED: &str = "refund_failed";

/// Tells whoever ordered it what came of a refund: from then on, the same amount once more
/// is another refund. `None`: nobody has told of it yet.
pub fn hear_refund(draft: &mut Draft, invoice: InvoiceId, effect: EffectId) -> Option<SentRefund> {
    let mut invoice = draft.account.invoice(invoice)?.clone();
    let mut promised = invoice.promised.iter_mut();
    let promise = promised.find(|promise| promise.effect == effect)?;
    let sent = promise.sent.as_mut()?;
    let refund = sent.refund.clone()?;
    let was_heard = std::mem::replace(&mut sent.heard, true);
    let (amount, state) = as_told(&invoice, &refund)?;
    if !was_heard {
        draft.account.put_invoice(invoice);
    }
    Some(SentRefund {
        refund,
        amount,
        state,
    })
}

/// The provider tells of a refund that we ordered. One that fails over there leaves the
/// money where it was, and a person looks: who ordered it believes it to be on its way.
pub(super) fn follow_order(draft: &mut Draft, key: &EffectKey, refund: &str) {
    let ordered = draft.account.invoices.iter().find_map(|invoice| {
        let mut promised = invoice.promised.iter();
        let place = promised.position(|promise| {
            promise.sent.is_some() && EffectKey::refund(invoice.id, promise.number) == *key
        });
        Some((invoice.clone(), place?))
    });
    let Some((mut invoice, place)) = ordered else {
        return;
    };
    let Some((amount, state)) = as_told(&invoice, refund) else {
        return;
    };
    let Some(promise) = invoice.promised.get_mut(place) else {
        return;
    };
    let had_failed = promise.failed.as_deref() == Some(FAILED);
    let fails = state == RefundState::Failed;
    promise.failed = fails.then(|| FAILED.to_owned());
    if let Some(sent) = &mut promise.sent {
        sent.refund = Some(refund.to_owned());
    }
    // Nobody has to ask any more what came of it.
    if let Some(parked) = promise.parked.take() {
        draft.solve(parked);
    }
    let id = invoice.id;
    draft.account.put_invoice(invoice);
    if fails && !had_failed {
        let evidence = format!(
            "refund {refund} of {amount} of invoice {id}, which was ordered here, did not come \
             about at the provider: nothing went back by it"
        );
        draft.park(ParkReason::ProviderRefused, evidence);
    }
}

/// A refund as it was last told.
fn as_told(invoice: &Invoice, refund: &str) -> Option<(Money, RefundState)> {
    invoice.returned.iter().find_map(|held| match held.kind {
        ReturnKind::Refund(state) if held.id == refund => Some((held.amount, state)),
        ReturnKind::Refund(_) | ReturnKind::Dispute(_) => None,
    })
}
