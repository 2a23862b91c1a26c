//! Reads the body before a route runs: bounded in size and in time, whatever
//! the request says about its length.

use std::sync::Arc;

use poem::error::ReadBodyError;
use poem::http::{StatusCode, header};
use poem::{Body, Endpoint, Request, Response, Result};

use crate::problem::Problem;
use crate::state::AppState;

/// Reads the body and passes the request on with it.
pub(crate) async fn read<E: Endpoint<Output = Response>>(
    state: AppState,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let limit = state.options.body_limit;
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::body_too_large(limit).into());
    }
    let reading = request.take_body().into_bytes_limit(limit);
    let bytes = match tokio::time::timeout(state.options.body_timeout, reading).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => {
            return Err(Problem::body_too_large(limit).into());
        }
        Ok(Err(_broken)) => {
            return Err(Problem::field("body", "ended before it was complete").into());
        }
        Err(_elapsed) => {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                "the body took too long to arrive",
            )
            .into());
        }
    };
    request.set_body(Body::from_bytes(bytes));
    next.call(request).await
}
