//! Invoices.

use super::{Card, Metadata, Span};

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) subscription: Option<String>,
    /// The subscription's metadata when the invoice was made.
    pub(crate) subscription_metadata: Metadata,
    pub(crate) status: InvoiceStatus,
    pub(crate) reason: Reason,
    pub(crate) currency: String,
    pub(crate) lines: Vec<Line>,
    /// The customer's balance before it.
    pub(crate) starting_balance: i64,
    /// The customer's balance behind it. `None`: not finalized.
    pub(crate) ending_balance: Option<i64>,
    pub(crate) amount_due: i64,
    pub(crate) amount_paid: i64,
    pub(crate) attempts: u32,
    /// When a draft is finalized. `None`: by hand.
    pub(crate) finalizes_at: Option<i64>,
    /// When payment is tried again. `None`: no more.
    pub(crate) next_attempt: Option<i64>,
    pub(crate) intent: Option<String>,
    /// What it is collected by. `None`: what its subscription or its customer has.
    pub(crate) card: Option<Card>,
    /// Looks one period back, as the real one does.
    pub(crate) period: Span,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
    pub(crate) paid_at: Option<i64>,
}

impl Invoice {
    /// Before discounts.
    pub(crate) fn subtotal(&self) -> i64 {
        let amounts = self.lines.iter().map(|line| line.amount);
        amounts.fold(0, i64::saturating_add)
    }

    /// After discounts, before the balance.
    pub(crate) fn total(&self) -> i64 {
        let off = self.lines.iter().map(|line| line.discount);
        self.subtotal()
            .saturating_sub(off.fold(0, i64::saturating_add))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Uncollectible,
    Void,
}

impl InvoiceStatus {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Create,
    Cycle,
    Update,
    Manual,
    Upcoming,
}

impl Reason {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Create => "subscription_create",
            Self::Cycle => "subscription_cycle",
            Self::Update => "subscription_update",
            Self::Manual => "manual",
            Self::Upcoming => "upcoming",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) amount: i64,
    /// Taken off the amount.
    pub(crate) discount: i64,
    pub(crate) description: String,
    pub(crate) period: Span,
    pub(crate) price: Option<String>,
    pub(crate) quantity: u32,
    /// The subscription item. `None`: bought once.
    pub(crate) item: Option<String>,
    pub(crate) proration: bool,
}
