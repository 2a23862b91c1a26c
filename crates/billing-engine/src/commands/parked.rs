//! Carrying out what a person decided about something parked.

use std::convert::Infallible;

use billing_domain::decide::try_stalled_again;
use billing_domain::ids::{CustomerId, ParkedId};
use billing_ports::store::Resolution;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;
use crate::ring::{DecideError, Deciding};

impl Billing {
    /// Replays, links or discards something parked. `false`: there is no such
    /// thing, or it has been resolved before.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn resolve_parked(
        &self,
        id: ParkedId,
        resolution: Resolution,
    ) -> Result<bool, EngineError> {
        let parts = self.parts()?;
        let of_effect = match resolution {
            // What names an effect is tried again, whomever it is linked to.
            Resolution::Replay | Resolution::Link(_) => parts.store.get_parked(id).await?,
            Resolution::Discard => None,
        };
        let of_effect = of_effect.filter(|parked| parked.effect.is_some());
        let resolved = parts
            .store
            .resolve_parked(id, resolution, parts.now())
            .await?;
        if resolved {
            tracing::info!(parked = %id, ?resolution, "parked item resolved");
            if let Some(customer) = of_effect.and_then(|parked| parked.customer) {
                parts.wait_no_more(customer, id).await;
            }
            parts.wake.notify_one();
        }
        Ok(resolved)
    }
}

impl Parts {
    /// An invoice that waited for what was parked is asked for again. That it is shown so is
    /// no part of what was resolved: where this fails, it is made all the same.
    async fn wait_no_more(&self, customer: CustomerId, parked: ParkedId) {
        let decided = self
            .try_decide(&Deciding::about(customer), |draft, _catalog| {
                try_stalled_again(draft, parked);
                Ok::<_, Infallible>(())
            })
            .await;
        match decided {
            Ok(_) | Err(DecideError::NoCustomer | DecideError::Overtaken) => {}
            Err(DecideError::Refused(never)) => match never {},
            Err(DecideError::Engine(error)) => {
                tracing::warn!(%parked, %error, "an invoice is shown as waiting, and is not");
            }
        }
    }
}
