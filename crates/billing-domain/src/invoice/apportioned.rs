//! What went back of which payment. A provider may name all that came to an invoice, and
//! not say which of it: then it is first what settled nothing, since whoever gives back
//! what came besides takes nothing of what was paid for.

use crate::invoice::{Invoice, Payment, ReturnKind, Returned};
use crate::time::Timestamp;

/// What went back of an invoice, by what it went back of.
#[derive(Debug, Default)]
pub(super) struct Apportioned<'a> {
    /// Of what settled it, in the currency that was collected, and when.
    pub(super) of_settling: Vec<(Timestamp, i128)>,
    /// Of each payment that settled nothing, in its currency.
    pub(super) besides: Vec<(&'a Payment, i128)>,
}

impl Apportioned<'_> {
    /// All of what settled it that went back.
    pub(super) fn settling(&self) -> i128 {
        let amounts = self.of_settling.iter().map(|(_, amount)| *amount);
        amounts.fold(0, i128::saturating_add)
    }

    /// Takes what can go back of the payments that are named off `held`; gives the rest.
    fn take_besides(&mut self, held: &Returned, beyond: bool) -> i128 {
        let mut left = i128::from(held.amount.amount);
        let named = self.besides.iter_mut().filter(|(payment, _)| {
            held.is_of(payment) && payment.amount.currency == held.amount.currency
        });
        let mut last = None;
        for (payment, gone) in named {
            let room = i128::from(payment.amount.amount).saturating_sub(*gone);
            let part = left.min(room.max(0));
            *gone = gone.saturating_add(part);
            left = left.saturating_sub(part);
            last = Some(gone);
        }
        match last {
            // More than ever came is still of nothing else.
            Some(gone) if beyond => {
                *gone = gone.saturating_add(left);
                0
            }
            _ => left,
        }
    }
}

impl Invoice {
    /// What went back of what, of the returns that `counts` says to count. In whatever
    /// order they were told, it is the same.
    pub(super) fn apportioned(&self, counts: impl Fn(ReturnKind) -> bool) -> Apportioned<'_> {
        let besides = self.payments.iter().filter(|payment| !payment.credited);
        let mut sorted = Apportioned {
            of_settling: Vec::new(),
            besides: besides.map(|payment| (payment, 0)).collect(),
        };
        let counted = self.returned.iter().filter(|held| counts(held.kind));
        let mut counted: Vec<_> = counted
            .map(|held| (self.is_of_settling(held), held))
            .collect();
        // What can be of one thing alone is taken off that first.
        counted.sort_by_key(|(of_settling, held)| (*of_settling, held.at, &held.id));
        for (of_settling, held) in counted {
            let left = sorted.take_besides(held, !of_settling);
            if of_settling && left > 0 && held.amount.currency == self.paid_in() {
                sorted.of_settling.push((held.at, left));
            }
        }
        sorted
    }

    /// Whether it may be of what settled the invoice: it names that, or nothing else.
    fn is_of_settling(&self, held: &Returned) -> bool {
        let named = |payment: &Payment| held.of.iter().any(|name| payment.has(name));
        let mut credited = self.payments.iter().filter(|payment| payment.credited);
        credited.any(named) || !self.payments.iter().any(|payment| held.is_of(payment))
    }
}
