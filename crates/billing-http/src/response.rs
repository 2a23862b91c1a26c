//! What came back.
//!
//! Knows nothing of what a status means to the caller.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::redact::RedactedHeaders;
use crate::retry;

/// Headers in which the far side names the request in its own log, by
/// precedence.
const REQUEST_ID_NAMES: [&str; 2] = ["request-id", "x-request-id"];

/// Longest name of a request that is kept, in bytes. Real ones have 20 to 40;
/// this goes into logs and must not be a way to fill them.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";

/// An answer, whatever its status.
///
/// `Debug` shows the status, header names and the size of the body; never the
/// body or a secret header.
#[derive(Clone)]
pub struct Response {
    /// The status; redirects, refusals and failures included.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, complete. Empty where the request needs the status alone.
    pub body: Bytes,
    /// How many attempts it took, this one included.
    pub attempts: u32,
    /// Whether an earlier attempt of this call may have taken effect: it ended
    /// without an answer or with a 5xx. A refusal that was given before the far
    /// side looked at the idempotency key, such as 429, then says nothing of
    /// the whole.
    pub earlier_unknown: bool,
    /// How the far side names this request in its own log. None when it gave
    /// no such header, or an unprintable or overlong one.
    pub request_id: Option<String>,
}

impl Response {
    /// How long the far side asks to wait before the next request. None when it
    /// does not ask, or gives a date without saying what it thinks is now.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry::retry_after(&self.headers)
    }

    /// The same answer, where its body does not show `secret`: a refusal may quote
    /// what it was asked with, and its words go into errors that people read.
    #[must_use]
    pub fn hiding(mut self, secret: &str) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        if !secret.is_empty() && text.contains(secret) {
            self.body = text.replace(secret, HIDDEN).into();
        }
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &RedactedHeaders(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("attempts", &self.attempts)
            .field("earlier_unknown", &self.earlier_unknown)
            .field("request_id", &self.request_id)
            .finish()
    }
}

/// How the far side names the request, if it says so in a printable way.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = REQUEST_ID_NAMES
        .iter()
        .find_map(|name| headers.get(*name))?;
    let text = value.to_str().ok()?;
    (!text.is_empty() && text.len() <= REQUEST_ID_MAX_BYTES).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_secret_in_the_body_is_hidden() {
        let of = |body: &'static [u8], secret: &str| {
            let response = Response {
                status: StatusCode::BAD_REQUEST,
                headers: HeaderMap::new(),
                body: Bytes::from_static(body),
                attempts: 1,
                earlier_unknown: false,
                request_id: None,
            };
            response.hiding(secret).body
        };
        assert_eq!(of(b"no sk_1 or sk_1", "sk_1"), "no [hidden] or [hidden]");
        assert_eq!(of(b"nothing \xe9", "sk_1"), &b"nothing \xe9"[..]);
        assert_eq!(of(b"all", ""), "all");
    }

    #[test]
    fn a_request_id_is_bounded_and_printable() {
        let of = |name: &'static str, value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            request_id(&headers)
        };
        assert_eq!(of("request-id", b"req_1").as_deref(), Some("req_1"));
        assert_eq!(of("x-request-id", b"abc").as_deref(), Some("abc"));
        assert_eq!(of("request-id", b""), None);
        assert_eq!(of("request-id", b"caf\xe9"), None);
        assert_eq!(of("request-id", &[b'a'; REQUEST_ID_MAX_BYTES + 1]), None);
        assert_eq!(of("trace", b"abc"), None);
    }
}
