//! Claims: how many workers share one queue, nothing twice and nothing skipped.

use billing_domain::effect::Effect;
use billing_domain::ids::{CustomerId, EffectId, InboxId};
use billing_domain::time::Timestamp;
use jiff::SignedDuration;

use crate::delivery::Delivery;

/// A worker asking for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claiming {
    /// The present instant.
    pub now: Timestamp,
    /// How long the work is this worker's; then it is anybody's again.
    pub lease: SignedDuration,
    /// At most so much.
    pub limit: u16,
}

/// Proof of a claim. Every claim of a row has a higher one, so that a late
/// worker's commit can be told from the present holder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub i64);

/// A customer of whom something falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCustomer {
    /// The customer.
    pub customer: CustomerId,
    /// Since when.
    pub due_at: Timestamp,
    /// Proof of the claim.
    pub fence: Fence,
}

/// A row of the inbox, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// Our id.
    pub id: InboxId,
    /// What arrived.
    pub delivery: Delivery,
    /// The customer that an operator linked it to by hand.
    pub linked: Option<CustomerId>,
    /// When it arrived, by our clock.
    pub received_at: Timestamp,
    /// How often it has been released since it arrived.
    pub attempts: u16,
    /// Proof of the claim.
    pub fence: Fence,
}

/// An effect waiting to be performed, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Whose effect.
    pub customer: CustomerId,
    /// What is to be done.
    pub effect: Effect,
    /// How often it has been tried without an answer.
    pub attempts: u16,
    /// Proof of the claim.
    pub fence: Fence,
}

/// Which claimed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// A customer.
    Customer(CustomerId),
    /// A row of the inbox.
    Inbox(InboxId),
    /// A row of the outbox.
    Outbox(EffectId),
}

/// Giving a claimed row back, to be claimed again at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Which row.
    pub row: Claimed,
    /// Proof of the claim.
    pub fence: Fence,
    /// Not before this instant.
    pub retry_at: Timestamp,
    /// Whether this counts as an attempt.
    pub counts: bool,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Stored.
    New(InboxId),
    /// Known before; nothing was stored.
    Known,
}
