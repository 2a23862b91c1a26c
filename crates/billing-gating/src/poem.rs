//! Gates as middleware of poem, and what they allow as an extractor.

use poem::http::StatusCode;
use poem::{Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody};
use poem::{Response, Result};

use crate::gate::{Allowance, Gate};

/// A route behind a gate.
#[derive(Debug)]
pub struct GatedEndpoint<E> {
    gate: Gate,
    inner: E,
}

impl<E: Endpoint> Middleware<E> for Gate {
    type Output = GatedEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        let gate = self.clone();
        GatedEndpoint { gate, inner }
    }
}

impl<E: Endpoint> Endpoint for GatedEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        match self.gate.pass(request.extensions_mut()).await {
            Ok(()) => self
                .inner
                .call(request)
                .await
                .map(IntoResponse::into_response),
            Err(refusal) => {
                let (parts, body) = refusal.into_response::<String>().into_parts();
                let mut response = Response::from((parts.status, body));
                *response.headers_mut() = parts.headers;
                Ok(response)
            }
        }
    }
}

impl<'a> FromRequest<'a> for Allowance {
    /// What the gate before this route has allowed. A route without a gate is a mistake of
    /// the host's: 500.
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let passed = request.data::<Self>().copied();
        passed.ok_or_else(|| {
            let wrong = "an allowance was asked for where no gate stands";
            Error::from_string(wrong, StatusCode::INTERNAL_SERVER_ERROR)
        })
    }
}
