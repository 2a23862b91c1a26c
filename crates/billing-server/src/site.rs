//! Which part of the server answers which address.

use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Request, Response};

use crate::pages::{is_page, page_routes};
use crate::sandbox::Sandbox;
use crate::{AppState, api_routes};

/// Everything that the server answers.
pub(crate) struct Site {
    api: BoxEndpoint<'static, Response>,
    pages: BoxEndpoint<'static, Response>,
    /// `None`: there is no sandbox, and its addresses are like any unknown one.
    sandbox: Option<BoxEndpoint<'static, Response>>,
}

impl Site {
    pub(crate) fn new(state: &AppState, sandbox: Option<&Sandbox>) -> Self {
        Self {
            api: api_routes(state.clone()).map_to_response().boxed(),
            pages: page_routes(state).boxed(),
            sandbox: sandbox.map(|sandbox| sandbox.site(state)),
        }
    }
}

impl Endpoint for Site {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        let first = path.split('/').nth(1).unwrap_or_default();
        match (first, &self.sandbox) {
            ("sandbox", Some(sandbox)) => sandbox.call(request).await,
            (first, _) if is_page(first) => self.pages.call(request).await,
            // Programs get the API's words for what does not exist, people a page.
            (first, _) if !is_api(first) && wants_page(&request) => self.pages.call(request).await,
            _ => self.api.call(request).await,
        }
    }
}

fn is_api(first: &str) -> bool {
    matches!(
        first,
        "v1" | "docs" | "openapi.json" | ".well-known" | "healthz" | "readyz" | "metrics"
    )
}

fn wants_page(request: &Request) -> bool {
    request
        .header("accept")
        .is_some_and(|accept| accept.contains("text/html"))
}
