//! What goes back of a payment.

use billing_domain::fact::{DisputeSnapshot, Fact, Link, Observed, RefundSnapshot};
use billing_domain::provider::RefKind;
use billing_domain::time::Timestamp;

use super::{Teller, Told, Unreadable, status};
use crate::amount;
use crate::wire::{Dispute, PaymentIntent, Refund, id_of};

/// A payment, with what it paid.
#[derive(Debug)]
pub(crate) struct Paid<'a> {
    /// The payment.
    pub(crate) intent: &'a PaymentIntent,
    /// The invoice that it paid, if it paid one.
    pub(crate) invoice: Option<&'a str>,
    /// The checkout session that it paid, if it is known.
    pub(crate) session: Option<&'a str>,
    /// What ties that invoice to a customer, if there is one.
    pub(crate) invoice_link: Option<&'a Link>,
}

impl Teller {
    /// The refunds of a payment.
    pub(crate) fn refunds(&self, paid: &Paid<'_>, refunds: &[Refund], at: Timestamp) -> Told {
        let Some(link) = self.payment_link(paid) else {
            return Ok(Vec::new());
        };
        refunds
            .iter()
            .map(|refund| {
                let money = amount::read(refund.amount.unwrap_or(0), &refund.currency);
                let snapshot = RefundSnapshot {
                    refund: refund.id.clone(),
                    of: paid.of(id_of(refund.charge.as_ref())),
                    amount: money.ok_or(Unreadable("a refund of an unknown currency"))?,
                    state: status::refund(refund.status.as_deref()),
                    ordered: refund.ordered(),
                };
                Ok(observed(Fact::RefundSeen(snapshot), at, &link))
            })
            .collect()
    }

    /// The disputes of a payment.
    pub(crate) fn disputes(&self, paid: &Paid<'_>, disputes: &[Dispute], at: Timestamp) -> Told {
        let Some(link) = self.payment_link(paid) else {
            return Ok(Vec::new());
        };
        disputes
            .iter()
            .map(|dispute| {
                let money = amount::read(dispute.amount.unwrap_or(0), &dispute.currency);
                let snapshot = DisputeSnapshot {
                    dispute: dispute.id.clone(),
                    of: paid.of(id_of(dispute.charge.as_ref())),
                    amount: money.ok_or(Unreadable("a dispute of an unknown currency"))?,
                    state: status::dispute(dispute.status.as_deref()),
                    // One dispute from its warning to its end.
                    warning: false,
                };
                Ok(observed(Fact::DisputeSeen(snapshot), at, &link))
            })
            .collect()
    }

    fn payment_link(&self, paid: &Paid<'_>) -> Option<Link> {
        if let Some(link) = paid.invoice_link {
            return Some(link.clone());
        }
        let refs = [
            (RefKind::Invoice, paid.invoice),
            (RefKind::Checkout, paid.session),
            (RefKind::Payment, Some(paid.intent.id.as_str())),
            (RefKind::Customer, id_of(paid.intent.customer.as_ref())),
        ];
        let link = self.link(paid.intent.metadata.as_ref(), &refs, Vec::new())?;
        // What we sell once has our words on its payment, and what we sell again and
        // again has an invoice that is told: anything else is somebody else's business,
        // even where the payer is a customer of ours.
        let ours = link.checkout.is_some() || link.customer.is_some() || link.garbled;
        ours.then_some(link)
    }
}

impl Paid<'_> {
    /// What is paid back, strongest first.
    fn of(&self, charge: Option<&str>) -> Vec<String> {
        [
            self.invoice,
            Some(self.intent.id.as_str()),
            charge,
            self.session,
        ]
        .into_iter()
        .flatten()
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
    }
}

fn observed(fact: Fact, at: Timestamp, link: &Link) -> Observed {
    Observed {
        fact,
        at,
        link: link.clone(),
    }
}
