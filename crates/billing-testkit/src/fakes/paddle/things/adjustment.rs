//! Adjustments of transactions.

use billing_domain::money::Currency;
use billing_domain::time::Timestamp;

use crate::fakes::paddle::amount::{Share, Totals};

/// What an adjustment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentAction {
    /// Money goes back.
    Refund,
    /// A credit for what a change took away.
    Credit,
    /// The customer's bank took the money back.
    Chargeback,
    /// The bank gave it back again.
    ChargebackReverse,
    /// The customer's bank says that it may take the money back. No money moves.
    ChargebackWarning,
    /// It will not.
    ChargebackWarningReverse,
}

impl AdjustmentAction {
    pub(in crate::fakes::paddle) const fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Credit => "credit",
            Self::Chargeback => "chargeback",
            Self::ChargebackReverse => "chargeback_reverse",
            Self::ChargebackWarning => "chargeback_warning",
            Self::ChargebackWarningReverse => "chargeback_warning_reverse",
        }
    }

    /// What takes it back. `None`: nothing does.
    pub(in crate::fakes::paddle) const fn reverse(self) -> Option<Self> {
        match self {
            Self::Chargeback => Some(Self::ChargebackReverse),
            Self::ChargebackWarning => Some(Self::ChargebackWarningReverse),
            Self::Refund
            | Self::Credit
            | Self::ChargebackReverse
            | Self::ChargebackWarningReverse => None,
        }
    }
}

/// Where an adjustment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentStatus {
    /// Paddle has to approve it.
    PendingApproval,
    /// It is done.
    Approved,
    /// It will not be done.
    Rejected,
    /// It was done, and taken back by an adjustment of its own.
    Reversed,
}

impl AdjustmentStatus {
    /// Paddle's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending_approval",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Reversed => "reversed",
        }
    }

    /// Whether it was done; what took it back is another one.
    pub(in crate::fakes::paddle) const fn was_done(self) -> bool {
        matches!(self, Self::Approved | Self::Reversed)
    }
}

/// What an adjustment does to a line.
#[derive(Debug, Clone)]
pub struct AdjustedLine {
    /// `adjitm_…`.
    pub id: String,
    /// The line of the transaction.
    pub line_id: String,
    /// `full`, `partial`, `proration` or `tax`.
    pub kind: &'static str,
    /// How much.
    pub totals: Totals,
    /// The share of the period, of a proration.
    pub share: Option<Share>,
}

/// An adjustment of a transaction.
#[derive(Debug, Clone)]
pub struct Adjustment {
    /// `adj_…`.
    pub id: String,
    /// What it does.
    pub action: AdjustmentAction,
    /// Whether it takes the whole transaction.
    pub full: bool,
    /// The transaction.
    pub transaction_id: String,
    /// The subscription of the transaction.
    pub subscription_id: Option<String>,
    /// The customer of the transaction.
    pub customer_id: String,
    /// Why.
    pub reason: String,
    /// The currency.
    pub currency: Currency,
    /// Where it stands.
    pub status: AdjustmentStatus,
    /// What it does to the lines.
    pub lines: Vec<AdjustedLine>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Adjustment {
    /// The sum of its lines.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let lines = self.lines.iter();
        lines.fold(Totals::default(), |sum, line| sum.plus(line.totals))
    }
}
