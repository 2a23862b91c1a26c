//! Customers, addresses, and what they pay with.

use billing_domain::time::Timestamp;
use serde_json::Value;

/// A customer; one for each e-mail address.
#[derive(Debug, Clone)]
pub struct Customer {
    /// `ctm_…`.
    pub id: String,
    /// The e-mail address, as it was given.
    pub email: String,
    /// The name, where one is known.
    pub name: Option<String>,
    /// The locale: `en`.
    pub locale: String,
    /// Whether it is in use and not archived.
    pub active: bool,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An address of a customer.
#[derive(Debug, Clone)]
pub struct Address {
    /// `add_…`.
    pub id: String,
    /// Whose it is.
    pub customer_id: String,
    /// Two letters: `US`.
    pub country_code: String,
    /// The postal code, where one is known.
    pub postal_code: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a customer pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Card {
    /// Every attempt is captured.
    #[default]
    Pays,
    /// Every attempt is declined.
    Declined,
    /// The first attempt is captured, every later one is declined.
    PaysOnce,
}
