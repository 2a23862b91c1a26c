//! Discounts: what is taken off a price, for how many cycles, and the codes that
//! buyers type to get one. Knows nothing of how uses are counted.

use serde::{Deserialize, Serialize};

use crate::catalog::PlanKey;
use crate::ids::DiscountCodeId;
use crate::money::{Money, MoneyError};
use crate::time::Timestamp;

/// A whole, in basis points.
pub const WHOLE: u16 = 10_000;

/// What is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reduction {
    /// A part of the price.
    Percent {
        /// In hundredths of a percent, from 1 to [`WHOLE`].
        basis_points: u16,
    },
    /// An amount off the price of all pieces together, never below zero.
    Fixed {
        /// How much.
        amount: Money,
    },
    /// Another price for each piece, never above the plan's own.
    SetPrice {
        /// The price of one piece.
        unit: Money,
    },
}

impl Reduction {
    /// What is taken off `gross`, the price of `quantity` pieces: from nothing to
    /// the whole.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when the currencies differ, or an amount does not fit.
    pub fn off(self, gross: Money, quantity: u32) -> Result<Money, MoneyError> {
        let off = match self {
            Self::Percent { basis_points } => {
                gross.share_half_away_from_zero(i64::from(basis_points), i64::from(WHOLE))?
            }
            Self::Fixed { amount } => amount,
            Self::SetPrice { unit } => gross.checked_sub(unit.checked_mul(quantity)?)?,
        };
        if off.currency != gross.currency {
            return Err(MoneyError::Mixed(gross.currency, off.currency));
        }
        Ok(Money::new(
            off.amount.clamp(0, gross.amount.max(0)),
            gross.currency,
        ))
    }
}

/// A discount as agreed: part of a subscription's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discount {
    /// The code it came by. `None`: an operator negotiated it.
    pub code: Option<DiscountCodeId>,
    /// What is taken off.
    pub reduction: Reduction,
    /// The first cycle without it, by number. `None`: it stays.
    pub until_cycle: Option<u32>,
    /// Where a provider runs the schedule, and numbers no cycles: what begins from this
    /// instant on is without it. `None`: it stays, the engine counts its cycles, or the
    /// first of them has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

impl Discount {
    /// Whether it holds for this cycle.
    #[must_use]
    pub const fn covers(&self, cycle: u32) -> bool {
        match self.until_cycle {
            Some(end) => cycle < end,
            None => true,
        }
    }
}

/// A code that buyers type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountCode {
    /// Our id.
    pub id: DiscountCodeId,
    /// What is typed, in capitals. Unique among codes that are not retired.
    pub code: String,
    /// What it gives.
    pub gives: Gives,
    /// Sold with these plans only. Empty: with every plan.
    pub plans: Vec<PlanKey>,
    /// For how many cycles. `None`: for all of them.
    pub cycles: Option<u32>,
    /// How often it may be used, over everybody. `None`: without limit.
    pub max_uses: Option<u32>,
    /// The first instant at which it no longer works. `None`: it has no end.
    pub expires_at: Option<Timestamp>,
    /// Since when it no longer works because an operator ended it. `None`: it does.
    pub retired_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a code gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "gives", rename_all = "snake_case")]
pub enum Gives {
    /// Something off the price.
    Reduction(Reduction),
    /// The plan for nothing, for as long as it lasts; no provider is asked.
    FreeLicense,
}

/// Why a code does not work here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// There is no such code, or it was ended, or its time is over.
    #[error("no such discount code")]
    Unknown,
    /// It is not for this plan, or not in this currency.
    #[error("the discount code is not for this plan")]
    NotForThis,
    /// It has been used as often as it may be.
    #[error("the discount code is used up")]
    UsedUp,
    /// The provider charges by itself, and cannot take this off.
    #[error("the provider does not take the discount off")]
    Provider,
}

impl DiscountCode {
    /// Longest code; it is read aloud and typed.
    pub const MAX_CODE: usize = 64;

    /// What `typed` is compared as: without blanks around it, in capitals.
    #[must_use]
    pub fn normal(typed: &str) -> String {
        typed.trim().to_uppercase()
    }

    /// The discount it gives at `now` on `plan`, whose one piece costs `unit`;
    /// the first cycle that is charged has the number `first_charged`.
    ///
    /// # Errors
    ///
    /// [`CodeRefusal`] says what stands against it.
    pub fn discount(
        &self,
        plan: &PlanKey,
        unit: Money,
        first_charged: u32,
        now: Timestamp,
    ) -> Result<Discount, CodeRefusal> {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if over(self.expires_at) || over(self.retired_at) {
            return Err(CodeRefusal::Unknown);
        }
        if !self.plans.is_empty() && !self.plans.contains(plan) {
            return Err(CodeRefusal::NotForThis);
        }
        let reduction = match self.gives {
            Gives::Reduction(reduction) => reduction,
            Gives::FreeLicense => Reduction::Percent {
                basis_points: WHOLE,
            },
        };
        let fits = match reduction {
            Reduction::Percent { .. } => true,
            Reduction::Fixed { amount: other } | Reduction::SetPrice { unit: other } => {
                other.currency == unit.currency
            }
        };
        if !fits {
            return Err(CodeRefusal::NotForThis);
        }
        Ok(Discount {
            code: Some(self.id),
            reduction,
            until_cycle: match self.gives {
                Gives::FreeLicense => None,
                Gives::Reduction(_) => self
                    .cycles
                    .map(|cycles| first_charged.saturating_add(cycles)),
            },
            ends_at: None,
        })
    }
}
