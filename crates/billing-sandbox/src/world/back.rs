//! Money that goes back: refunds and disputes of a payment, and telling them.
//! What becomes of what was bought with it is for others to decide.

use billing_domain::fact::{
    DisputeSnapshot, DisputeState, Fact, Observed, RefundSnapshot, RefundState,
};
use billing_domain::invoice::ReturnKind;
use billing_domain::money::Money;
use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Checkout, CheckoutState, Invoice, InvoiceFor, InvoiceState, Payment, World, stamp};

/// A refund or a dispute of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Back {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) kind: ReturnKind,
    pub(crate) amount: Money,
    /// The instant of the last change.
    pub(crate) stamp: Timestamp,
}

impl World {
    /// Begins to give money back, or to contest it: `amount` of the newest payment
    /// of `paid`, which is a checkout, an invoice or the payment itself. `None`:
    /// all that is left of it. Answers the id; `None`: nothing is left, or there is
    /// no such payment.
    pub(crate) fn give_back(
        &mut self,
        paid: &str,
        amount: Option<Money>,
        kind: ReturnKind,
        now: Timestamp,
    ) -> Option<String> {
        let mut payment = self.payment_of(paid)?.clone();
        let left = payment.left();
        let amount = amount.unwrap_or(left);
        let fits = amount.currency == left.currency && amount.amount <= left.amount;
        if !fits || amount.amount <= 0 {
            return None;
        }
        let number = payment.back.len().saturating_add(1);
        let word = match kind {
            ReturnKind::Refund(_) => "re",
            ReturnKind::Dispute(_) => "dp",
        };
        let back = Back {
            id: format!("{}_{word}{number}", payment.id),
            kind,
            amount,
            stamp: stamp(None, now),
        };
        let id = back.id.clone();
        payment.back.push(back);
        self.put(payment.clone());
        self.tell_back(&payment, &id, now);
        Some(id)
    }

    /// How a refund or a dispute goes on. `false`: there is none of that kind and id.
    pub(crate) fn move_back(&mut self, id: &str, kind: ReturnKind, now: Timestamp) -> bool {
        let payment = self.payments.values().find(|payment| {
            let mut back = payment.back.iter();
            back.any(|back| back.id == id && back.kind.name() == kind.name())
        });
        let Some(mut payment) = payment.cloned() else {
            return false;
        };
        for back in payment.back.iter_mut().filter(|back| back.id == id) {
            back.kind = kind;
            back.stamp = stamp(Some(back.stamp), now);
        }
        self.put(payment.clone());
        self.tell_back(&payment, id, now);
        true
    }

    /// What went back of a payment, and what is contested of it.
    pub(crate) fn back_facts(&self, payment: &str) -> Vec<Observed> {
        let payment = self.payments.get(payment);
        let back = payment.into_iter().flat_map(|payment| {
            let facts = payment.back.iter();
            facts.map(|back| self.back_fact(payment, back))
        });
        back.collect()
    }

    fn tell_back(&mut self, payment: &Payment, id: &str, now: Timestamp) {
        let Some(back) = payment.back.iter().find(|back| back.id == id) else {
            return;
        };
        let kind = match back.kind {
            ReturnKind::Refund(_) => "refund.updated",
            ReturnKind::Dispute(DisputeState::Open) => "dispute.opened",
            ReturnKind::Dispute(DisputeState::Won | DisputeState::Lost) => "dispute.closed",
        };
        let fact = self.back_fact(payment, back);
        self.emit(kind, back.stamp, vec![fact], now);
    }

    fn back_fact(&self, payment: &Payment, back: &Back) -> Observed {
        let invoice = self.invoice_paid_by(&payment.id);
        let invoice_id = invoice.map(|invoice| invoice.id.as_str());
        let checkout = self.checkouts.get(&payment.paid_for);
        let of: Vec<String> = invoice_id
            .into_iter()
            .chain([payment.id.as_str()])
            .chain(checkout.map(|checkout| checkout.id.as_str()))
            .map(str::to_owned)
            .collect();
        let fact = match back.kind {
            ReturnKind::Refund(state) => Fact::RefundSeen(RefundSnapshot {
                ordered: None,
                refund: back.id.clone(),
                of,
                amount: back.amount,
                state,
            }),
            ReturnKind::Dispute(state) => Fact::DisputeSeen(DisputeSnapshot {
                dispute: back.id.clone(),
                of,
                amount: back.amount,
                state,
                warning: false,
            }),
        };
        let refs = [
            (RefKind::Invoice, invoice_id),
            (RefKind::Payment, Some(payment.id.as_str())),
            (
                RefKind::Checkout,
                checkout.map(|checkout| checkout.id.as_str()),
            ),
            (
                RefKind::Subscription,
                invoice.and_then(Invoice::subscription),
            ),
        ];
        let carried = match invoice.map(|invoice| &invoice.purpose) {
            Some(InvoiceFor::Period { checkout, .. }) => Some(*checkout),
            Some(InvoiceFor::Engine { .. }) | None => checkout.map(|held| held.order.checkout),
        };
        self.observed(fact, back.stamp, carried, payment.customer, &refs)
    }

    /// The newest payment of a checkout, of an invoice, or the one of this id.
    fn payment_of(&self, paid: &str) -> Option<&Payment> {
        let by_checkout = || match self.checkouts.get(paid)? {
            Checkout {
                state: CheckoutState::Completed { payment, .. },
                ..
            } => self.payments.get(payment.as_ref()?),
            _ => None,
        };
        let by_invoice = || match &self.invoices.get(paid)?.state {
            InvoiceState::Paid { payment } => self.payments.get(payment.as_ref()?),
            InvoiceState::Open | InvoiceState::Void => None,
        };
        let by_id = self.payments.get(paid);
        by_id.or_else(by_invoice).or_else(by_checkout)
    }

    fn invoice_paid_by(&self, payment: &str) -> Option<&Invoice> {
        self.invoices.values().find(|invoice| {
            matches!(&invoice.state, InvoiceState::Paid { payment: Some(paid) } if paid == payment)
        })
    }
}

impl Payment {
    /// What has not gone back and is not about to.
    fn left(&self) -> Money {
        let gone = self.back.iter().filter(|back| {
            !matches!(
                back.kind,
                ReturnKind::Refund(RefundState::Failed) | ReturnKind::Dispute(DisputeState::Won)
            )
        });
        let left = gone.fold(self.amount.amount, |left, back| {
            left.saturating_sub(back.amount.amount)
        });
        Money::new(left, self.amount.currency)
    }
}
