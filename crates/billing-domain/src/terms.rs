//! Terms: what a buyer agreed to, snapshotted from the catalog at that instant.
//! Later edits of the catalog do not touch them.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::{Billing, OnPastDue, OnPause, PlanKey, PriceKey};
use crate::money::{Money, MoneyError};

/// What a buyer agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The plan.
    pub plan: PlanKey,
    /// The price. `None` for a plan that has none (a free plan).
    pub price: Option<PriceKey>,
    /// The provider's name for the price, where the provider keeps prices itself.
    pub price_ref: Option<String>,
    /// The price of one piece, per interval or once.
    pub unit: Money,
    /// Pieces (seats); at least one.
    pub quantity: u32,
    /// How often it is charged.
    pub billing: Billing,
    /// Whether another period follows when one ends. `false`: a fixed term.
    pub renews: bool,
    /// Days before the first charge. `None`: charged at once.
    pub trial: Option<SignedDuration>,
    /// How long access outlives the due date of an unpaid invoice.
    pub grace: SignedDuration,
    /// What being past due does to access.
    pub on_past_due: OnPastDue,
    /// What pausing does to access.
    pub on_pause: OnPause,
    /// How long before a period's end its successor is invoiced.
    pub lead: SignedDuration,
    /// How long access outlives the paid time when nobody could have paid,
    /// because no pay link was ever made.
    pub stall_limit: SignedDuration,
    /// How long after the end of access the old terms may be taken up again.
    pub rejoin: SignedDuration,
    /// The catalog revision these terms were taken from.
    pub catalog_revision: u64,
}

impl Terms {
    /// What one period costs: unit price times quantity.
    ///
    /// # Errors
    ///
    /// [`MoneyError::OutOfRange`] when that does not fit.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        self.unit.checked_mul(self.quantity)
    }
}
