//! The built-in provider for development, demos and tests, and its way into an
//! engine of the same process. Knows no HTTP.

use async_trait::async_trait;
use billing_domain::provider::ProviderAccount;
use billing_engine::{Billing, IntakeError};
use billing_ports::{PaymentProvider, WebhookRequest};

pub use billing_sandbox::*;

/// Hands the sandbox's webhooks to an engine of the same process: signed,
/// verified and stored like those of any provider.
#[derive(Debug, Clone)]
pub struct Intake {
    billing: Billing,
    account: ProviderAccount,
}

impl Intake {
    /// The way into `billing` for the webhooks of `sandbox`.
    #[must_use]
    pub fn new(billing: &Billing, sandbox: &Sandbox) -> Self {
        Self {
            billing: billing.clone(),
            account: sandbox.account().clone(),
        }
    }
}

#[async_trait]
impl WebhookSink for Intake {
    async fn deliver(&self, request: WebhookRequest) -> Result<u16, SinkError> {
        Ok(match self.billing.receive(&self.account, &request).await {
            Ok(_) => 200,
            Err(IntakeError::NotGenuine(_)) => 400,
            Err(_) => 503,
        })
    }
}
