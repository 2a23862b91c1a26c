//! Pages of Stripe's where a customer manages what was bought.

use billing_ports::{PerformError, PortalAnswer, PortalAsk};

use crate::client::Reply;
use crate::failure::Failure;
use crate::forms::{customer, read};
use crate::provider::Stripe;
use crate::wire::{PortalSession, Subscription, id_of};

impl Stripe {
    /// Makes a page of the portal.
    pub(crate) async fn open_portal(&self, ask: &PortalAsk) -> Result<PortalAnswer, PerformError> {
        match self.portal_of(ask).await {
            Ok(url) => Ok(PortalAnswer::Page { url }),
            Err(failure) => failure.refusal().map(PortalAnswer::Refused),
        }
    }

    /// A portal is a customer's. Of one subscription it is its own customer's, who need
    /// not be the one that ours usually is: a subscription may have been linked by hand.
    async fn portal_of(&self, ask: &PortalAsk) -> Result<String, Failure> {
        let mut ask = ask.clone();
        if let Some(of) = &ask.subscription_ref {
            let held: Reply<Subscription> = self.client.send(read::subscription(of)).await?;
            if let Some(payer) = id_of(held.body.customer.as_ref()) {
                payer.clone_into(&mut ask.customer_ref);
            }
        }
        let call = customer::portal(&ask, self.portal_configuration.as_deref());
        let made: Reply<PortalSession> = self.client.send(call).await?;
        Ok(made.body.url)
    }
}
