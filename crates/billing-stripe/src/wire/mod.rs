//! Stripe's objects, as little of them as is needed. Tolerant: a field may be
//! missing, null, or hold a word that nobody knew when this was written. Knows
//! nothing of what they mean.

mod billing;
mod checkout;
mod payment;
mod schedule;
mod setup;

use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) use billing::{Invoice, InvoiceLine, Item, Price, Subscription};
pub(crate) use checkout::{Customer, Payer, PortalSession, Session};
pub(crate) use payment::{Dispute, InvoicePayment, PaymentIntent, PaymentPart, Refund};
pub(crate) use schedule::{Planned, Schedule};
pub(crate) use setup::WebhookEndpoint;

/// Our words on an object.
pub(crate) type Metadata = BTreeMap<String, String>;

/// Another object: its id, or the whole of it where it was asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

/// What has an id.
pub(crate) trait Identified {
    fn id(&self) -> &str;
}

impl<T: Identified> Expandable<T> {
    /// The id, either way.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.id(),
        }
    }

    /// The object, where it came along.
    pub(crate) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// The id of another object, if there is one.
pub(crate) fn id_of<T: Identified>(other: Option<&Expandable<T>>) -> Option<&str> {
    other.map(Expandable::id).filter(|id| !id.is_empty())
}

/// An object of which only the id matters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Bare {
    pub(crate) id: String,
}

impl Identified for Bare {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A page of a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: Option<bool>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            has_more: None,
        }
    }
}

/// The body of an answer that says no.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    pub(crate) error: Option<ApiError>,
}

/// Why Stripe says no.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiError {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) decline_code: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) message: Option<String>,
}

impl ApiError {
    /// The code, or the kind of error where there is none.
    pub(crate) fn code(&self) -> &str {
        let code = self.code.as_deref().or(self.kind.as_deref());
        code.unwrap_or("unnamed_error")
    }

    /// Whether the key was used for a call with other parameters.
    pub(crate) fn is_about_key(&self) -> bool {
        self.kind.as_deref() == Some("idempotency_error")
    }
}
