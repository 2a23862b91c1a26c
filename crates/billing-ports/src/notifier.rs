//! Telling whoever listens what happened.

use async_trait::async_trait;
use billing_domain::ids::EffectId;
use billing_domain::journal::JournalEntry;

/// Why listeners could not be told; told again later, under the same id. What it says is
/// fit for a log: no secret, no address with credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// It was tried, and went wrong. What goes wrong each time is for a person at last.
    #[error("{0}")]
    Failed(String),
    /// It was not tried: too much is under way. Told again soon, however often.
    #[error("{0}")]
    NoRoom(String),
}

/// Tells whoever listens what happened.
///
/// MUST tolerate being told the same `delivery` twice: a crash between telling
/// and recording repeats it under the same id.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Tells what happened to one customer in one decision, in order.
    async fn notify(&self, delivery: EffectId, entries: &[JournalEntry])
    -> Result<(), NotifyError>;
}
