//! Receive: a webhook is verified, stored and answered; deciding comes later.

use billing_domain::ids::InboxId;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use billing_ports::store::{Received, StoreError};
use billing_ports::{DecodeError, Delivery, WebhookRequest};

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// Why a webhook was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// No such provider account is configured.
    #[error("no such provider account")]
    NoSuchAccount,
    /// It is not genuine. Whoever sent it learns nothing more.
    #[error(transparent)]
    NotGenuine(#[from] DecodeError),
    /// Billing is switched off.
    #[error("billing is switched off")]
    Disabled,
    /// It could not be stored; the provider must send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Billing {
    /// Takes a webhook of `account`: verified and read in one step, then stored.
    /// `Ok` means that it will be decided, whatever happens to this process.
    ///
    /// # Errors
    ///
    /// [`IntakeError`], and nothing is written.
    pub async fn receive(
        &self,
        account: &ProviderAccount,
        request: &WebhookRequest,
    ) -> Result<Received, IntakeError> {
        let parts = self.parts().map_err(|_disabled| IntakeError::Disabled)?;
        let decoder = parts
            .decoders
            .get(account)
            .ok_or(IntakeError::NoSuchAccount)?;
        let now = parts.now();
        let delivery = decoder.decode(request, now)?;
        Ok(parts.receive(delivery, now).await?)
    }

    /// Takes a delivery that the caller vouches for, as an import does.
    ///
    /// # Errors
    ///
    /// [`EngineError`], and nothing is written.
    pub async fn receive_trusted(&self, delivery: Delivery) -> Result<Received, EngineError> {
        let parts = self.parts()?;
        Ok(parts.receive(delivery, parts.now()).await?)
    }
}

impl Parts {
    /// Takes what was read at a provider. `false`: it is known.
    pub(super) async fn receive_new(&self, delivery: Delivery) -> Result<bool, StoreError> {
        let received = self.receive(delivery, self.now()).await?;
        Ok(matches!(received, Received::New(_)))
    }

    async fn receive(&self, delivery: Delivery, now: Timestamp) -> Result<Received, StoreError> {
        let id: InboxId = self.ids(now).draw();
        let received = self.store.receive(id, delivery, now).await?;
        if matches!(received, Received::New(_)) {
            self.wake.notify_one();
        }
        Ok(received)
    }
}
