//! What arrives from the world, before anything is decided.

use billing_domain::fact::Observed;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use bytes::Bytes;

/// Something that a provider said: by webhook, or in answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which provider account said it.
    pub account: ProviderAccount,
    /// The provider's id of the event; with the account, what makes it unique.
    /// Answers to our own calls use `reply:{effect key}`.
    pub event_id: String,
    /// The provider's word for the kind of event.
    pub kind: String,
    /// What it means to us.
    pub reading: Reading,
    /// The exact bytes that were verified. Empty for answers to our own calls.
    pub body: Bytes,
}

/// What a delivery means to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Facts, in the order in which they are to be decided. Empty: genuine, and of no interest.
    Facts(Vec<Observed>),
    /// Genuine, and it could not be read: parked with its bytes, never lost.
    Unreadable {
        /// What was wrong with it, without any of its content.
        why: String,
        /// When it was sent, as far as known.
        at: Option<Timestamp>,
    },
}
