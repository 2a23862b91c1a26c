//! Mailing a guest's claim to the mailbox that it names.

use async_trait::async_trait;
use billing_domain::claim::Claim;
use billing_domain::ids::CustomerId;

use crate::notifier::NotifyError;

/// Mails a guest's claim to the mailbox that it names.
///
/// MUST tell nobody else that there is a claim, and MUST tolerate being asked
/// for the same claim twice.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ClaimPost: Send + Sync {
    /// Takes the mail over: it is on its way, or was given up for good. An error
    /// has it asked for again later.
    async fn post(&self, guest: CustomerId, claim: &Claim) -> Result<(), NotifyError>;
}
