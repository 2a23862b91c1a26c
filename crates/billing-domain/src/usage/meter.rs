//! Meters: how events add up, and what a piece beyond the included ones costs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entitlement::Limit;
use crate::money::{Money, MoneyError};
use crate::usage::Metered;

/// How events add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// All of them together, as calls or bytes sent.
    Sum,
    /// The highest of them, as bytes stored.
    Max,
    /// How many different names they have, as people who were active.
    Unique,
}

/// A text that names no meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of sum, max, unique")]
pub struct NoSuchMeter;

impl Meter {
    /// The word of plan files and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Unique => "unique",
        }
    }

    /// `figure` with `value` more: with an event's value, or with that many names that
    /// were not seen before. A figure that is full stays so.
    #[must_use]
    pub fn add(self, figure: u64, value: u64) -> u64 {
        match self {
            Self::Sum | Self::Unique => figure.saturating_add(value),
            Self::Max => figure.max(value),
        }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Meter {
    type Err = NoSuchMeter;

    fn from_str(text: &str) -> Result<Self, NoSuchMeter> {
        [Self::Sum, Self::Max, Self::Unique]
            .into_iter()
            .find(|meter| meter.as_str() == text)
            .ok_or(NoSuchMeter)
    }
}

/// What use beyond the included costs: so much for so many pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overage {
    /// What `per` pieces cost; above zero.
    pub amount: Money,
    /// So many pieces or bytes; above zero.
    pub per: u64,
}

impl Overage {
    /// What `over` pieces cost: the exact share, rounded up once to the minor unit.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when it does not fit, [`MoneyError::NoDenominator`]
    /// for a price of no pieces.
    pub fn cost(self, over: u64) -> Result<Money, MoneyError> {
        let per = i128::from(self.per);
        if per == 0 {
            return Err(MoneyError::NoDenominator);
        }
        let exact = i128::from(self.amount.amount).checked_mul(i128::from(over));
        let up = exact
            .and_then(|exact| exact.checked_add(per.saturating_sub(1)))
            .and_then(|exact| exact.checked_div(per))
            .and_then(|units| i64::try_from(units).ok());
        let amount = up.ok_or(MoneyError::OutOfRange)?;
        Ok(Money::new(amount, self.amount.currency))
    }
}

impl fmt::Display for Overage {
    /// `USD 0.50 per 1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.amount, self.per)
    }
}

impl Metered {
    /// How much of `used` is beyond what is included.
    #[must_use]
    pub const fn over(&self, used: u64) -> u64 {
        match self.included {
            Limit::AtMost(included) => used.saturating_sub(included),
            Limit::Unlimited => 0,
        }
    }
}
