//! Pausing and resuming a subscription.

use billing_domain::decide::{PauseRefusal, pause, resume};
use billing_domain::ids::SubscriptionId;
use billing_ports::store::Locator;

use crate::billing::Billing;
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Why a subscription was not paused or resumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PauseError {
    /// The rules forbid it, or there is no such subscription.
    #[error(transparent)]
    Refused(#[from] PauseRefusal),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Pauses a subscription of this customer's, or of a guest's that is attached
    /// to it.
    ///
    /// # Errors
    ///
    /// [`PauseError`], and nothing is written.
    pub async fn pause(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        actor: Option<&str>,
    ) -> Result<(), PauseError> {
        let deciding = self.deciding_for(of, subscription, actor).await?;
        let parts = self.parts()?;
        parts
            .decide(&deciding, |draft, _| {
                Ok::<_, PauseError>(pause(draft, subscription)?)
            })
            .await?;
        Ok(())
    }

    /// Resumes a paused subscription of this customer's, or of a guest's that is
    /// attached to it.
    ///
    /// # Errors
    ///
    /// [`PauseError`], and nothing is written.
    pub async fn resume(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        actor: Option<&str>,
    ) -> Result<(), PauseError> {
        let deciding = self.deciding_for(of, subscription, actor).await?;
        let parts = self.parts()?;
        parts
            .decide(&deciding, |draft, _| {
                Ok::<_, PauseError>(resume(draft, subscription)?)
            })
            .await?;
        Ok(())
    }

    async fn deciding_for(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        actor: Option<&str>,
    ) -> Result<Deciding, PauseError> {
        let what = Locator::Subscription(subscription);
        let found = self.parts()?.acting(of, &what).await?;
        let customer = found.ok_or(PauseRefusal::NotFound)?;
        Ok(Deciding::about(customer).by(actor))
    }
}
