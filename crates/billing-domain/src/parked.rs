//! Parked: what could not be decided, set aside for a person with a reason and
//! the evidence. Nothing is retried for ever, and nothing is lost.

use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, EffectId, InboxId, ParkedId};
use crate::time::Timestamp;

/// Something set aside for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Our id.
    pub id: ParkedId,
    /// Why.
    pub reason: ParkReason,
    /// Whom it concerns. `None`: nobody known.
    pub customer: Option<CustomerId>,
    /// The inbox row that waits, if one does: it can be replayed.
    pub inbox: Option<InboxId>,
    /// The effect that waits, if one does: it can be retried.
    pub effect: Option<EffectId>,
    /// What a person needs to decide, in plain words.
    pub evidence: String,
    /// When it was set aside.
    pub at: Timestamp,
}

/// Why something was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// It matches nothing known.
    Unlinked,
    /// Nothing ties it to one of ours but a customer over there, and several of ours
    /// are that customer: whose it is, a person says, by linking it.
    SharedCustomer,
    /// The provider's price is not in the catalog.
    UnknownPrice,
    /// What was paid is not what was owed.
    AmountMismatch,
    /// Money for something already paid, voided or over.
    LatePayment,
    /// Money in another currency than what was owed.
    CurrencyMismatch,
    /// A second purchase of what is held already.
    Duplicate,
    /// The provider refused what we asked.
    ProviderRefused,
    /// Every attempt failed.
    AttemptsExhausted,
    /// It contradicts what is known.
    Conflict,
    /// Genuine, and it could not be read.
    Unreadable,
}

impl ParkReason {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unlinked => "unlinked",
            Self::SharedCustomer => "shared_customer",
            Self::UnknownPrice => "unknown_price",
            Self::AmountMismatch => "amount_mismatch",
            Self::LatePayment => "late_payment",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::Duplicate => "duplicate",
            Self::ProviderRefused => "provider_refused",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Conflict => "conflict",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether whose it is may become known by itself: then it is tried again.
    #[must_use]
    pub const fn awaits_its_customer(self) -> bool {
        matches!(self, Self::Unlinked | Self::SharedCustomer)
    }
}
