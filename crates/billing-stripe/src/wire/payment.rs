//! Payments, and what goes back of them.

use billing_domain::effect::EffectKey;
use serde::Deserialize;

use super::{Bare, Expandable, Metadata};
use crate::facts::{REFUND_KEY, has_failed};

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
    pub(crate) metadata: Option<Metadata>,
}

impl Refund {
    /// The key of the order of ours that made it. `None`: somebody made it over there.
    pub(crate) fn ordered(&self) -> Option<EffectKey> {
        let key = self.metadata.as_ref()?.get(REFUND_KEY)?;
        Some(EffectKey::from_stored(key.clone()))
    }

    /// Whether it did not come about.
    pub(crate) fn has_failed(&self) -> bool {
        has_failed(self.status.as_deref())
    }
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
    pub(crate) status: Option<String>,
    pub(crate) payment: Option<PaidBy>,
}

/// What an `invoice_payment` was paid by.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PaidBy {
    pub(crate) payment_intent: Option<Expandable<Bare>>,
}

impl InvoicePayment {
    /// Whether the money is there.
    pub(crate) fn is_paid(&self) -> bool {
        self.status.as_deref() == Some("paid")
    }

    /// The payment. `None`: it was paid by something else, outside of Stripe.
    pub(crate) fn intent(&self) -> Option<&str> {
        let by = self.payment.as_ref()?;
        super::id_of(by.payment_intent.as_ref()).filter(|id| !id.is_empty())
    }
}
