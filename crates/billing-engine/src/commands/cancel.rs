//! Canceling a subscription.

use billing_domain::decide::{CancelOutcome, CancelWhen, cancel};
use billing_domain::ids::SubscriptionId;
use billing_domain::subscription::{State, Subscription};
use billing_domain::time::Timestamp;
use billing_ports::store::Locator;

use crate::billing::Billing;
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Why a subscription was not canceled. That it is canceled already is no error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// The customer has no such subscription.
    #[error("no such subscription")]
    NotFound,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A subscription that is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canceled {
    /// Whether it had been canceled, or was over, before.
    pub already: bool,
    /// The end of access. `None`: the provider will say, or nothing recurs.
    pub ends_at: Option<Timestamp>,
}

impl Billing {
    /// Cancels a subscription of this customer's, or of a guest's that is attached
    /// to it. May be repeated.
    ///
    /// # Errors
    ///
    /// [`CancelError`], and nothing is written.
    pub async fn cancel(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        when: CancelWhen,
        actor: Option<&str>,
    ) -> Result<Canceled, CancelError> {
        let parts = self.parts()?;
        let found = parts
            .acting(of, &Locator::Subscription(subscription))
            .await?;
        let customer = found.ok_or(CancelError::NotFound)?;
        let deciding = Deciding::about(customer).by(actor);
        let decided = parts
            .decide(&deciding, |draft, _| {
                let outcome = cancel(draft, subscription, when).ok_or(CancelError::NotFound)?;
                let held = draft.account.subscription(subscription);
                let ends_at = held.and_then(end_of);
                Ok::<_, CancelError>(match outcome {
                    CancelOutcome::Ends { at } => Canceled {
                        already: false,
                        ends_at: at,
                    },
                    CancelOutcome::Already => Canceled {
                        already: true,
                        ends_at,
                    },
                })
            })
            .await?;
        Ok(decided.said)
    }
}

/// When access to what is canceled, or over, ends or has ended.
fn end_of(held: &Subscription) -> Option<Timestamp> {
    match held.state {
        State::Canceled { ends_at } => Some(ends_at),
        State::Expired { at } => Some(at),
        State::Incomplete
        | State::Trialing { .. }
        | State::Active
        | State::PastDue { .. }
        | State::Paused { .. }
        | State::Lapsed { .. } => held.cancellation.map(|to_come| to_come.ends_at),
    }
}
