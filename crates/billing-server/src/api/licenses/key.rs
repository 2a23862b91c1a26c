//! A license key as the credential. Garbage, and keys of licenses that are not
//! known, revoked or suspended, are one: nothing is told of which it is, and
//! nothing else is looked up before.

use billing_domain::ids::LicenseId;
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

/// The refusal of a credential in the body, counted by address.
pub(super) fn refused(state: &AppState, request: &Request) -> Problem {
    let address = client_address(state, request);
    match state.limiters.failure(address) {
        Ok(()) => Problem::unauthorized(),
        Err(too_often) => too_often,
    }
}

async fn speaking(state: &AppState, key: &str) -> Result<Option<LicenseHeld>, Problem> {
    let id = state.signer.as_ref().and_then(|signer| signer.id_of(key));
    let Some(id) = id else {
        return Ok(None);
    };
    let held = state.billing.license(LicenseId::from(id)).await?;
    Ok(held.filter(|held| held.standing.speaks()))
}
