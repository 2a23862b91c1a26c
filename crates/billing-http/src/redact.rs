//! What may be shown of a request or an answer: names, host and path.
//!
//! Knows nothing of logging; it only decides what a secret looks like.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Headers that carry secrets by definition.
const SECRET_NAMES: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

/// Last words of header names that carry secrets by custom: `x-api-key`,
/// `idempotency-key`, `paddle-signature`, `x-client-secret`, `x-csrf-token`.
const SECRET_LAST_WORDS: [&str; 4] = ["signature", "key", "secret", "token"];

/// Headers whose secrets are shown as `[redacted]` in `Debug`.
///
/// ```
/// use billing_http::RedactedHeaders;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-api-key", http::HeaderValue::from_static("hush"));
/// assert_eq!(format!("{:?}", RedactedHeaders(&headers)), r#"{"x-api-key": [redacted]}"#);
/// ```
#[derive(Clone, Copy)]
pub struct RedactedHeaders<'a>(
    /// The headers to show.
    pub &'a HeaderMap,
);

impl fmt::Debug for RedactedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.0 {
            if is_secret(name, value) {
                map.entry(&name.as_str(), &format_args!("{REDACTED}"));
            } else {
                map.entry(&name.as_str(), value);
            }
        }
        map.finish()
    }
}

/// Whether the value of this header must not be shown.
pub(crate) fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    let name = name.as_str();
    let last = name.rsplit(['-', '_']).next().unwrap_or(name);
    value.is_sensitive() || SECRET_NAMES.contains(&name) || SECRET_LAST_WORDS.contains(&last)
}

/// The host with its port, if any was given, and the path; never the query,
/// the fragment or credentials.
pub(crate) fn place(url: &Url) -> String {
    format!("{}{}", host(url), url.path())
}

/// The host with its port, if any was given.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_or_by_mark() {
        let plain = HeaderValue::from_static("v");
        for (name, secret) in [
            ("authorization", true),
            ("proxy-authorization", true),
            ("cookie", true),
            ("set-cookie", true),
            ("stripe-signature", true),
            ("signature", true),
            ("x-api-key", true),
            ("idempotency-key", true),
            ("x_client_secret", true),
            ("x-access-token", true),
            ("content-type", false),
            ("keyboard", false),
            ("x-key-count", false),
        ] {
            let name = HeaderName::from_static(name);
            assert_eq!(is_secret(&name, &plain), secret, "{name}");
        }
        let mut marked = HeaderValue::from_static("v");
        marked.set_sensitive(true);
        assert!(is_secret(&HeaderName::from_static("accept"), &marked));
    }

    #[test]
    fn a_place_is_host_and_path() {
        let url = Url::parse("https://user:pass@api.test:8443/v1/things?secret=1#part").unwrap();
        assert_eq!(place(&url), "api.test:8443/v1/things");
        assert_eq!(host(&url), "api.test:8443");
        let url = Url::parse("https://api.test/v1").unwrap();
        assert_eq!(place(&url), "api.test/v1");
        assert_eq!(host(&url), "api.test");
    }
}
