//! A person's word at the provider: that a payment does not hold, and that it does. What
//! was said last counts, in whatever order it is heard, and of a payment that is told of
//! later too; what follows of money that went back is another file's.

use crate::decide::fact::Verdict;
use crate::decide::refund::keep;
use crate::decision::Draft;
use crate::fact::RefundState;
use crate::ids::InvoiceId;
use crate::invoice::{Payment, ReturnKind, Returned, Said};
use crate::provider::ProviderAccount;
use crate::time::Timestamp;

/// A person's word about a payment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    /// The provider's id of the payment.
    payment: &'a str,
    /// Our invoice that it was for. `None`: it is known by the payment alone.
    of: Option<InvoiceId>,
    /// When it was said.
    at: Timestamp,
}

impl<'a> Word<'a> {
    pub(super) const fn said(payment: &'a str, of: Option<InvoiceId>, at: Timestamp) -> Self {
        Self { payment, of, at }
    }
}

/// A payment that did not hold: as if all of it had been paid back. Of one that nobody
/// had told of it is kept, for whatever tells of it later and is older.
pub(super) fn payment_reversed(
    draft: &mut Draft,
    account: &ProviderAccount,
    word: Word<'_>,
) -> Verdict {
    let Word { payment, at, .. } = word;
    if !is_told(draft, account, payment) {
        remember(draft, word, false);
        return Verdict::Decided;
    }
    // Where nothing rests on it, a person has it in hand.
    let rests = |held: &Payment| held.credited || held.to_balance.is_some();
    let Some(before) = said_of(draft, account, payment, at, rests) else {
        return Verdict::Decided;
    };
    let known = reversal(draft, account, payment);
    // Said again, it is the same.
    if known.is_some_and(|known| known.kind.is_gone()) {
        return Verdict::Decided;
    }
    // What was said since is that it holds. Of one instant, what is heard last counts.
    let upheld_at = before.said_at.filter(|said| at < *said);
    let state = upheld_at.map_or(RefundState::Done, |_| RefundState::Failed);
    let told = Returned {
        id: reversal_of(payment),
        kind: ReturnKind::Refund(state),
        amount: before.amount,
        at: upheld_at.unwrap_or(at),
        of: vec![payment.to_owned()],
        warning: false,
    };
    keep(draft, account, told)
}

/// A payment that did not hold is there after all.
pub(super) fn payment_upheld(
    draft: &mut Draft,
    account: &ProviderAccount,
    word: Word<'_>,
) -> Verdict {
    let Word { payment, at, .. } = word;
    if !is_told(draft, account, payment) {
        remember(draft, word, true);
        return Verdict::Decided;
    }
    let before = said_of(draft, account, payment, at, |_| true);
    let known = reversal(draft, account, payment);
    let Some(known) = known.filter(|known| known.kind.is_gone()) else {
        return Verdict::Decided;
    };
    // What was said again since is that it does not hold, from that on.
    let again = before.and_then(|before| before.said_at.filter(|said| at < *said));
    let told = match again {
        Some(_) if at < known.at => return Verdict::Decided,
        Some(said_at) => Returned {
            at: said_at,
            ..known
        },
        None => Returned {
            kind: ReturnKind::Refund(RefundState::Failed),
            at,
            ..known
        },
    };
    keep(draft, account, told)
}

/// What was said of payments of this invoice before they were told of is said of them now.
pub(super) fn follow_words(draft: &mut Draft, account: &ProviderAccount, id: InvoiceId) {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return;
    };
    let payments = invoice.payments.clone();
    let is_told = |said: &mut Said| payments.iter().any(|held| held.has(&said.payment));
    let told: Vec<_> = invoice.said.extract_if(.., is_told).collect();
    if told.is_empty() {
        return;
    }
    draft.account.put_invoice(invoice);
    for said in told {
        let word = Word::said(&said.payment, Some(id), said.at);
        if said.holds {
            payment_upheld(draft, account, word);
        } else {
            payment_reversed(draft, account, word);
        }
    }
}

/// Whether anybody has told of this payment, by itself or as a part of another.
fn is_told(draft: &Draft, account: &ProviderAccount, payment: &str) -> bool {
    let mut theirs = draft.account.invoices.iter();
    theirs.any(|invoice| invoice.provider.as_ref() == Some(account) && invoice.has_payment(payment))
}

/// Keeps what was said last of a payment that nobody has told of.
fn remember(draft: &mut Draft, word: Word<'_>, holds: bool) {
    let invoice = word.of.and_then(|id| draft.account.invoice(id).cloned());
    let Some(mut invoice) = invoice else {
        return;
    };
    let mut said = invoice.said.iter();
    let known = said.find(|said| said.payment == word.payment);
    if known.is_some_and(|known| word.at < known.at) {
        return;
    }
    invoice.said.retain(|said| said.payment != word.payment);
    invoice.said.push(Said {
        payment: word.payment.to_owned(),
        holds,
        at: word.at,
    });
    draft.account.put_invoice(invoice);
}

/// A person has said something of a payment, at `at`. Gives the payment as it was known
/// before, and remembers the newest instant, so that what is older and comes later
/// changes nothing. `None`: nobody had told of it, or it does not matter.
fn said_of(
    draft: &mut Draft,
    account: &ProviderAccount,
    payment: &str,
    at: Timestamp,
    matters: impl Fn(&Payment) -> bool,
) -> Option<Payment> {
    let mut theirs = draft.account.invoices.iter();
    let invoice = theirs.find(|invoice| {
        let mut payments = invoice.payments.iter();
        invoice.provider.as_ref() == Some(account) && payments.any(|held| held.reference == payment)
    });
    let mut invoice = invoice?.clone();
    let mut payments = invoice.payments.iter_mut();
    let held = payments.find(|held| held.reference == payment && matters(held))?;
    let before = held.clone();
    held.said_at = held.said_at.max(Some(at));
    if held.said_at != before.said_at {
        draft.account.put_invoice(invoice);
    }
    Some(before)
}

/// What was told of a payment that did not hold. `None`: nobody has said that.
fn reversal(draft: &Draft, account: &ProviderAccount, payment: &str) -> Option<Returned> {
    let id = reversal_of(payment);
    let invoices = draft.account.invoices.iter();
    let theirs = invoices.filter(|invoice| invoice.provider.as_ref() == Some(account));
    let mut returned = theirs.flat_map(|invoice| &invoice.returned);
    returned.find(|held| held.id == id).cloned()
}

/// What is kept under this name went back because its payment did not hold.
fn reversal_of(payment: &str) -> String {
    format!("reversed:{payment}")
}
