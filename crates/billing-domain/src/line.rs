//! Lines: money that explains itself. Each says what it is for, what it was
//! taken of, which share, and what had been charged before, so that anybody can
//! work it again by hand. Knows nothing of who owes it.

use serde::{Deserialize, Serialize};

use crate::catalog::PlanKey;
use crate::money::{Currency, Money, MoneyError};
use crate::usage::Used;

/// One line of what is owed. Negative amounts are the customer's.
///
/// `amount` is `base × share − charged`, rounded half away from zero so that the
/// lines of one period sum to the rounded whole; a line without a share is taken
/// as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is for.
    pub kind: LineKind,
    /// The plan concerned. `None`: none is (a balance, a discount).
    pub plan: Option<PlanKey>,
    /// Pieces, already counted into `base`.
    pub quantity: u32,
    /// What a share is taken of.
    pub base: Money,
    /// The share taken. `None`: the whole.
    pub share: Option<Share>,
    /// What had been charged for that time and is taken off. `None`: nothing.
    pub charged: Option<Money>,
    /// What it comes to.
    pub amount: Money,
    /// What was used, for a line of use. `None`: it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A whole period of a plan, or a plan bought once.
    Plan,
    /// A discount on it.
    Discount,
    /// Time that was used of what ends, less what was charged for it: the unused
    /// time, given back.
    Unused,
    /// The time from the change on of what begins.
    Begins,
    /// The difference of two prices paid once.
    Difference,
    /// Taken from the balance (negative), or a debt carried on it (positive).
    Balance,
    /// Use beyond what is included, rounded up.
    Usage,
    /// What use costs beyond what the customer will spend: it is not charged.
    SpendingLimit,
    /// Below the smallest amount that is charged, and so carried to the next
    /// invoice.
    Carried,
}

impl LineKind {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Discount => "discount",
            Self::Unused => "unused",
            Self::Begins => "begins",
            Self::Difference => "difference",
            Self::Balance => "balance",
            Self::Usage => "usage",
            Self::SpendingLimit => "spending_limit",
            Self::Carried => "carried",
        }
    }

    /// Whether it moves money between an invoice and the balance.
    #[must_use]
    pub const fn is_of_balance(self) -> bool {
        matches!(self, Self::Balance | Self::Carried)
    }
}

/// A share of a period, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Seconds of the part.
    pub part: u64,
    /// Seconds of the whole; above zero.
    pub whole: u64,
}

impl Line {
    /// A line that is taken as it stands.
    #[must_use]
    pub const fn whole(
        kind: LineKind,
        plan: Option<PlanKey>,
        quantity: u32,
        amount: Money,
    ) -> Self {
        Self {
            kind,
            plan,
            quantity,
            base: amount,
            share: None,
            charged: None,
            amount,
            used: None,
        }
    }
}

/// What lines come to.
///
/// # Errors
///
/// [`MoneyError`] when their currencies differ, or the sum does not fit.
pub fn sum<'a>(
    lines: impl IntoIterator<Item = &'a Line>,
    currency: Currency,
) -> Result<Money, MoneyError> {
    lines
        .into_iter()
        .try_fold(Money::zero(currency), |sum, line| {
            sum.checked_add(line.amount)
        })
}
