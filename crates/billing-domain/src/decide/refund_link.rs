//! Promising money back: by a link, or by an order to send it. Nothing is taken by that:
//! what is sent is told by the provider, and decided like every refund. One promise of an
//! invoice is open at a time, so that no two add up to more than was paid.

use crate::decision::Draft;
use crate::effect::{EffectKey, Order, PromiseRefund};
use crate::ids::{EffectId, InvoiceId};
use crate::invoice::{Invoice, RefundPromise, Sent};
use crate::journal::Event;
use crate::money::{Currency, Money};

/// Most refunds that can be ordered of one invoice, refused ones included: nobody gives one
/// payment back in more parts, and whoever asks for ever is stopped.
pub const REFUND_ORDERS_MAX: usize = 100;

/// What is to be promised back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAsk {
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// How much, in the currency that was collected. `None`: what came, and is neither
    /// gone again nor on its way back.
    pub amount: Option<Money>,
    /// Of which payment, by its name at the provider. `None`: of what settled the
    /// invoice, and where nothing of that is left, of what was set aside.
    pub payment: Option<String>,
    /// Why, in words that the buyer reads. `None`: none are given.
    pub reason: Option<String>,
    /// What whoever asks calls this ask, a hash: what is sent under one name is sent once,
    /// whatever was heard of it. `None`: it has no name.
    pub name: Option<String>,
}

/// Why nothing was promised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundRefusal {
    /// The customer has no such invoice.
    #[error("no such invoice")]
    NotFound,
    /// Nothing was paid for it, or all of it is gone again or on its way back.
    #[error("nothing is left to pay back")]
    NothingLeft,
    /// No payment of the invoice's that can go back has this name.
    #[error("no such payment of the invoice")]
    NoSuchPayment,
    /// It is not money, or in another currency than was collected.
    #[error("not an amount of {0}")]
    NotThis(Currency),
    /// More than is left.
    #[error("more than is left to pay back")]
    Beyond {
        /// What is left.
        left: Money,
    },
    /// Another promise can still be claimed, or nobody has told yet what came of it.
    #[error("another refund is open")]
    Open {
        /// How much was promised.
        amount: Money,
    },
    /// So many were ordered of the invoice that another is refused: [`REFUND_ORDERS_MAX`].
    #[error("too many refunds were ordered of the invoice")]
    TooMany,
}

/// A promise that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromisedRefund {
    /// What orders it.
    pub effect: EffectId,
    /// The key of that.
    pub key: EffectKey,
    /// How much.
    pub amount: Money,
    /// The provider's name of the payment.
    pub reference: String,
}

/// Orders a promise of the provider's. The same again, while it can be claimed, is the
/// same promise, and nothing is ordered.
///
/// # Errors
///
/// [`RefundRefusal`], and nothing is changed.
pub fn promise_refund(draft: &mut Draft, ask: &RefundAsk) -> Result<PromisedRefund, RefundRefusal> {
    order(draft, ask, None)
}

/// Orders a refund that its provider sends. The same again, until whoever ordered it has
/// heard what came of it, is the same refund, and nothing is ordered.
///
/// # Errors
///
/// [`RefundRefusal`], and nothing is changed.
pub fn send_refund(draft: &mut Draft, ask: &RefundAsk) -> Result<PromisedRefund, RefundRefusal> {
    let held = draft.account.invoice(ask.invoice);
    match held.and_then(|invoice| sent_before(invoice, ask)) {
        Some(sent) => Ok(sent),
        None => order(draft, ask, Some(Sent::default())),
    }
}

/// The newest refund of an invoice that is what is asked for: under the same name, or the same
/// of which nobody has heard yet what came of it. Others may have been ordered since.
fn sent_before(invoice: &Invoice, ask: &RefundAsk) -> Option<PromisedRefund> {
    let promised = invoice.promised.iter().rev();
    let sent = promised.filter(|held| held.sent.is_some() && held.failed.is_none());
    let is_named = |held: &&RefundPromise| ask.name.is_some() && held.name == ask.name;
    let found = sent.clone().find(is_named).or_else(|| {
        let mut sent = sent;
        sent.find(|held| is_unheard(invoice, held, ask))
    })?;
    Some(PromisedRefund {
        effect: found.effect,
        key: EffectKey::refund(invoice.id, found.number),
        amount: found.amount,
        reference: found.reference.clone()?,
    })
}

/// Whether it is known at its provider, nobody who asked has heard so, and it is what is asked
/// for.
fn is_unheard(invoice: &Invoice, held: &RefundPromise, ask: &RefundAsk) -> bool {
    let Some(reference) = &held.reference else {
        return false;
    };
    let of_it = ask.payment.as_deref().is_none_or(|name| {
        let named = invoice.refundable(Some(name));
        named.is_some_and(|named| named.reference == reference)
    });
    let as_much = match ask.amount {
        Some(amount) => amount == held.amount,
        None => invoice
            .left_of(reference)
            .is_some_and(|left| left.amount <= 0),
    };
    let told = held.sent.as_ref();
    of_it && as_much && told.is_some_and(|sent| sent.refund.is_some() && !sent.heard)
}

