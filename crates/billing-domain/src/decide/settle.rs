//! Settling invoices of our own: what came is held against what is owed.
//!
//! Every function answers alike whether or not a worker has run in between:
//! what counts is the instant of the payment.

use crate::catalog::CatalogRevision;
use crate::change::{Change, ChangeState};
use crate::decide::balance::{add_to_balance, draw_again};
use crate::decide::change::{apply_change, end_awaiting, may_apply_after_all, remake_cycle};
use crate::decide::credit::credit_cycle;
use crate::decide::forgone::{ends_with_it, take_up_again};
use crate::decide::rate::Ordered;
use crate::decision::Draft;
use crate::fact::PaymentPart;
use crate::ids::InvoiceId;
use crate::invoice::{Conversion, Invoice, InvoiceState, Issuer, Payment, Purpose};
use crate::journal::Event;
use crate::money::Money;
use crate::parked::ParkReason;
use crate::time::Timestamp;

/// What the journal says of a settlement that a person vouched for.
const VOUCHED: &str = "marked as settled at the provider by a person";

/// Money that came in for one of our invoices.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// The provider's id of the payment.
    pub(super) payment: String,
    /// What was paid.
    pub(super) amount: Money,
    /// How it was collected in another currency, if it was.
    pub(super) conversion: Option<Conversion>,
    /// What it is made of. Empty: it is one by its own name.
    pub(super) parts: Vec<PaymentPart>,
    /// The provider's name of the page that it came to. `None`: it is not said.
    pub(super) page: Option<String>,
    /// When.
    pub(super) at: Timestamp,
}

/// A payment for one of our invoices: exactly the amount settles it, more
/// settles it and sets the excess aside, less sets it aside whole.
pub(super) fn pay(
    draft: &mut Draft,
    id: InvoiceId,
    received: &Received,
    catalog: &CatalogRevision,
) {
    let Some(mut invoice) = draft.account.invoice(id).cloned() else {
        return;
    };
    let parts = received.parts.iter().map(|part| part.id.clone());
    let (at, amount, payment) = (received.at, received.amount, received.payment.clone());
    let paid = Payment {
        reference: payment.clone(),
        amount,
        at,
        credited: false,
        to_balance: None,
        off_balance: None,
        said_at: None,
        parts: parts.collect(),
        page: received.page.clone(),
        parked: None,
    };
    let outgrows = invoice.is_open() && invoice.is_outgrown_by(&paid);
    let known = invoice.has_payment(&payment) || is_in_part(&invoice, &paid.parts);
    if known && !outgrows {
        pay_besides(draft, &invoice, received, catalog);
        return;
    }
    let kept = invoice.kept_of(&paid);
    take_in(draft, &mut invoice, &paid);
    let told = received.conversion.as_ref();
    let rate = Ordered::of(&invoice).rate(told, invoice.amount, received.page.as_deref());
    let known = std::mem::replace(&mut invoice.conversion, rate);
    let given_up = if is_whole(&invoice, kept) {
        revive(draft, &mut invoice, at);
        take_up_again(draft, &mut invoice, at)
    } else {
        None
    };
    if let Err((reason, evidence)) = creditable(draft, &invoice, (amount, kept), at) {
        let worth = listed(&invoice, amount);
        // What was collected before stays as it was collected, and what can be paid as
        // its page says.
        invoice.conversion = known;
        set_aside(draft, invoice, (paid, worth), reason, evidence);
        return;
    }
    let excess = kept
        .checked_sub(invoice.collected())
        .ok()
        .filter(|rest| !rest.is_zero());
    if let Some(change) = invoice.change {
        settle(draft, invoice, paid);
        apply_change(draft, change, at, catalog);
    } else if invoice.purpose == Purpose::Usage {
        settle(draft, invoice, paid);
    } else if !credit_cycle(draft, invoice, Some(paid), at, catalog) {
        return;
    }
    if let Some(given_up) = &given_up {
        ends_with_it(draft, given_up, catalog);
    }
    remark_vouched(draft, id, &received.parts);
    if let Some(excess) = excess {
        draft.note(Event::InvoiceAmountMismatch, |entry| {
            entry.invoice = Some(id);
            entry.money = Some(excess);
        });
        let evidence =
            format!("payment {payment} for invoice {id} is {excess} above what was owed");
        draft.park(ParkReason::AmountMismatch, evidence);
    }
}

