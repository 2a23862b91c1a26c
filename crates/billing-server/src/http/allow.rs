//! Tells with every 405 what else can be done there, as RFC 9110 demands (15.5.6).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, PathPattern, Request, Response, Result};
use serde_json::Value;

use super::guard::BILLING;

/// What every route that is not in the document takes: they are all read.
const READ: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// What each route takes, by its pattern as in `/v1/customers/:param0`.
type Taken = BTreeMap<String, HeaderValue>;

/// What each route takes; found out when it is first asked for.
pub(crate) struct Allowed(LazyLock<Taken, Box<dyn FnOnce() -> Taken + Send + Sync>>);

impl Allowed {
    /// Of every route of an OpenAPI document.
    pub(crate) fn by(document: &'static LazyLock<String>) -> Self {
        Self(LazyLock::new(Box::new(|| taken(document))))
    }

    fn at(&self, pattern: Option<&PathPattern>) -> HeaderValue {
        let known = pattern.and_then(|pattern| {
            // A host may have put all of it under a prefix.
            let own = pattern.0.rfind(BILLING).and_then(|at| pattern.0.get(at..));
            self.0.get(own?)
        });
        known.unwrap_or(&READ).clone()
    }
}

fn taken(document: &str) -> Taken {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let routes = paths.filter_map(|(path, methods)| {
        let methods = methods.as_object()?.keys().map(String::as_str);
        let header = HeaderValue::from_str(&listed(methods)).ok()?;
        Some((pattern(path), header))
    });
    routes.collect()
}

/// The pattern of a path of the document, as the framework names its parameters.
fn pattern(path: &str) -> String {
    let mut named = 0..;
    let parts = path.split('/').map(|part| match part.strip_prefix('{') {
        Some(_) => named
            .next()
            .map_or_else(String::new, |n: u8| format!(":param{n}")),
        None => part.to_owned(),
    });
    parts.collect::<Vec<String>>().join("/")
}

/// `GET, HEAD, POST`: what answers GET answers HEAD.
fn listed<'a>(methods: impl Iterator<Item = &'a str>) -> String {
    let names = methods.map(|method| match method {
        "get" => "GET, HEAD".to_owned(),
        other => other.to_ascii_uppercase(),
    });
    names.collect::<Vec<String>>().join(", ")
}

/// Passes the request on, and says what is allowed where it was not.
pub(crate) async fn tell<E: Endpoint<Output = Response>>(
    allowed: Arc<Allowed>,
    next: Arc<E>,
    request: Request,
) -> Result<Response> {
    let mut response = next.call(request).await?;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let said = allowed.at(response.data::<PathPattern>());
        response.headers_mut().insert(header::ALLOW, said);
    }
    Ok(response)
}
