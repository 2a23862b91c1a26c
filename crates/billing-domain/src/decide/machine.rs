//! Machines of a license: activated where there is a place, and taken off again.
//! Knows a machine by its mark alone.

use crate::decision::Draft;
use crate::ids::LicenseId;
use crate::journal::Event;
use crate::license::{License, LicenseState, Machine, MachineStanding};

/// What the holder of a license does with a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineAct {
    /// The license is to be good on it.
    Activate,
    /// Its place is given up.
    Deactivate,
}

/// Why a machine was not activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MachineActError {
    /// The customer has no such license.
    #[error("no such license")]
    NoSuchLicense,
    /// The license is suspended, revoked, or gives nothing any more.
    #[error("the license is not good")]
    NotGood,
    /// Every place is taken.
    #[error("the license is activated on as many machines as it may be ({places})")]
    TooMany {
        /// How many machines it may be activated on.
        places: u32,
    },
}

/// Activates or deactivates the machine with this `mark`. Done before, nothing
/// changes. A place is given up at any time; one is taken while the license is good
/// and the plan that holds at that instant has one left.
///
/// # Errors
///
/// [`MachineActError`], and nothing changes.
pub fn act_on_machine(
    draft: &mut Draft,
    id: LicenseId,
    act: MachineAct,
    mark: &str,
) -> Result<License, MachineActError> {
    let mut licenses = draft.account.licenses.iter();
    let found = licenses.find(|license| license.id == id).cloned();
    let mut license = found.ok_or(MachineActError::NoSuchLicense)?;
    let event = match act {
        MachineAct::Activate => {
            if is_active(draft, &license, mark)? {
                return Ok(license);
            }
            license.machines.push(Machine {
                mark: mark.to_owned(),
                activated_at: draft.now(),
            });
            Event::LicenseMachineActivated
        }
        MachineAct::Deactivate => {
            let before = license.machines.len();
            license.machines.retain(|machine| machine.mark != mark);
            if license.machines.len() == before {
                return Ok(license);
            }
            Event::LicenseMachineDeactivated
        }
    };
    told(draft, license.clone(), event, mark);
    Ok(license)
}

/// Notes that the key of a license was given back to whoever named one of its
/// invoices and the address, of which the journal keeps `email_hash` alone.
///
/// # Errors
///
/// [`MachineActError::NoSuchLicense`].
pub fn note_recovery(
    draft: &mut Draft,
    id: LicenseId,
    email_hash: &str,
) -> Result<(), MachineActError> {
    let mut licenses = draft.account.licenses.iter();
    let found = licenses.find(|license| license.id == id);
    let subscription = found.ok_or(MachineActError::NoSuchLicense)?.subscription;
    draft.note(Event::LicenseRecovered, |entry| {
        entry.license = Some(id);
        entry.subscription = Some(subscription);
        entry.note = Some(email_hash.to_owned());
    });
    Ok(())
}

/// Whether it is active already. `false`: there is a place for it.
fn is_active(draft: &Draft, license: &License, mark: &str) -> Result<bool, MachineActError> {
    let now = draft.now();
    let held = draft.account.subscription(license.subscription);
    let held = held.filter(|held| license.state == LicenseState::Good && held.gives_access(now));
    let held = held.ok_or(MachineActError::NotGood)?;
    let places = held
        .terms_at(now)
        .license
        .map_or(0, |rule| rule.max_machines);
    match license.machine(mark, places) {
        MachineStanding::Active => Ok(true),
        MachineStanding::NotActive => Ok(false),
        MachineStanding::NoPlace => Err(MachineActError::TooMany { places }),
    }
}

fn told(draft: &mut Draft, license: License, event: Event, mark: &str) {
    let (id, subscription) = (license.id, license.subscription);
    draft.account.put_license(license);
    draft.note(event, |entry| {
        entry.license = Some(id);
        entry.subscription = Some(subscription);
        entry.note = Some(mark.to_owned());
    });
}
