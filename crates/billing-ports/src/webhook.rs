//! Verifying and reading a webhook, in one step.

use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use bytes::Bytes;

use crate::delivery::Delivery;

/// A webhook as it arrived.
#[derive(Clone)]
pub struct WebhookRequest {
    /// Header names in lower case, with their values; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body: what was signed.
    pub body: Bytes,
}

impl std::fmt::Debug for WebhookRequest {
    /// Shows neither signature nor body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRequest")
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl WebhookRequest {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why a webhook is not believed. Deliberately says no more: whoever sent it learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("webhook not genuine")]
pub struct DecodeError;

/// Verifies and reads one provider account's webhooks.
///
/// - MUST verify the signature over the exact bytes before reading any of them,
///   in constant time, and accept every configured secret (rotation).
/// - MUST refuse a signature too old or in the future by its own limit.
/// - A genuine event of unknown kind MUST be accepted with no facts; one that
///   cannot be read MUST be accepted as unreadable.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait WebhookDecoder: Send + Sync {
    /// Which account's webhooks these are.
    fn account(&self) -> &ProviderAccount;

    /// Verifies and reads in one step.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is not genuine, whatever the cause.
    fn decode(&self, request: &WebhookRequest, now: Timestamp) -> Result<Delivery, DecodeError>;
}
