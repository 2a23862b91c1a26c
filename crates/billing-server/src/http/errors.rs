//! Every error as a refusal of ours: the framework's, and panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use poem::http::StatusCode;
use poem::{Endpoint, Error, PathPattern, Request, Response, Result};
use poem_openapi::error::{
    ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError,
};

use crate::http::observe::RequestId;
use crate::problem::Problem;

/// Answers with a refusal where `next` fails or panics.
pub(crate) async fn render<E: Endpoint<Output = Response>>(
    next: Arc<E>,
    request: Request,
) -> Result<Response> {
    let id = request.extensions().get::<RequestId>().cloned();
    let id = id.as_ref().map(RequestId::as_str);
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            let mut response = problem(&error).render(id);
            if let Some(pattern) = error.data::<PathPattern>() {
                response.set_data(pattern.clone());
            }
            Ok(response)
        }
        Err(_panic) => {
            // The panic hook has said where.
            tracing::error!("a route panicked");
            Ok(Problem::internal().render(id))
        }
    }
}

/// The framework's errors in our words; its own may quote the request.
fn problem(error: &Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(wrong) = error.downcast_ref::<ParseParamError>() {
        return Problem::field(wrong.name, "is missing or cannot be read");
    }
    if error.is::<ParsePathError>() || error.is::<poem::error::ParsePathError>() {
        return Problem::not_found();
    }
    if error.is::<ParseRequestPayloadError>() {
        return Problem::field("body", "cannot be read");
    }
    if error.is::<ContentTypeError>() {
        return unsupported_media_type();
    }
    match error.status() {
        StatusCode::UNAUTHORIZED => Problem::unauthorized(),
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this cannot be done with it",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => unsupported_media_type(),
        status if status.is_client_error() => Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the request cannot be read",
        ),
        status => {
            tracing::error!(%status, "a route failed");
            Problem::internal()
        }
    }
}

/// The refusal of a body in another form.
pub(crate) fn unsupported_media_type() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "the body is not in the form that this takes",
    )
}
