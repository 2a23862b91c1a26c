//! Checkout sessions.

use super::{Metadata, MissingMethod};

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) status: SessionStatus,
    pub(crate) pay: Pay,
    /// Prices with their quantities.
    pub(crate) lines: Vec<(String, u32)>,
    pub(crate) currency: String,
    pub(crate) amount_subtotal: i64,
    pub(crate) amount_total: i64,
    pub(crate) customer: Option<String>,
    pub(crate) customer_email: Option<String>,
    /// What the buyer typed at the page, where nothing was filled in.
    pub(crate) given_email: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) coupon: Option<String>,
    pub(crate) terms: Terms,
    pub(crate) always_customer: bool,
    pub(crate) invoice_creation: bool,
    pub(crate) subscription: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) invoice: Option<String>,
    /// Whether the customer stands before their bank's authentication.
    pub(crate) authenticating: bool,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
}

/// What the session passes on to what it makes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// Of the subscription, or of the payment.
    pub(crate) metadata: Metadata,
    pub(crate) description: Option<String>,
    /// The end of the trial in days from completion. `None`: none.
    pub(crate) trial_days: Option<u32>,
    /// The end of the trial. `None`: none.
    pub(crate) trial_end: Option<i64>,
    pub(crate) missing_method: MissingMethod,
    /// Whether a means of payment is asked for even if nothing is due.
    pub(crate) method_if_required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Subscription,
    Payment,
}

impl Mode {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Payment => "payment",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

impl SessionStatus {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pay {
    Unpaid,
    Paid,
    NotRequired,
}

impl Pay {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
            Self::NotRequired => "no_payment_required",
        }
    }
}
