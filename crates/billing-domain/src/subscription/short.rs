//! What was kept of what was paid for something held for good: its price, less
//! what went back since. Knows nothing of the invoices but their ids.

use serde::{Deserialize, Serialize};

use crate::ids::InvoiceId;
use crate::line::{Line, LineKind};
use crate::money::{Money, MoneyError};
use crate::subscription::Subscription;

/// By how much less than its price was kept of what was paid for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// By how much, in the currency of the price. Below zero: what a change had made
    /// up for stayed after all, and more than the price is kept.
    pub by: Money,
    /// What is known to be gone of each invoice, by their ids.
    pub of: Vec<Gone>,
}

/// What is gone again of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The invoice.
    pub invoice: InvoiceId,
    /// How much, in the currency of the price.
    pub amount: Money,
}

impl Subscription {
    /// What was kept of what was paid for something held for good at `rate`.
    pub(crate) fn kept(&self, rate: Money) -> Result<Money, MoneyError> {
        match &self.short {
            Some(short) => {
                let kept = rate.checked_sub(short.by)?;
                Ok(Money::new(kept.amount.max(0), kept.currency))
            }
            None => Ok(rate),
        }
    }

    /// Keeps how much of an invoice is gone. `true`: more than was known.
    pub(crate) fn follow_gone(
        &mut self,
        invoice: InvoiceId,
        amount: Money,
    ) -> Result<bool, MoneyError> {
        let zero = Money::zero(amount.currency);
        let mut short = self.short.clone().unwrap_or(Shortfall {
            by: zero,
            of: Vec::new(),
        });
        let known = short.of.iter().find(|gone| gone.invoice == invoice);
        let more = amount.checked_sub(known.map_or(zero, |gone| gone.amount))?;
        short.by = short.by.checked_add(more)?;
        short.of.retain(|gone| gone.invoice != invoice);
        if !amount.is_zero() {
            short.of.push(Gone { invoice, amount });
            short.of.sort_by_key(|gone| gone.invoice);
        }
        let matters = !short.of.is_empty() || !short.by.is_zero();
        self.short = matters.then_some(short);
        Ok(more.amount > 0)
    }

    /// A change was charged as `lines` say: what was not kept is made up for, as far
    /// as they go.
    pub(crate) fn make_up(&mut self, lines: &[Line]) {
        let mut lines = lines.iter();
        let difference = lines.find(|line| line.kind == LineKind::Difference);
        let (Some(short), Some(line)) = (&mut self.short, difference) else {
            return;
        };
        let credited = line.charged.unwrap_or(Money::zero(line.base.currency));
        let kept = credited.checked_add(line.amount);
        if let Ok(left) = kept.and_then(|kept| line.base.checked_sub(kept)) {
            short.by = Money::new(left.amount.max(0), left.currency);
        }
    }
}
