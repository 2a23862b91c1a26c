//! What an operator does to a license: suspends, reinstates or revokes it.

use billing_domain::decide::{LicenseAct, LicenseActError, act_on_license};
use billing_domain::ids::LicenseId;
use billing_ports::store::Locator;

use crate::billing::Billing;
use crate::commands::license::LicenseHeld;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Why nothing was done to a license.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LicenseError {
    /// There is no such license, or it stands otherwise than the act needs.
    #[error(transparent)]
    Refused(#[from] LicenseActError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Does what an operator decided to a license, for a `reason` that is kept in
    /// the journal, and gives how the license stands then. Done before, nothing
    /// changes.
    ///
    /// # Errors
    ///
    /// [`LicenseError`], and nothing is written.
    pub async fn act_on_license(
        &self,
        id: LicenseId,
        act: LicenseAct,
        reason: &str,
        actor: Option<&str>,
    ) -> Result<LicenseHeld, LicenseError> {
        let parts = self.parts()?;
        let found = parts.store.find(&Locator::License(id)).await;
        let found = found.map_err(EngineError::from)?;
        let customer = found.ok_or(LicenseActError::NoSuchLicense)?;
        let deciding = Deciding::about(customer).by(actor);
        let decide = parts.decide(&deciding, |draft, _catalog| {
            act_on_license(draft, id, act, reason).map_err(LicenseError::Refused)
        });
        decide.await?;
        let held = self.license(id).await?;
        held.ok_or(LicenseError::Refused(LicenseActError::NoSuchLicense))
    }
}
