//! Lets pages of the catalog's allowed origins call the public and session
//! routes. Operators' routes are for servers: no page ever holds a key.

use std::sync::Arc;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Result};

use crate::state::AppState;

/// How long a browser may remember the answer to a preflight: ten minutes, so
/// that a removed origin is shut out within them.
const REMEMBERED_SECONDS: &str = "600";

/// What pages may send.
const HEADERS: &str = "authorization, content-type, idempotency-key, if-none-match, x-request-id";

/// What pages may do.
const METHODS: &str = "GET, POST, PUT, DELETE";

/// What pages may read besides the plain headers.
const EXPOSED: &str = "etag, idempotent-replayed, retry-after, x-request-id";

/// Routes that pages may call.
const SHARED: [&str; 13] = [
    "/v1/plans",
    "/v1/checkouts",
    "/v1/billing-sessions",
    "/v1/me",
    "/v1/quotes",
    "/v1/licenses/exchange",
    "/v1/upgrade-quote",
    "/v1/upgrade",
    "/v1/subscriptions/cancel",
    "/v1/validate",
    "/v1/machines",
    "/v1/recover",
    "/.well-known/jwks.json",
];

/// Answers preflights, and tells browsers which pages may read the answer.
pub(crate) async fn share<E: Endpoint<Output = Response>>(
    state: AppState,
    next: Arc<E>,
    request: Request,
) -> Result<Response> {
    if !is_shared(request.uri().path()) {
        return next.call(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowing = async {
        match &origin {
            Some(origin) => is_allowed(&state, origin).await,
            None => false,
        }
    };
    let preflight = *request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let answering = async {
        if preflight {
            Ok(StatusCode::NO_CONTENT.into())
        } else {
            crate::http::errors::render(next, request).await
        }
    };
    // At once, so that a store that is gone is waited for once.
    let (allowed, answered) = tokio::join!(allowing, answering);
    let mut response = answered?;
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let (Some(origin), true) = (origin, allowed) {
        allow(headers, origin, preflight);
    }
    Ok(response)
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let stated = if preflight {
        [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS),
        ]
        .to_vec()
    } else {
        vec![(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)]
    };
    for (name, value) in stated {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn is_shared(path: &str) -> bool {
    SHARED.iter().any(|shared| {
        path.strip_prefix(shared)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether the catalog allows this origin. Without a catalog, none is.
async fn is_allowed(state: &AppState, origin: &HeaderValue) -> bool {
    match state.billing.catalog().await {
        Ok(revision) => revision
            .catalog
            .checkout()
            .allowed_origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes()),
        Err(_unknown) => false,
    }
}
