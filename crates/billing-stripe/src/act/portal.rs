//! Pages of Stripe's where a customer manages what was bought.

use billing_ports::{PerformError, PortalAnswer, PortalAsk};

use crate::client::Reply;
use crate::forms::customer;
use crate::provider::Stripe;
use crate::wire::PortalSession;

impl Stripe {
    /// Makes a page of the portal.
    pub(crate) async fn open_portal(&self, ask: &PortalAsk) -> Result<PortalAnswer, PerformError> {
        let call = customer::portal(ask, self.portal_configuration.as_deref());
        match self.client.send::<PortalSession>(call).await {
            Ok(Reply { body, .. }) => Ok(PortalAnswer::Page { url: body.url }),
            Err(failure) => failure.refusal().map(PortalAnswer::Refused),
        }
    }
}
