//! Checkout sessions, customers, and portal sessions.

use serde::Deserialize;

use super::{Bare, Expandable, Metadata};

/// `checkout.session`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) url: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) payment_status: String,
    pub(crate) mode: String,
    pub(crate) customer: Option<Expandable<Bare>>,
    pub(crate) subscription: Option<Expandable<Bare>>,
    pub(crate) payment_intent: Option<Expandable<Bare>>,
    pub(crate) invoice: Option<Expandable<Bare>>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) amount_subtotal: Option<i64>,
    pub(crate) amount_total: Option<i64>,
    pub(crate) currency: Option<String>,
    pub(crate) customer_details: Option<Details>,
}

/// What a buyer has told of itself.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    pub(crate) email: Option<String>,
}

impl std::fmt::Debug for Details {
    /// Shows nothing about people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Details").finish_non_exhaustive()
    }
}

/// `customer`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) deleted: Option<bool>,
}

/// `customer`, as it is adopted.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Payer {
    pub(crate) id: String,
    pub(crate) deleted: Option<bool>,
    pub(crate) email: Option<String>,
    pub(crate) created: Option<i64>,
    pub(crate) preferred_locales: Option<Vec<String>>,
    pub(crate) metadata: Option<Metadata>,
}

/// `billing_portal.session`
#[derive(Clone, Deserialize)]
pub(crate) struct PortalSession {
    /// Without it, the session is of no use.
    pub(crate) url: String,
}
