//! Licenses: what a customer holds to show elsewhere. Knows neither keys nor
//! signatures: those are made from these values where they are handed out.

use serde::{Deserialize, Serialize};

use crate::ids::{LicenseId, SubscriptionId};
use crate::time::Timestamp;

/// A license: a stable id that stands for a subscription of a plan that gives one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct License {
    /// Our id; the same for life.
    pub id: LicenseId,
    /// The subscription whose plan it shows.
    pub subscription: SubscriptionId,
    /// How often what it shows has changed; a token says which it was signed for.
    pub serial: u32,
    /// Since when it is no longer good. `None`: it is.
    pub revoked_at: Option<Timestamp>,
    /// When it was issued.
    pub issued_at: Timestamp,
}
