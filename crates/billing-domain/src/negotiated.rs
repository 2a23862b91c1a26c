//! Negotiated terms: an own price for one customer, beside the public catalog.

use serde::{Deserialize, Serialize};

use crate::catalog::{Billing, PlanKey, QuantityRule};
use crate::ids::NegotiatedId;
use crate::money::Money;
use crate::provider::ProviderKey;
use crate::time::Timestamp;

/// Negotiated terms that one customer can have at the same time: more are a
/// catalog of its own, and every one is loaded with its customer.
pub const MAX_NEGOTIATED: usize = 16;

/// What was negotiated with one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Our id.
    pub id: NegotiatedId,
    /// The plan that is held under it.
    pub plan: PlanKey,
    /// The price of one piece, per interval or once.
    pub unit: Money,
    /// How often it is charged.
    pub billing: Billing,
    /// The price of one piece in the first cycle. `None`: the same.
    pub first_cycle: Option<Money>,
    /// The quantities that may be held. `None`: as the plan says.
    pub quantity: Option<QuantityRule>,
    /// Where it is paid. `None`: where the operator's provider is by default.
    pub provider: Option<ProviderKey>,
    /// When it can no longer be taken up. `None`: it stays open.
    pub expires_at: Option<Timestamp>,
    /// When it was agreed.
    pub created_at: Timestamp,
}

impl Negotiated {
    /// Whether it can be taken up at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}
