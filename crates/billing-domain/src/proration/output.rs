//! What a proration comes to: lines that can each be worked again by hand.

use crate::money::{Money, MoneyError};

use super::choices::Rounding;
use super::ratio::Ratio;

/// The lines of a change and their sums, tax included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proration {
    /// The sum of the credits, zero or below.
    pub credit: Money,
    /// The sum of the charges.
    pub charge: Money,
    /// Charge and credit together: below zero, the customer is owed.
    pub net: Money,
    /// The share that the first charge, or else the first credit, was taken at.
    pub ratio: Ratio,
    /// The lines: credits first, then charges. They sum to the net.
    pub lines: Vec<Line>,
}

/// One line. `exact` is `base × ratio`, with the sign of its side; for
/// [`Reason::ChargedLessUsed`] it is `base × ratio − charged`, and for
/// [`Reason::HeldToPaid`] what was paid and not credited. `amount` is `exact`
/// rounded as `rounding` and `rounded` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Whether it gives or takes.
    pub side: Side,
    /// Why it is there.
    pub reason: Reason,
    /// Which item of its side, from 0.
    pub item: usize,
    /// How many units the item has.
    pub quantity: u32,
    /// The amount that the share is taken of, in minor units; not signed.
    pub base: i64,
    /// The share, after the precision was applied.
    pub ratio: Ratio,
    /// The time counted and the time of the whole period, in the dialect's unit.
    pub counted: Counted,
    /// What was charged so far and is taken off, in minor units. Zero but for
    /// [`Reason::ChargedLessUsed`].
    pub charged: i64,
    /// The value before rounding, in minor units, signed.
    pub exact: Ratio,
    /// How it was rounded.
    pub rounding: Rounding,
    /// What was rounded to get here.
    pub rounded: Rounded,
    /// The amount before tax, signed.
    pub amount: Money,
    /// The tax on it, signed.
    pub tax: Money,
}

impl Line {
    /// Amount and tax together.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when the sum does not fit.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.amount.checked_add(self.tax)
    }
}

/// Whether a line gives or takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Given back to the customer.
    Credit,
    /// Taken from the customer.
    Charge,
}

/// Why a line is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Time not used of what ended, at its price.
    Unused,
    /// Time not used of what ended, at what was debited for it.
    UnusedOfDebit,
    /// A credit held to what was paid and not credited yet.
    HeldToPaid,
    /// The value of the time used, less what was charged so far.
    ChargedLessUsed,
    /// Time used of what ended, billed now.
    Used,
    /// Time of what begins.
    Begins,
    /// The difference of the prices for the time left.
    Difference,
    /// The share of a discount, against its side.
    Discount,
}

/// What was rounded to get a line's amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounded {
    /// The line itself.
    Line,
    /// One unit, taken as often as there are units.
    Unit,
    /// A sum of lines, of which this is a part by largest remainder.
    Sum,
    /// Total and tax, of which the amount is the difference.
    TotalAndTax,
}

/// Time in whole units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counted {
    /// Units of the part.
    pub part: i128,
    /// Units of the whole period; above zero.
    pub whole: i128,
}

/// Why a change could not be prorated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProrationError {
    /// Neither anything that ends nor anything that begins.
    #[error("nothing ends and nothing begins")]
    Nothing,
    /// A price, a discount or an amount paid or credited below zero, or a
    /// discount above 100 %.
    #[error("amount below zero, or discount above 100 %")]
    Amount,
    /// The period has no whole unit of the dialect's time.
    #[error("period without a whole unit of time")]
    EmptyPeriod,
    /// The change lies outside the period.
    #[error("change outside the period")]
    ChangeOutsidePeriod,
    /// An item's part ends before it starts, or lies outside its period.
    #[error("part outside the period")]
    PartOutsidePeriod,
    /// Mixed currencies, or an amount that does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}
