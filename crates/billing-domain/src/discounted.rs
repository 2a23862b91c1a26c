//! A sale with a discount, as a provider that runs the schedule is asked about it: before
//! the sale whether it can take the discount off, and with the order to do so. Knows
//! nothing of codes.

use crate::effect::{OpenCheckout, OrderedDiscount};
use crate::money::{Money, MoneyError};
use crate::terms::Terms;
use crate::time::{Interval, Timestamp, shifted};

/// A sale with a discount: what a provider has to know of both to say whether it can
/// take the one off the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscountedSale {
    /// What is taken off.
    pub discount: OrderedDiscount,
    /// What the first cycle that is charged comes to, less what is taken off.
    pub amount: Money,
    /// How often the provider charges. `None`: once.
    pub recurring: Option<Interval>,
    /// When the trial ends. `None`: charged today.
    pub trial_end: Option<Timestamp>,
}

impl DiscountedSale {
    /// What a provider that runs the schedule is told of a sale of `terms` at `now`. A
    /// trial's first charged cycle is the first that the discount holds for. `None`:
    /// nothing is taken off.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when an amount does not fit.
    pub fn of(terms: &Terms, now: Timestamp) -> Result<Option<Self>, MoneyError> {
        let first = terms.first_charged();
        let Some(discount) = terms.discount.as_ref().filter(|it| it.covers(first)) else {
            return Ok(None);
        };
        let discount = OrderedDiscount {
            reduction: discount.reduction,
            off: discount.reduction.off(terms.amount()?, terms.quantity)?,
            cycles: discount.until_cycle.map(|end| end.saturating_sub(first)),
        };
        Ok(Some(Self {
            discount,
            amount: terms.priced(first)?.rate,
            recurring: terms.billing.interval(),
            trial_end: terms.trial.map(|trial| shifted(now, trial)),
        }))
    }
}

impl OpenCheckout {
    /// What is taken off, and what of. `None`: nothing is.
    #[must_use]
    pub fn discounted(&self) -> Option<DiscountedSale> {
        Some(DiscountedSale {
            discount: self.discount.clone()?,
            amount: self.amount,
            recurring: self.recurring,
            trial_end: self.trial_end,
        })
    }
}
