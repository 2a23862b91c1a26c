//! What is sent, and whether it may be sent twice.
//!
//! Knows nothing of which header makes a request safe to repeat.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::error::HttpError;
use crate::redact::{RedactedHeaders, host, is_secret, place};

/// Whether a request may be sent more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Twice has the effect of once: a read, or a write that carries an
    /// idempotency key which the far side honors.
    Safe,
    /// Sent once at most, whatever happens.
    Never,
}

/// How much of an answer is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerNeeded {
    /// All of it: without the end of its body it is missed.
    Whole,
    /// Its status and headers. The body is read within the limits, so that the connection can
    /// be used again, and dropped; whether it ends is no matter.
    Status,
}

/// What errors and logs may show of an address. Never more than host, port and path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The path too.
    Path,
    /// Host and port alone: the path may hold a secret.
    Host,
}

/// A request, complete with its body.
///
/// `Debug` shows method, host, path if it may be shown, header names and the size of the body;
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
    /// How much of an answer is needed.
    pub answer: AnswerNeeded,
    /// What may be shown of the URL.
    pub shown: Shown,
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
            answer: AnswerNeeded::Whole,
            shown: Shown::Path,
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

    /// The same request, answered by a status: the answer's body comes back empty.
    #[must_use]
    pub const fn for_its_status(mut self) -> Self {
        self.answer = AnswerNeeded::Status;
        self
    }

    /// The same request, whose path is in no error, no log and no `Debug`.
    #[must_use]
    pub const fn hiding_path(mut self) -> Self {
        self.shown = Shown::Host;
        self
    }

    /// Method and place, as errors name it.
    pub(crate) fn target(&self) -> String {
        format!("{} {}", self.method, self.place())
    }

    /// Where it goes, as logs name it.
    pub(crate) fn place(&self) -> String {
        match self.shown {
            Shown::Path => place(&self.url),
            Shown::Host => host(&self.url),
        }
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
                target: self.target(),
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
            .field("target", &self.target())
            .field("headers", &RedactedHeaders(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("retry", &self.retry)
            .field("verdict", &self.verdict)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
