//! Rules of checkout: origins, and the addresses that buyers are sent to.

use super::{Checker, MAX_ORIGINS, MAX_TEXT_CHARS, quoted};
use crate::catalog::{IssueCode, Path};

/// What stands for the origin that the buyer came from.
const ORIGIN: &str = "{origin}";

impl Checker<'_> {
    pub(super) fn checkout(&mut self) {
        let rules = &self.draft.checkout;
        let at = Path::of(["checkout"]);
        let origins = at.child("allowed_origins");
        self.bounded(&origins, rules.allowed_origins.len(), MAX_ORIGINS);
        for (place, origin) in rules.allowed_origins.iter().enumerate() {
            if !is_origin(origin) {
                self.report(
                    origins.child(place.to_string()),
                    IssueCode::BadOrigin,
                    quoted(origin),
                    "scheme, lower-case host and maybe port, nothing after it, as in https://app.example.com",
                );
            }
        }
        for (name, url) in [
            ("success_url", &rules.success_url),
            ("cancel_url", &rules.cancel_url),
        ] {
            let Some(url) = url else { continue };
            let at = at.child(name);
            self.text(&at, url, MAX_TEXT_CHARS);
            let starts = std::iter::once(ORIGIN)
                .chain(rules.allowed_origins.iter().map(String::as_str))
                .any(|origin| begins_with(url, origin));
            if !starts || url.chars().any(char::is_whitespace) {
                self.report(
                    at,
                    IssueCode::BadUrl,
                    quoted(url),
                    "an address that begins with `{origin}` or an allowed origin",
                );
            }
        }
    }
}

/// Whether `url` is `origin`, or a path, query or fragment of it.
fn begins_with(url: &str, origin: &str) -> bool {
    // `https://app.example.com.evil.net` does not begin with `https://app.example.com`.
    url.strip_prefix(origin)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// Whether `text` is spelled as browsers spell an origin.
fn is_origin(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(authority) = rest else { return false };
    let (host, port) = match authority.strip_prefix('[') {
        Some(six) => match six.split_once(']') {
            Some((address, rest)) => {
                if address.parse::<std::net::Ipv6Addr>().is_err() {
                    return false;
                }
                ("ipv6", rest)
            }
            None => return false,
        },
        None => authority
            .find(':')
            .and_then(|colon| authority.split_at_checked(colon))
            .unwrap_or((authority, "")),
    };
    is_host(host) && is_port(port)
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// `port` is empty or `:` and a number as browsers write it.
fn is_port(port: &str) -> bool {
    match port.strip_prefix(':') {
        Some(digits) => digits
            .parse::<u16>()
            .is_ok_and(|number| number > 0 && number.to_string() == digits),
        None => port.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_host_and_port() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "https://[::1]:8443",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://App.example.com",
            "https://*.example.com",
            "https://user@example.com",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:080",
            "https://example.com:99999",
            "https://example..com",
            "https://[::1",
            "https://[x]",
            "ftp://example.com",
            "null",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_does_not_begin_with_half_a_host() {
        assert!(begins_with("{origin}/x", ORIGIN));
        assert!(begins_with("https://a.example?x", "https://a.example"));
        assert!(!begins_with(
            "https://a.example.evil.net/",
            "https://a.example"
        ));
    }
}
