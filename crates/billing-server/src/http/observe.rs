//! One id, one log line and one count for every request. Never a query string,
//! a body or a credential.

use std::sync::Arc;

use billing_ports::IdSource;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, PathPattern, Request, Response, Result};
use tokio::time::Instant;
use tracing::Instrument;

use crate::state::AppState;

/// The header that carries the id of a request, in and out.
const REQUEST_ID: &str = "x-request-id";

/// Longest id taken from outside: a UUID with room for a prefix.
const MAX_REQUEST_ID: usize = 64;

/// The route of a request that none matched.
const NO_ROUTE: &str = "none";

/// The id of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn of(request: &Request, ids: &dyn IdSource) -> Self {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let given = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(plain));
        match given {
            Some(id) => Self(id.into()),
            None => Self(format!("req_{:016x}", ids.seed()).into()),
        }
    }
}

/// Passes the request on, and tells what came of it.
pub(crate) async fn observe<E: Endpoint<Output = Response>>(
    state: AppState,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let began = Instant::now();
    let id = RequestId::of(&request, state.ids.as_ref());
    let method = name(request.method());
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", request_id = id.as_str());
    let mut response = match next.call(request).instrument(span).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    let status = response.status().as_u16();
    let took = began.elapsed();
    let pattern = response.data::<PathPattern>().cloned();
    let route = pattern.as_ref().map_or(NO_ROUTE, |pattern| &pattern.0);
    tracing::info!(
        request_id = id.as_str(),
        method,
        route,
        status,
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("billing_http_requests_total", &labels).increment(1);
    metrics::histogram!("billing_http_request_seconds", "route" => route.to_owned())
        .record(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

/// A method by its name. Whatever else a client invents is one, so that it
/// neither fills the log with its words nor the metrics with its series.
fn name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
}
