//! Pausing and resuming a subscription, at once and unquoted.

use billing_domain::customer::Account;
use billing_domain::decide::{CancelWhen, PauseOutcome, PauseRefusal, pause, resume};
use billing_domain::ids::SubscriptionId;
use billing_domain::subscription::{Schedule, Status};
use billing_ports::store::Locator;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Why a subscription was not paused or resumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PauseError {
    /// The rules forbid it, or there is no such subscription.
    #[error(transparent)]
    Refused(#[from] PauseRefusal),
    /// The provider that runs its schedule cannot pause it.
    #[error("its provider cannot pause it")]
    Unsupported,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Pauses a subscription of this customer's, or of a guest's that is attached
    /// to it. May be repeated.
    ///
    /// # Errors
    ///
    /// [`PauseError`], and nothing is written.
    pub async fn pause(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        actor: Option<&str>,
    ) -> Result<PauseOutcome, PauseError> {
        let deciding = self.deciding_for(of, subscription, actor).await?;
        let parts = self.parts()?;
        let decided = parts
            .decide(&deciding, |draft, _| {
                if !parts.can_pause(&draft.account, subscription) {
                    return Err(PauseError::Unsupported);
                }
                Ok(pause(draft, subscription)?)
            })
            .await?;
        Ok(decided.said)
    }

    /// Resumes a paused subscription of this customer's, or of a guest's that is
    /// attached to it. May be repeated.
    ///
    /// # Errors
    ///
    /// [`PauseError`], and nothing is written.
    pub async fn resume(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        actor: Option<&str>,
    ) -> Result<PauseOutcome, PauseError> {
        let deciding = self.deciding_for(of, subscription, actor).await?;
        let parts = self.parts()?;
        let decided = parts
            .decide(&deciding, |draft, _| {
                Ok::<_, PauseError>(resume(draft, subscription)?)
            })
            .await?;
        Ok(decided.said)
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

impl Parts {
    /// When a subscription ends that is canceled at its period's end: at once, where it
    /// is paused at a provider that ends what is paused at once.
    pub(crate) fn ends(&self, account: &Account, id: SubscriptionId) -> CancelWhen {
        let paused = account.subscription(id).filter(|held| {
            matches!(held.schedule, Schedule::Provider { .. }) && held.status() == Status::Paused
        });
        let provider = paused.and_then(|held| held.provider.as_ref());
        let provider = provider.and_then(|account| self.providers.get(account));
        if provider.is_some_and(|provider| provider.capabilities().paused_ends_at_once) {
            CancelWhen::AtOnce
        } else {
            CancelWhen::PeriodEnd
        }
    }

    /// Whether whoever runs the schedule of a subscription can pause it. What there
    /// is none of is left to the rules.
    pub(crate) fn can_pause(&self, account: &Account, id: SubscriptionId) -> bool {
        let held = account
            .subscription(id)
            .filter(|held| matches!(held.schedule, Schedule::Provider { .. }));
        let provider = held.and_then(|held| held.provider.as_ref());
        provider
            .and_then(|account| self.providers.get(account))
            .is_none_or(|provider| provider.capabilities().pause)
    }
}
