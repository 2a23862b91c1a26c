//! Machines of a license, by the names that an application gives them. What is
//! kept of a name is its fingerprint.

use billing_domain::decide::{MachineAct, MachineActError, act_on_machine};
use billing_domain::ids::LicenseId;
use billing_domain::license::MachineStanding;
use billing_ports::store::Locator;
use ring::digest::{SHA256, digest};

use crate::billing::Billing;
use crate::commands::CustomerRef;
use crate::commands::license::LicenseHeld;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Bytes of a digest that make a fingerprint: 128 bits, of which no two are met twice.
const MARK_BYTES: usize = 16;

/// Why nothing was done to a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// There is no such license, it is not good, or every place is taken.
    #[error(transparent)]
    Refused(#[from] MachineActError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Activates a license on the machine of this name, or takes it off, and gives
    /// how the license stands then. Done before, nothing changes. However many ask
    /// at once, there are never more machines than places.
    ///
    /// # Errors
    ///
    /// [`MachineError`], and nothing is written.
    pub async fn act_on_machine(
        &self,
        id: LicenseId,
        act: MachineAct,
        machine: &str,
        actor: Option<&str>,
    ) -> Result<LicenseHeld, MachineError> {
        let parts = self.parts()?;
        let found = parts.store.find(&Locator::License(id)).await;
        let found = found.map_err(EngineError::from)?;
        let customer = found.ok_or(MachineActError::NoSuchLicense)?;
        let mark = mark_of(id, machine);
        let deciding = Deciding::about(customer).by(actor);
        let decide = parts.decide(&deciding, |draft, _catalog| {
            act_on_machine(draft, id, act, &mark).map_err(MachineError::Refused)
        });
        decide.await?;
        let held = self.license(id).await?;
        held.ok_or(MachineError::Refused(MachineActError::NoSuchLicense))
    }

    /// Takes a license of this customer's, or of a guest's that is attached to it, off the
    /// machine with this fingerprint, whose name nobody need know any more. Done before,
    /// nothing changes.
    ///
    /// # Errors
    ///
    /// [`MachineError`], and nothing is written. Another customer's license is none.
    pub async fn release_machine(
        &self,
        of: &CustomerRef,
        id: LicenseId,
        mark: &str,
        actor: Option<&str>,
    ) -> Result<(), MachineError> {
        let parts = self.parts()?;
        let found = parts.acting(of, &Locator::License(id)).await?;
        let customer = found.ok_or(MachineActError::NoSuchLicense)?;
        let deciding = Deciding::about(customer).by(actor);
        let decide = parts.decide(&deciding, |draft, _catalog| {
            let act = MachineAct::Deactivate;
            act_on_machine(draft, id, act, mark).map_err(MachineError::Refused)
        });
        decide.await?;
        Ok(())
    }
}

impl LicenseHeld {
    /// How the machine of this name stands with the license.
    #[must_use]
    pub fn machine(&self, machine: &str) -> MachineStanding {
        let mark = mark_of(self.license.id, machine);
        self.license.machine(&mark, self.max_machines)
    }
}

/// What is kept of a machine's name: another for each license, so that nobody sees
/// in the books which licenses are used on one machine.
pub(super) fn mark_of(license: LicenseId, machine: &str) -> String {
    let hash = digest(&SHA256, format!("machine 1:{license}:{machine}").as_bytes());
    let kept: Vec<u8> = hash.as_ref().iter().take(MARK_BYTES).copied().collect();
    hex::encode(kept)
}
