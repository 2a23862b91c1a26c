//! Whether a form was sent from our own page.
//!
//! Keeps others from opening checkouts in somebody's browser. It believes what says
//! nothing of where it comes from, so it is no guard of a session: the forms of the
//! portal carry a token besides.

use poem::Request;

/// Whether `request` comes from a page of ours. Programs other than browsers
/// say nothing about it, and are believed: they have no user to trick.
pub(super) fn is_ours(request: &Request, public_url: &str) -> bool {
    match request.header("sec-fetch-site") {
        // "none": the user did it by hand, as from a restored tab.
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match request.header("origin") {
            Some(origin) => is_origin_of(origin, public_url) || is_host_of(origin, request),
            None => true,
        },
    }
}

fn is_origin_of(origin: &str, public_url: &str) -> bool {
    public_url
        .strip_prefix(origin)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The address in the browser may be another than the public one, as when a
/// developer types `localhost`; then the two headers agree.
fn is_host_of(origin: &str, request: &Request) -> bool {
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == request.header("host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_ours(&request.finish(), "https://billing.example.com")
    }

    #[test]
    fn only_our_own_pages_may_send() {
        assert!(sent(&[]));
        assert!(sent(&[("sec-fetch-site", "same-origin")]));
        assert!(sent(&[("origin", "https://billing.example.com")]));
        assert!(sent(&[
            ("origin", "http://localhost:8080"),
            ("host", "localhost:8080")
        ]));
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "https://billing.example.co"),
            ("origin", "null"),
            ("origin", ""),
        ] {
            assert!(
                !sent(&[foreign, ("host", "billing.example.com")]),
                "{foreign:?}"
            );
        }
        let says_both = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://billing.example.com"),
        ];
        assert!(!sent(&says_both));
    }
}
