//! Lets a request in: billing switched on, the caller known, not too often.

use std::sync::Arc;

use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response, Result};

use crate::auth::{Caller, authenticate};
use crate::host::vouched;
use crate::http::rates::client_address;
use crate::problem::Problem;
use crate::state::AppState;

/// Where the billing routes are.
pub(crate) const BILLING: &str = "/v1/";

/// Where providers deliver; they sign instead of showing a credential.
pub(crate) const WEBHOOKS: &str = "/v1/webhooks/";

/// Finds out who calls and passes the request on with it.
pub(crate) async fn admit<E: Endpoint<Output = Response>>(
    state: AppState,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let path = request.uri().path();
    if !path.starts_with(BILLING) {
        return next.call(request).await;
    }
    if !state.billing.is_enabled() {
        return Err(Problem::billing_disabled().into());
    }
    if path.starts_with(WEBHOOKS) {
        return next.call(request).await;
    }
    let address = client_address(&state, &request);
    let vouched = vouched(&state, &mut request).await?;
    let known = match vouched {
        Some(caller) => Ok(caller),
        None => authenticate(&state, request.headers()).await,
    };
    let caller = match known {
        Ok(caller) => caller,
        Err(problem) => {
            if poem::error::ResponseError::status(&problem) == StatusCode::UNAUTHORIZED {
                state.limiters.failure(address)?;
            }
            return Err(problem.into());
        }
    };
    if *request.method() == Method::POST && !matches!(caller, Caller::Key(_)) {
        state.limiters.post(address)?;
    }
    request.extensions_mut().insert(caller);
    next.call(request).await
}
