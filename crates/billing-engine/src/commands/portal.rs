//! A provider's own pages, where a customer manages what was bought there.
//! Their addresses let whoever holds them in: handed out, never kept.

use billing_domain::customer::Account;
use billing_domain::ids::SubscriptionId;
use billing_domain::provider::ProviderAccount;
use billing_ports::{PerformError, PortalAnswer, PortalAsk, PortalPurpose};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortalError {
    /// No provider that has such pages knows the customer: nothing was bought yet.
    #[error("no provider with a portal knows the customer")]
    NoCustomer,
    /// The customer has no such subscription, or it is with no such provider.
    #[error("no such subscription at a provider with a portal")]
    NoSubscription,
    /// The provider refuses; this is its code.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider did not answer.
    #[error("the provider did not make a page")]
    Provider,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Makes a page where this customer manages everything that was bought with a
    /// provider; the customer returns to `return_url` where the provider can.
    ///
    /// # Errors
    ///
    /// [`PortalError`].
    pub async fn portal(&self, of: &CustomerRef, return_url: &str) -> Result<String, PortalError> {
        let parts = self.parts()?;
        let account = parts.load(of).await?.ok_or(PortalError::NoCustomer)?;
        let known = |account: &Account| {
            parts.preference.iter().find_map(|at| {
                let reference = account.reference_at(at)?.to_owned();
                parts
                    .has_portal(at)
                    .then_some((at, account.customer.id, reference))
            })
        };
        let known = match known(&account) {
            Some(own) => Some(own),
            // Who bought as a guest alone is known there as a guest.
            None => parts
                .guests_of(&account)
                .await?
                .iter()
                .rev()
                .find_map(known),
        };
        let (at, customer, customer_ref) = known.ok_or(PortalError::NoCustomer)?;
        let ask = PortalAsk {
            customer,
            customer_ref,
            subscription_ref: None,
            purpose: PortalPurpose::Overview,
            return_url: return_url.to_owned(),
        };
        parts.page(at, ask).await
    }

    /// Makes a page where this customer gives another payment method for one
    /// subscription.
    ///
    /// # Errors
    ///
    /// [`PortalError`]. Another customer's subscription is no subscription.
    pub async fn payment_method(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        return_url: &str,
    ) -> Result<String, PortalError> {
        let parts = self.parts()?;
        let account = parts.with_subscription(of, subscription).await?;
        let account = account.ok_or(PortalError::NoSubscription)?;
        let (at, ask) = method_of(&account, subscription, return_url)
            .filter(|(at, _)| parts.has_portal(at))
            .ok_or(PortalError::NoSubscription)?;
        parts.page(&at, ask).await
    }
}

/// What to ask whom for another payment method. `None`: nobody runs it but us.
fn method_of(
    account: &Account,
    subscription: SubscriptionId,
    return_url: &str,
) -> Option<(ProviderAccount, PortalAsk)> {
    let held = account.subscription(subscription)?;
    let at = held.provider.clone()?;
    let ask = PortalAsk {
        customer: account.customer.id,
        customer_ref: account.reference_at(&at)?.to_owned(),
        subscription_ref: Some(held.reference()?.to_owned()),
        purpose: PortalPurpose::PaymentMethod,
        return_url: return_url.to_owned(),
    };
    Some((at, ask))
}

impl Parts {
    fn has_portal(&self, at: &ProviderAccount) -> bool {
        let provider = self.providers.get(at);
        provider.is_some_and(|provider| provider.capabilities().portal)
    }

    async fn page(&self, at: &ProviderAccount, ask: PortalAsk) -> Result<String, PortalError> {
        let provider = self.providers.get(at).ok_or(PortalError::Provider)?;
        let answer = tokio::time::timeout(self.limits.call_timeout, provider.portal(&ask)).await;
        match answer {
            Ok(Ok(PortalAnswer::Page { url })) => Ok(url),
            Ok(Ok(PortalAnswer::Refused(refusal))) => {
                tracing::info!(account = %at, code = refusal.code, "portal refused");
                Err(PortalError::Refused(refusal.code))
            }
            Ok(Err(error)) => {
                note_failed(at, &error);
                Err(PortalError::Provider)
            }
            Err(_elapsed) => Err(PortalError::Provider),
        }
    }
}

fn note_failed(at: &ProviderAccount, error: &PerformError) {
    tracing::warn!(account = %at, %error, "portal failed");
}
