//! Canceling a subscription, and taking that back.

use billing_domain::decide::{
    CancelOutcome, CancelWhen, UncancelOutcome, UncancelRefusal, cancel, uncancel,
};
use billing_domain::ids::SubscriptionId;
use billing_domain::subscription::{State, Subscription};
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, Locator};

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
                let when = match when {
                    CancelWhen::AtOnce => when,
                    CancelWhen::PeriodEnd => parts.ends(&draft.account, subscription),
                };
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

/// Why a cancellation was not taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UncancelError {
    /// The rules forbid it, or there is no such subscription.
    #[error(transparent)]
    Refused(#[from] UncancelRefusal),
    /// The provider that runs the schedule refused, and it ends as was told before;
    /// this is its code.
    #[error("the provider refused to take the cancellation back: {0}")]
    ProviderRefused(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A cancellation that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncanceled {
    /// The subscription goes on.
    Done,
    /// The provider that runs the schedule was asked and has not answered yet: the
    /// cancellation stands until it does, and the subscription will say.
    Asked,
    /// No cancellation was to come.
    Already,
}

impl Billing {
    /// Takes back the cancellation of a subscription of this customer's, or of a
    /// guest's that is attached to it, before it has come to be. Where a provider runs
    /// the schedule it is asked at once, since the buyer waits. May be repeated.
    ///
    /// # Errors
    ///
    /// [`UncancelError`], and the cancellation stands.
    pub async fn uncancel(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        actor: Option<&str>,
    ) -> Result<Uncanceled, UncancelError> {
        let parts = self.parts()?;
        let what = Locator::Subscription(subscription);
        let found = parts.acting(of, &what).await?;
        let customer = found.ok_or(UncancelRefusal::NotFound)?;
        let until = parts.limits.calls_until();
        let deciding = Deciding::about(customer)
            .by(actor)
            .leasing_until(parts.lease_ends());
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                uncancel(draft, subscription, catalog).map_err(UncancelError::from)
            })
            .await?;
        let asked = match decided.said {
            UncancelOutcome::Done => return Ok(Uncanceled::Done),
            UncancelOutcome::Already => return Ok(Uncanceled::Already),
            UncancelOutcome::Asked(asked) => asked,
        };
        let effects = decided.effects.into_iter();
        for effect in effects.filter(|effect| Some(effect.id) == asked) {
            let (_performed, refused) = parts.ask_leased(customer, effect, until).await?;
            if let Some(code) = refused {
                return Err(UncancelError::ProviderRefused(code));
            }
        }
        let loaded = parts.store.load(customer, &Also::default()).await;
        let loaded = loaded.map_err(EngineError::from)?;
        let held = loaded
            .as_ref()
            .and_then(|loaded| loaded.account.subscription(subscription));
        Ok(match held {
            Some(held) if held.cancellation.is_none() && !held.is_over() => Uncanceled::Done,
            _ => Uncanceled::Asked,
        })
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