/// Says in the journal that a person's word settled an invoice, if it did.
pub(super) fn remark_vouched(draft: &mut Draft, invoice: InvoiceId, parts: &[PaymentPart]) {
    if parts.iter().any(|part| part.vouched) {
        draft.remark_settled(invoice, VOUCHED);
    }
}

/// Whether something was paid for with a part of this already: the others came besides.
fn is_in_part(invoice: &Invoice, parts: &[String]) -> bool {
    let mut credited = invoice.payments.iter().filter(|held| held.credited);
    credited.any(|held| parts.iter().any(|part| held.has(part)))
}

/// A payment told again: what it is made of by now and was not before came besides, as
/// a payment of its own.
fn pay_besides(draft: &mut Draft, known: &Invoice, again: &Received, catalog: &CatalogRevision) {
    let mut held = known.payments.iter();
    let same = held.find(|held| held.reference == again.payment);
    // What was kept without its parts was kept when nothing said them.
    if same.is_some_and(|same| same.parts.is_empty()) {
        return;
    }
    let mut parts = again.parts.iter();
    for part in parts.by_ref().filter(|part| !known.has_payment(&part.id)) {
        let besides = Received {
            payment: part.id.clone(),
            amount: part.amount,
            conversion: again.conversion.clone(),
            parts: Vec::new(),
            page: again.page.clone(),
            at: part.at,
        };
        pay(draft, known.id, &besides, catalog);
    }
}

/// Takes back what was made of a payment when it was less, and of its parts when they
/// were told by themselves: from now on they count in what they are parts of.
pub(super) fn take_in(draft: &mut Draft, invoice: &mut Invoice, paid: &Payment) {
    let taken = invoice
        .payments
        .extract_if(.., |held| !held.credited && paid.has(&held.reference));
    for held in taken.collect::<Vec<_>>() {
        let Some(went) = held.to_balance else {
            continue;
        };
        let gone = held.off_balance.unwrap_or(Money::zero(went.currency));
        if let Ok(back) = gone.checked_sub(went) {
            add_to_balance(draft, back, Some(invoice.id), "part of a late payment");
        }
    }
}

/// Settles the invoice of a change, whose applying is another function, or of use.
fn settle(draft: &mut Draft, mut invoice: Invoice, paid: Payment) {
    let (id, subscription, change) = (invoice.id, invoice.subscription, invoice.change);
    let amount = invoice.amount;
    invoice.state = InvoiceState::Settled { at: paid.at };
    invoice.awaited.clear();
    invoice.payments.push(Payment {
        credited: true,
        ..paid
    });
    draft.account.put_invoice(invoice);
    draft.note(Event::InvoiceSettled, |entry| {
        entry.invoice = Some(id);
        entry.subscription = subscription;
        entry.change = change;
        entry.money = Some(amount);
    });
}

/// Whether so much is all that is owed.
fn is_whole(invoice: &Invoice, amount: Money) -> bool {
    let owed = invoice.collected();
    amount.currency == owed.currency && amount.amount >= owed.amount
}

