//! Carrying out what a person decided about something parked.

use billing_domain::ids::ParkedId;
use billing_ports::store::Resolution;

use crate::billing::Billing;
use crate::error::EngineError;

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
        let resolved = parts
            .store
            .resolve_parked(id, resolution, parts.now())
            .await?;
        if resolved {
            tracing::info!(parked = %id, ?resolution, "parked item resolved");
            parts.wake.notify_one();
        }
        Ok(resolved)
    }
}
