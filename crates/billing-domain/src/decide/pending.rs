//! Invoices of ours that a provider collects slowly: money on its way suspends the
//! lapse, and a page that has closed unpaid makes room for another.

use crate::decide::fact::Verdict;
use crate::decision::Draft;
use crate::effect::{CreateInvoice, EffectKey, Order};
use crate::ids::InvoiceId;
use crate::invoice::Invoice;
use crate::subscription::{Schedule, State, Subscription};
use crate::time::{Timestamp, shifted};

/// Money has been seen in time that is not final: what it pays for does not lapse
/// before the provider stops waiting for it.
pub(super) fn payment_pending(draft: &mut Draft, id: InvoiceId, until: Timestamp) -> Verdict {
    let Some(invoice) = draft.account.invoice(id).cloned() else {
        return Verdict::Unlinked;
    };
    let now = draft.now();
    let held = owing(draft, &invoice);
    let in_time = |held: &Subscription| {
        let ends = held.times.grace_ends_at;
        ends.is_some_and(|ends| now < ends && ends < until)
    };
    if let Some(mut held) = held.filter(in_time) {
        held.times.grace_ends_at = Some(until);
        draft.account.put_subscription(held);
    }
    Verdict::Decided
}

/// The invoice can be paid, and nothing is on its way any more: grace ends when it was
/// to end.
pub(super) fn await_no_more(draft: &mut Draft, invoice: &Invoice) {
    let Some(mut held) = owing(draft, invoice) else {
        return;
    };
    let ends = held.times.due_at.map(|due| shifted(due, held.terms.grace));
    if ends < held.times.grace_ends_at {
        held.times.grace_ends_at = ends;
        draft.account.put_subscription(held);
    }
}

/// Where it was to be paid, it no longer can be. A cycle is asked for anew, under the
/// same number as another try: as long as it could be paid in time, and nobody waits
/// for an answer already. What waits for the payment of a change ends by itself.
pub(super) fn invoice_closed(draft: &mut Draft, id: InvoiceId, reference: &str) -> Verdict {
    let Some(invoice) = draft.account.invoice(id).cloned() else {
        return Verdict::Unlinked;
    };
    if invoice.reference.as_deref() != Some(reference) {
        return Verdict::Decided;
    }
    await_no_more(draft, &invoice);
    let now = draft.now();
    let payable = |held: &Subscription| held.times.grace_ends_at.is_none_or(|ends| now < ends);
    let held = owing(draft, &invoice).filter(payable);
    let (Some(mut held), Some(provider)) = (held, invoice.provider.clone()) else {
        return Verdict::Decided;
    };
    let (Schedule::Engine { taken_back, .. }, Some(cycle)) = (&mut held.schedule, invoice.cycle)
    else {
        return Verdict::Decided;
    };
    *taken_back = taken_back.saturating_add(1);
    let attempt = taken_back.saturating_add(1);
    let order = CreateInvoice {
        customer_ref: draft.account.reference_at(&provider).map(str::to_owned),
        provider,
        invoice: id,
        customer: held.customer,
        subscription: held.id,
        cycle: Some(cycle),
        description: held.terms.plan.to_string(),
        amount: invoice.amount,
    };
    draft.order(
        EffectKey::renewal(held.id, cycle, attempt),
        Order::CreateInvoice(order),
    );
    draft.account.put_subscription(held);
    draft.account.put_invoice(Invoice {
        reference: None,
        pay_url: None,
        conversion: None,
        attempt,
        ..invoice
    });
    Verdict::Decided
}

/// The subscription that owes an open renewal, if it can still go on.
fn owing(draft: &Draft, invoice: &Invoice) -> Option<Subscription> {
    let held = draft.account.subscription(invoice.subscription?)?;
    let goes_on = match held.state {
        State::Trialing { .. } | State::Active | State::PastDue { .. } => true,
        State::Incomplete
        | State::Paused { .. }
        | State::Lapsed { .. }
        | State::Canceled { .. }
        | State::Expired { .. } => false,
    };
    (invoice.is_open() && invoice.is_renewal() && goes_on).then(|| held.clone())
}