/// A change whose time ran out had been paid before, in full: it awaits its payment again
/// as if nobody had looked, where nothing else has become of what it was to change.
fn revive(draft: &mut Draft, invoice: &mut Invoice, at: Timestamp) {
    let change = invoice.change.and_then(|id| draft.account.change(id));
    let in_time = |change: &&Change| change.payable_until().is_some_and(|end| at < end);
    let Some(change) = change.filter(in_time).cloned() else {
        return;
    };
    let voided = matches!(invoice.state, InvoiceState::Void { .. });
    if !voided || !may_apply_after_all(draft, &change) {
        return;
    }
    // What it drew may have been drawn for the next cycle, which is another once it applies.
    let held = draft.account.subscription(change.quote.subscription);
    if let Some(mut held) = held.cloned() {
        remake_cycle(draft, &mut held);
        draft.account.put_subscription(held);
    }
    if !draw_again(draft, &invoice.lines, invoice.id) {
        return;
    }
    // Only one change may await its payment.
    end_awaiting(draft, change.quote.subscription, |at| {
        ChangeState::Superseded { at }
    });
    invoice.state = InvoiceState::Open;
    draft.account.put_invoice(invoice.clone());
    draft.account.put_change(Change {
        state: ChangeState::AwaitingPayment,
        ran_out: None,
        ..change
    });
}

fn creditable(
    draft: &Draft,
    invoice: &Invoice,
    (amount, kept): (Money, Money),
    at: Timestamp,
) -> Result<(), (ParkReason, String)> {
    let id = invoice.id;
    match invoice.state {
        InvoiceState::Settled { .. } => {
            return Err((
                ParkReason::LatePayment,
                format!("invoice {id} had been paid before"),
            ));
        }
        InvoiceState::Void { .. } => {
            return Err((
                ParkReason::LatePayment,
                format!("invoice {id} had been voided"),
            ));
        }
        InvoiceState::Open => {}
    }
    let late = invoice.change.is_some_and(|change| {
        draft.account.change(change).is_none_or(|change| {
            change.state != ChangeState::AwaitingPayment
                || change.payable_until().is_some_and(|end| end <= at)
        })
    });
    if late {
        let evidence = format!("invoice {id} pays for a change that is not to come any more");
        return Err((ParkReason::LatePayment, evidence));
    }
    let owed = invoice.collected();
    if amount.currency != owed.currency {
        let evidence = format!("invoice {id} owes {owed}, and {amount} was paid");
        return Err((ParkReason::CurrencyMismatch, evidence));
    }
    if amount.amount < owed.amount {
        let evidence = format!("invoice {id} owes {owed}, and only {amount} was paid");
        return Err((ParkReason::AmountMismatch, evidence));
    }
    if kept.amount < owed.amount {
        let evidence = format!(
            "invoice {id} owes {owed}, and of {amount} that came all but {kept} went back, or \
             can be claimed"
        );
        return Err((ParkReason::AmountMismatch, evidence));
    }
    Ok(())
}

/// Keeps a payment that settles nothing, and shows it to a person.
pub(super) fn set_aside(
    draft: &mut Draft,
    mut invoice: Invoice,
    (paid, listed): (Payment, Money),
    reason: ParkReason,
    evidence: String,
) {
    let (id, amount) = (invoice.id, paid.amount);
    let ours = invoice.issuer == Issuer::Engine;
    // What settles nothing any more is the customer's, until a person decides.
    let to_balance = reason == ParkReason::LatePayment
        && ours
        && add_to_balance(draft, listed, Some(id), "late payment");
    let evidence = if to_balance {
        format!("{evidence}; {listed} went to the balance")
    } else {
        evidence
    };
    if matches!(
        reason,
        ParkReason::AmountMismatch | ParkReason::CurrencyMismatch
    ) {
        draft.note(Event::InvoiceAmountMismatch, |entry| {
            entry.invoice = Some(id);
            entry.money = Some(amount);
        });
    }
    let parked = draft.park(reason, evidence);
    invoice.payments.push(Payment {
        to_balance: to_balance.then_some(listed),
        parked,
        ..paid
    });
    draft.account.put_invoice(invoice);
}

/// What a payment is worth in the currency of the price.
pub(super) fn listed(invoice: &Invoice, amount: Money) -> Money {
    let Some(conversion) = &invoice.conversion else {
        return amount;
    };
    if amount.currency != conversion.collected.currency {
        return amount;
    }
    conversion
        .listed
        .share_half_away_from_zero(amount.amount, conversion.collected.amount)
        .unwrap_or(amount)
}
