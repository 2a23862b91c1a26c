//! What Stripe knows of a customer of its own.

use billing_domain::time::Timestamp;
use billing_ports::PerformError;
use billing_ports::provider::Buyer;

use crate::client::Reply;
use crate::facts::instant;
use crate::failure::Failure;
use crate::forms::read;
use crate::provider::Stripe;
use crate::wire::Payer;

impl Stripe {
    /// A customer. `None`: there is none, or it was deleted.
    pub(crate) async fn read_buyer(&self, id: &str) -> Result<Option<Buyer>, PerformError> {
        let read: Result<Reply<Payer>, Failure> = self.client.send(read::customer(id)).await;
        let payer = match read {
            Ok(reply) if reply.body.deleted == Some(true) => return Ok(None),
            Ok(reply) => reply.body,
            Err(Failure::Missing(_)) => return Ok(None),
            Err(failure) => return Err(failure.of_reading()),
        };
        let since: Option<Timestamp> = payer.created.and_then(instant);
        Ok(Some(Buyer {
            email: payer.email.filter(|email| !email.is_empty()),
            lang: payer.preferred_locales.into_iter().flatten().next(),
            since,
            metadata: payer.metadata.unwrap_or_default(),
        }))
    }
}
