//! Transactions, their lines and payments.

use billing_domain::money::Currency;
use billing_domain::proration::TaxRate;
use billing_domain::time::{Period, Timestamp};
use serde_json::Value;

use crate::fakes::paddle::amount::{Share, Totals};

use super::{Bought, Discount};

/// A line of a transaction.
#[derive(Debug, Clone)]
pub struct Line {
    /// `txnitm_…`.
    pub id: String,
    /// What is charged for.
    pub bought: Bought,
    /// The totals of one unit, for a whole period.
    pub unit: Totals,
    /// The totals of the line.
    pub totals: Totals,
    /// The share of the period. `None`: nothing was prorated.
    pub share: Option<Share>,
}

/// A credit for what a change took away, against an earlier transaction.
#[derive(Debug, Clone)]
pub struct Credit {
    /// The transaction that had charged for it.
    pub transaction_id: String,
    /// The line of it.
    pub line_id: String,
    /// What is credited.
    pub totals: Totals,
    /// The share of the period.
    pub share: Share,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Something is missing before it can be paid: a customer or an address.
    Draft,
    /// Can be paid.
    Ready,
    /// An invoice was issued for it.
    Billed,
    /// Captured, and not processed yet.
    Paid,
    /// Paid and processed.
    Completed,
    /// Given up.
    Canceled,
    /// Due and not paid.
    PastDue,
}

impl TransactionStatus {
    /// Paddle's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Ready => "ready",
            Self::Billed => "billed",
            Self::Paid => "paid",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
            Self::PastDue => "past_due",
        }
    }

    /// Whether it waits for its payment.
    pub(in crate::fakes::paddle) const fn is_open(self) -> bool {
        matches!(self, Self::Ready | Self::Billed | Self::PastDue)
    }
}

/// Where a transaction came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The merchant's own call.
    Api,
    /// A browser, by the public token.
    Web,
    /// A renewal.
    Recurring,
    /// A change of the items.
    Update,
    /// A charge beside the items.
    Charge,
    /// A new payment method.
    PaymentMethod,
}

impl Origin {
    pub(in crate::fakes::paddle) const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Web => "web",
            Self::Recurring => "subscription_recurring",
            Self::Update => "subscription_update",
            Self::Charge => "subscription_charge",
            Self::PaymentMethod => "subscription_payment_method_change",
        }
    }

    /// Whether a checkout is paid by it, which may sell a subscription.
    pub(in crate::fakes::paddle) const fn is_checkout(self) -> bool {
        matches!(self, Self::Api | Self::Web)
    }
}

/// An attempt to be paid.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The id of the attempt.
    pub id: String,
    /// In minor units.
    pub amount: i64,
    /// Whether the money came.
    pub captured: bool,
    /// When it was tried.
    pub at: Timestamp,
}

/// A transaction: a checkout, a renewal, a charge.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// `txn_…`.
    pub id: String,
    /// Where it stands.
    pub status: TransactionStatus,
    /// Who buys. `None`: not known before the checkout.
    pub customer_id: Option<String>,
    /// The address that the buyer types in the checkout, where it asks for one.
    /// `None`: one that nobody else has.
    pub given_email: Option<String>,
    /// Where they are taxed. `None`: not known before the checkout.
    pub address_id: Option<String>,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// Where it came from.
    pub origin: Origin,
    /// Whether an invoice is sent instead of a card being charged.
    pub manual: bool,
    /// The subscription that it belongs to.
    pub subscription_id: Option<String>,
    /// The number of its invoice, once there is one.
    pub invoice: Option<(String, String)>,
    /// The period that it pays for.
    pub period: Option<Period>,
    /// The currency.
    pub currency: Currency,
    /// The rate of tax.
    pub tax: TaxRate,
    /// What is bought.
    pub items: Vec<Bought>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Credits used by it, in minor units.
    pub credit: i64,
    /// Credits beyond its total, which go to the customer's balance.
    pub credit_to_balance: i64,
    /// The discount.
    pub discount: Option<Discount>,
    /// The page of its checkout. `None`: it has none.
    pub page: Option<String>,
    /// The attempts to be paid.
    pub payments: Vec<Payment>,
    /// When a captured payment becomes processed. `None`: nothing is on its way.
    pub completes_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was billed.
    pub billed_at: Option<Timestamp>,
}

impl Transaction {
    /// The sum of its lines.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let lines = self.lines.iter();
        lines.fold(Totals::default(), |sum, line| sum.plus(line.totals))
    }

    /// What is asked of the customer after credits, in minor units.
    #[must_use]
    pub fn grand_total(&self) -> i64 {
        self.totals().total.saturating_sub(self.credit).max(0)
    }

    /// What was captured, in minor units.
    #[must_use]
    pub fn captured(&self) -> i64 {
        let captured = self.payments.iter().filter(|payment| payment.captured);
        captured.fold(0, |sum, payment| sum.saturating_add(payment.amount))
    }
}