fn order(
    draft: &mut Draft,
    ask: &RefundAsk,
    sent: Option<Sent>,
) -> Result<PromisedRefund, RefundRefusal> {
    let held = draft.account.invoice(ask.invoice);
    let mut invoice = held.cloned().ok_or(RefundRefusal::NotFound)?;
    let missing = if ask.payment.is_some() {
        RefundRefusal::NoSuchPayment
    } else {
        RefundRefusal::NothingLeft
    };
    let of = invoice.refundable(ask.payment.as_deref()).ok_or(missing)?;
    let (paid, left, going) = (of.paid, of.left(), of.going);
    let refunded = Money::new(of.refunded, paid.currency);
    let reference = of.reference.to_owned();
    let currency = paid.currency;
    let of_it = |asked: &Money| asked.currency == currency && asked.amount > 0;
    if ask.amount.is_some_and(|asked| !of_it(&asked)) {
        return Err(RefundRefusal::NotThis(currency));
    }
    if let Some(open) = standing_promise(&invoice) {
        let other = ask.payment.is_some() && open.reference != reference;
        if other || ask.amount.is_some_and(|asked| asked != open.amount) {
            return Err(RefundRefusal::Open {
                amount: open.amount,
            });
        }
        return Ok(open);
    }
    let before = Money::new(going, currency);
    if left.amount <= 0 {
        return Err(RefundRefusal::NothingLeft);
    }
    let amount = ask.amount.unwrap_or(left);
    if amount.amount > left.amount {
        return Err(RefundRefusal::Beyond { left });
    }
    if invoice.promised.len() >= REFUND_ORDERS_MAX {
        return Err(RefundRefusal::TooMany);
    }
    let provider = invoice.provider.clone();
    let provider = provider.ok_or(RefundRefusal::NothingLeft)?;
    if sent.is_some() {
        take_the_place_of_others(draft, &mut invoice, &reference);
    }
    let number = invoice
        .promised
        .last()
        .map_or(1, |last| last.number.saturating_add(1));
    let key = EffectKey::refund(invoice.id, number);
    let order = Order::PromiseRefund(PromiseRefund {
        provider,
        invoice: invoice.id,
        reference: reference.clone(),
        amount,
        paid,
        before: Some(refunded),
        reason: ask.reason.clone(),
    });
    let effect = draft.order(key.clone(), order);
    let (id, subscription) = (invoice.id, invoice.subscription);
    invoice.promised.push(RefundPromise {
        number,
        effect,
        amount,
        before,
        at: draft.now(),
        reference: Some(reference.clone()),
        failed: None,
        sent,
        name: ask.name.clone(),
        parked: None,
    });
    draft.account.put_invoice(invoice);
    draft.note(Event::InvoiceRefundPromised, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
        entry.money = Some(amount);
        entry.note.clone_from(&ask.reason);
    });
    Ok(PromisedRefund {
        effect,
        key,
        amount,
        reference,
    })
}

/// What came of an earlier order to send of the same payment waits for nobody any more: that one
/// is not tried again, and this one's provider is asked what went back before. A link may still be
/// made by the earlier order, and this one be refused for it.
fn take_the_place_of_others(draft: &mut Draft, invoice: &mut Invoice, reference: &str) {
    for held in &mut invoice.promised {
        if held.reference.as_deref() == Some(reference)
            && let Some(parked) = held.parked.take()
        {
            draft.solve(parked);
        }
    }
}

/// The promise of which something can still be claimed, or of which nobody has told yet
/// what came of it, as far as is known here. `None`: there is none.
#[must_use]
pub fn standing_promise(invoice: &Invoice) -> Option<PromisedRefund> {
    let open = invoice.open_promise()?;
    let settling = invoice.payments.iter().find(|payment| payment.credited);
    let settling = settling.map(|payment| &payment.reference);
    let reference = open.reference.as_ref().or(settling)?;
    Some(PromisedRefund {
        effect: open.effect,
        key: EffectKey::refund(invoice.id, open.number),
        amount: open.amount,
        reference: reference.clone(),
    })
}

/// What a promise is marked by that was closed at its provider.
const CLOSED: &str = "closed";

/// A promise was closed at its provider: nothing more is claimed of it, and another can
/// be made. What was claimed of it before counts, as every refund does.
pub fn close_promise(draft: &mut Draft, invoice: InvoiceId, effect: EffectId) {
    let Some(mut invoice) = draft.account.invoice(invoice).cloned() else {
        return;
    };
    let mut standing = invoice.promised.iter_mut();
    if let Some(promise) = standing.find(|held| held.effect == effect && held.failed.is_none()) {
        promise.failed = Some(CLOSED.to_owned());
        draft.account.put_invoice(invoice);
    }
}
