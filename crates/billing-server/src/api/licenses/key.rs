//! A license key as the credential. Garbage, and keys of licenses that are not
//! known, revoked or suspended, are one: nothing is told of which it is, and
//! nothing else is looked up before. What a pause suspends can be canceled all the same.

use billing_domain::ids::LicenseId;
use billing_domain::license::LicenseState;
use billing_domain::subscription::Status;
use billing_engine::LicenseHeld;
use poem::Request;

use crate::http::client_address;
use crate::problem::Problem;
use crate::state::AppState;

/// The license whose key this is.
///
/// # Errors
///
/// The one 401 for every key that does not work, which is counted by address.
pub(super) async fn holder(
    state: &AppState,
    request: &Request,
    key: &str,
) -> Result<LicenseHeld, Problem> {
    match speaking(state, key).await? {
        Some(held) => Ok(held),
        None => Err(refused(state, request)),
    }
}

/// The license whose key this is, of whoever wants to end what it shows. That is refused
/// to nobody who holds it, so the key of a paused subscription is good for it too.
///
/// # Errors
///
/// As [`holder`].
pub(super) async fn holder_who_leaves(
    state: &AppState,
    request: &Request,
    key: &str,
) -> Result<LicenseHeld, Problem> {
    let paused = |held: &LicenseHeld| {
        held.status == Status::Paused && matches!(held.license.state, LicenseState::Good)
    };
    let held = known(state, key).await?;
    let held = held.filter(|held| held.standing.speaks() || paused(held));
    held.ok_or_else(|| refused(state, request))
}

/// The refusal of a credential in the body, counted by address.
pub(super) fn refused(state: &AppState, request: &Request) -> Problem {
    let address = client_address(state, request);
    match state.limiters.failure(address) {
        Ok(()) => Problem::unauthorized(),
        Err(too_often) => too_often,
    }
}

async fn speaking(state: &AppState, key: &str) -> Result<Option<LicenseHeld>, Problem> {
    let held = known(state, key).await?;
    Ok(held.filter(|held| held.standing.speaks()))
}

async fn known(state: &AppState, key: &str) -> Result<Option<LicenseHeld>, Problem> {
    let id = state.signer.as_ref().and_then(|signer| signer.id_of(key));
    let Some(id) = id else {
        return Ok(None);
    };
    Ok(state.billing.license(LicenseId::from(id)).await?)
}
