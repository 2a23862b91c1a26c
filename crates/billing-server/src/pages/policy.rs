//! Headers that keep a page from doing more than it should.

use poem::http::{HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

/// What a page may load and send: our stylesheet, nothing inline, no script.
///
/// A form leads on to a provider's page, at an address that the provider
/// chooses, and browsers hold redirects to the same rule as the form.
pub(super) fn content_policy(public_url: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {public_url} https:; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The same for a page that a script of ours helps.
pub(super) fn policy_with_script(public_url: &str) -> String {
    format!("{}; script-src 'self'", content_policy(public_url))
}

/// The same for a page that a script of ours asks for again.
pub(super) fn policy_while_waiting(public_url: &str) -> String {
    format!("{}; connect-src 'self'", policy_with_script(public_url))
}

/// Puts the headers on every page; those that a page has put on itself stand.
pub(super) struct PageHeaders {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl PageHeaders {
    pub(super) fn new(content_policy: String) -> Self {
        let fixed = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            // Without any referrer, browsers hide where our own forms come from too.
            ("referrer-policy", "same-origin"),
            (
                "permissions-policy",
                "camera=(), geolocation=(), microphone=()",
            ),
        ];
        let mut headers: Vec<_> = fixed
            .into_iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        // A public address is a parsed URL, so its text is always fit for a header.
        let policy = HeaderValue::try_from(content_policy)
            .unwrap_or_else(|_unfit| HeaderValue::from_static("default-src 'none'"));
        headers.push((HeaderName::from_static("content-security-policy"), policy));
        Self { headers }
    }
}

impl<E: Endpoint> Middleware<E> for PageHeaders {
    type Output = WithHeaders<E>;

    fn transform(&self, inner: E) -> WithHeaders<E> {
        WithHeaders {
            inner,
            headers: self.headers.clone(),
        }
    }
}

/// Pages with their headers.
pub(super) struct WithHeaders<E> {
    inner: E,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<E: Endpoint> Endpoint for WithHeaders<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.inner.call(request).await?.into_response();
        for (name, value) in &self.headers {
            response
                .headers_mut()
                .entry(name)
                .or_insert_with(|| value.clone());
        }
        Ok(response)
    }
}
