//! Licenses follow what they show: issued with the subscription, the same for
//! life, good for longer with every renewal, of another tier with every change, and
//! revoked with the purchase that is undone. An operator suspends, reinstates and
//! revokes them by hand.

use crate::decision::Draft;
use crate::ids::{LicenseId, SubscriptionId};
use crate::journal::Event;
use crate::license::{License, LicenseState, RevokeCause};
use crate::terms::Terms;

/// What an operator does to a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseAct {
    /// It is not good until it is reinstated.
    Suspend,
    /// It was suspended, and is good again.
    Reinstate,
    /// It is no longer good, and never will be.
    Revoke,
}

/// Why an operator's act on a license was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LicenseActError {
    /// The customer has no such license.
    #[error("no such license")]
    NoSuchLicense,
    /// It is revoked, which is for good.
    #[error("the license is revoked, which is for good")]
    Revoked,
    /// It was to be reinstated and is not suspended.
    #[error("the license is not suspended")]
    NotSuspended,
}

/// Does what an operator decided, for a `reason` that the journal keeps. Done
/// before, nothing changes.
///
/// # Errors
///
/// [`LicenseActError`], and nothing changes.
pub fn act_on_license(
    draft: &mut Draft,
    id: LicenseId,
    act: LicenseAct,
    reason: &str,
) -> Result<License, LicenseActError> {
    let mut licenses = draft.account.licenses.iter();
    let found = licenses.find(|license| license.id == id).cloned();
    let license = found.ok_or(LicenseActError::NoSuchLicense)?;
    let now = draft.now();
    let because = || reason.to_owned();
    let (state, event) = match (act, &license.state) {
        (LicenseAct::Suspend, LicenseState::Suspended { .. })
        | (LicenseAct::Reinstate, LicenseState::Good)
        | (LicenseAct::Revoke, LicenseState::Revoked { .. }) => return unchanged(act, license),
        (LicenseAct::Suspend | LicenseAct::Reinstate, LicenseState::Revoked { .. }) => {
            return Err(LicenseActError::Revoked);
        }
        (LicenseAct::Suspend, LicenseState::Good) => {
            let reason = because();
            let state = LicenseState::Suspended { since: now, reason };
            (state, Event::LicenseSuspended)
        }
        (LicenseAct::Reinstate, LicenseState::Suspended { .. }) => {
            (LicenseState::Good, Event::LicenseReinstated)
        }
        (LicenseAct::Revoke, LicenseState::Good | LicenseState::Suspended { .. }) => {
            let cause = RevokeCause::Operator { reason: because() };
            (
                LicenseState::Revoked { at: now, cause },
                Event::LicenseRevoked,
            )
        }
    };
    let license = license.with(state);
    told(draft, license.clone(), event, Some(reason));
    Ok(license)
}

/// What was done before is not done again; but what never was suspended cannot be
/// reinstated.
fn unchanged(act: LicenseAct, license: License) -> Result<License, LicenseActError> {
    match act {
        LicenseAct::Suspend | LicenseAct::Revoke => Ok(license),
        LicenseAct::Reinstate => Err(LicenseActError::NotSuspended),
    }
}

/// Issues the license of a subscription whose plan gives one and that has none.
pub(super) fn issue(draft: &mut Draft, id: SubscriptionId) {
    let gives = draft
        .account
        .subscription(id)
        .is_some_and(|held| held.terms.license.is_some());
    if !gives || draft.account.license_of(id).is_some() {
        return;
    }
    let license = License::issued(draft.id(), id, draft.now());
    told(draft, license, Event::LicenseIssued, None);
}

/// What it shows is good for longer. Of one that is suspended nobody is told so: it is given
/// to nobody until it is reinstated, which is told then.
pub(super) fn extend(draft: &mut Draft, id: SubscriptionId) {
    let Some(license) = raised(draft, id) else {
        return;
    };
    if matches!(license.state, LicenseState::Suspended { .. }) {
        draft.account.put_license(license);
    } else {
        told(draft, license, Event::LicenseReissued, None);
    }
}

/// What it shows is another plan, or another quantity of it.
pub(super) fn follow_terms(draft: &mut Draft, id: SubscriptionId, before: &Terms) {
    issue_if_first(draft, id, before);
    let changed = draft.account.subscription(id).is_some_and(|held| {
        held.terms.plan != before.plan || held.terms.quantity != before.quantity
    });
    if changed && before.license.is_some() {
        // Of one that is suspended, too: what it shows is another tier from now on.
        if let Some(license) = raised(draft, id) {
            told(draft, license, Event::LicenseTierChanged, None);
        }
    }
}

/// It is no longer good, and never will be: what was paid went back.
pub(super) fn revoke(draft: &mut Draft, id: SubscriptionId) {
    let good = draft.account.license_of(id).cloned();
    let Some(license) = good.filter(|license| license.revoked_at().is_none()) else {
        return;
    };
    let revoked = LicenseState::Revoked {
        at: draft.now(),
        cause: RevokeCause::Returned,
    };
    told(draft, license.with(revoked), Event::LicenseRevoked, None);
}

fn issue_if_first(draft: &mut Draft, id: SubscriptionId, before: &Terms) {
    if before.license.is_none() {
        issue(draft, id);
    }
}

/// The license of a subscription, showing something newer than before. `None`: it has none
/// that is or can be good again.
fn raised(draft: &Draft, id: SubscriptionId) -> Option<License> {
    let license = draft.account.license_of(id).cloned();
    let license = license.filter(|license| license.revoked_at().is_none())?;
    let serial = license.serial.saturating_add(1);
    Some(License { serial, ..license })
}

fn told(draft: &mut Draft, license: License, event: Event, reason: Option<&str>) {
    let (id, subscription) = (license.id, license.subscription);
    draft.account.put_license(license);
    draft.note(event, |entry| {
        entry.license = Some(id);
        entry.subscription = Some(subscription);
        entry.note = reason.map(str::to_owned);
    });
}
