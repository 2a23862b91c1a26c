//! What is sent, and whether it may be sent twice.
//!
//! Knows nothing of which header makes a request safe to repeat.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::error::HttpError;
use crate::redact::{RedactedHeaders, is_secret, target};

/// Whether a request may be sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Twice has the effect of once: a read, or a write that carries an
    /// idempotency key which the far side honors.
    Safe,
    /// Sent once at most, whatever happens.
    Never,
}

/// A request, complete with its body.
///
/// `Debug` shows method, host, path, header names and the size of the body;
/// never the query, the body or a secret header.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An absolute `http` or `https` URL without credentials.
    pub url: Url,
    /// Headers to send. `host`, `content-length` and `user-agent` are added.
    pub headers: HeaderMap,
    /// The body; empty means none.
    pub body: Bytes,
    /// Whether it may be sent more than once.
    pub retry: RetryPolicy,
    /// The header of an answer by which the far side says whether to try again, `true`
    /// or `false`, whatever the status. `None`: it has none.
    pub verdict: Option<HeaderName>,
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url, retry: RetryPolicy) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            retry,
            verdict: None,
        }
    }

    /// A read, safe to repeat.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url, RetryPolicy::Safe)
    }

    /// The same request, repeated or not as this header of an answer says. Of a
    /// [`RetryPolicy::Never`] it is not repeated all the same.
    #[must_use]
    pub fn heeding(mut self, verdict: HeaderName) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// The same request with this header, in the place of any of that name.
    ///
    /// # Errors
    ///
    /// [`HttpError::Invalid`], naming the header but not its value, when the
    /// value has characters that a header cannot carry.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Result<Self, HttpError> {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                // Marked so that even the bare map does not show it.
                value.set_sensitive(is_secret(&name, &value));
                self.headers.insert(name, value);
                Ok(self)
            }
            Err(_) => Err(HttpError::Invalid {
                target: target(&self.method, &self.url),
                problem: format!("the value of header {name} cannot be sent"),
            }),
        }
    }

    /// The same request with this body and its media type.
    #[must_use]
    pub fn with_body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("target", &target(&self.method, &self.url))
            .field("headers", &RedactedHeaders(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("retry", &self.retry)
            .field("verdict", &self.verdict)
            .finish()
    }
}
