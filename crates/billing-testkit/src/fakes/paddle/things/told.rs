//! Events, notifications and destinations.

use std::fmt;

use billing_domain::time::Timestamp;
use serde_json::Value;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `subscription.updated`.
    pub kind: String,
    /// When, to the microsecond.
    pub at: Timestamp,
    /// The object as it was then.
    pub data: Value,
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationStatus {
    /// Not delivered yet.
    NotAttempted,
    /// Answered with 200.
    Delivered,
    /// Answered with anything else, and tried again.
    NeedsRetry,
    /// Given up.
    Failed,
}

impl NotificationStatus {
    pub(in crate::fakes::paddle) const fn name(self) -> &'static str {
        match self {
            Self::NotAttempted => "not_attempted",
            Self::Delivered => "delivered",
            Self::NeedsRetry => "needs_retry",
            Self::Failed => "failed",
        }
    }
}

/// An event on its way to one destination.
#[derive(Debug, Clone)]
pub struct Notification {
    /// `ntf_…`.
    pub id: String,
    /// The event.
    pub event: Event,
    /// Where it stands.
    pub status: NotificationStatus,
    /// Whether somebody asked for it again.
    pub replay: bool,
    /// The destination.
    pub destination_id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried.
    pub last_attempt_at: Option<Timestamp>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it was asked for again.
    pub replayed_at: Option<Timestamp>,
}

/// A destination of notifications.
#[derive(Clone)]
pub struct Destination {
    /// `ntfset_…`.
    pub id: String,
    /// What the merchant reads.
    pub description: String,
    /// Where notifications go.
    pub url: String,
    /// Whether they do.
    pub active: bool,
    /// The types of event that are sent. Empty: every type.
    pub events: Vec<String>,
    /// What they are signed with.
    pub secret: String,
}

impl fmt::Debug for Destination {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("id", &self.id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
