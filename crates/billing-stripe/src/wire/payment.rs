//! Payments, and what goes back of them.

use serde::Deserialize;

use super::{Bare, Expandable, Metadata};

/// `payment_intent`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PaymentIntent {
    pub(crate) id: String,
    pub(crate) customer: Option<Expandable<Bare>>,
    pub(crate) metadata: Option<Metadata>,
}

/// `charge`, `refund` and `dispute`, as far as they lead to a payment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PaymentPart {
    pub(crate) id: String,
    pub(crate) object: String,
    pub(crate) customer: Option<Expandable<Bare>>,
    pub(crate) payment_intent: Option<Expandable<Bare>>,
    pub(crate) charge: Option<Expandable<Bare>>,
    pub(crate) metadata: Option<Metadata>,
}

impl PaymentPart {
    /// The payment that it belongs to: its intent, or its charge where it has none.
    pub(crate) fn payment(&self) -> Option<&str> {
        let own = (self.object == "charge").then_some(self.id.as_str());
        super::id_of(self.payment_intent.as_ref())
            .or_else(|| super::id_of(self.charge.as_ref()))
            .or(own)
            .filter(|id| !id.is_empty())
    }
}

/// `refund`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) status: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) currency: String,
    pub(crate) charge: Option<Expandable<Bare>>,
}

/// `dispute`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) status: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) currency: String,
    pub(crate) charge: Option<Expandable<Bare>>,
}

/// `invoice_payment`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InvoicePayment {
    pub(crate) invoice: Option<Expandable<Bare>>,
}
