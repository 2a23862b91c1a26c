//! The cookie that a browser keeps of a session: what it is called, who may see it, and
//! when it is believed. Knows nothing of what a session is of.
//!
//! Never shown to scripts, sent to no other site, and over an encrypted connection alone; but
//! for a server that only its own machine can reach, where there is none. There a name that
//! browsers hold to those rules themselves cannot be used either.

use poem::http::{HeaderValue, header};
use poem::{Request, Response};
use url::{Host, Url};

/// Longest token that is looked at.
const MAX_TOKEN: usize = 128;

/// A cookie of ours, by its two names.
pub(super) struct Cookie {
    /// The name where browsers see to it that nobody else has set it: only a secure answer of
    /// this very host can set a cookie of this prefix.
    held_to_it: &'static str,
    /// The name at a server that only its own machine can reach.
    at_home: &'static str,
}

/// The cookie of a customer's session.
pub(super) const CUSTOMER: Cookie = Cookie {
    held_to_it: "__Host-billing",
    at_home: "billing_session",
};

/// The cookie of an operator's session: another one, so that whoever tries the portal in the
/// same browser stays signed in at both.
pub(super) const OPERATOR: Cookie = Cookie {
    held_to_it: "__Host-billing-admin",
    at_home: "billing_admin",
};

impl Cookie {
    const fn name(&self, is_at_home: bool) -> &'static str {
        if is_at_home {
            self.at_home
        } else {
            self.held_to_it
        }
    }

    /// What a browser is told to keep, for `seconds`.
    pub(super) fn kept(&self, public_url: &str, token: &str, seconds: i64) -> HeaderValue {
        let is_at_home = is_at_home(public_url);
        let secure = if is_at_home { "" } else { "; Secure" };
        let name = self.name(is_at_home);
        let text =
            format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        // Tokens are hexadecimal, so the text is always fit for a header.
        HeaderValue::try_from(text).unwrap_or_else(|_unfit| HeaderValue::from_static(""))
    }

    /// What a browser is told so that it keeps nothing.
    pub(super) fn dropped(&self, public_url: &str) -> HeaderValue {
        self.kept(public_url, "", 0)
    }

    /// The token that a browser sends. `None`: it sends none, or more than one, of which
    /// nobody knows which is ours.
    pub(super) fn sent<'a>(&self, request: &'a Request, public_url: &str) -> Option<&'a str> {
        let name = self.name(is_at_home(public_url));
        let lines = request.headers().get_all(header::COOKIE).iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        let mut ours = pairs.filter_map(|pair| {
            let (found, token) = pair.trim().split_once('=')?;
            (found == name).then_some(token)
        });
        let token = ours.next().filter(|token| token.len() <= MAX_TOKEN)?;
        ours.next().is_none().then_some(token)
    }
}

/// `response`, which has the browser keep or forget a session, and is itself kept by nobody.
pub(super) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether the server is reached without encryption, and from its own machine alone.
fn is_at_home(public_url: &str) -> bool {
    let Ok(url) = Url::parse(public_url) else {
        return false;
    };
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && is_near
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: &str = "https://billing.example.com";
    const NEAR: &str = "http://127.0.0.1:8080";

    #[test]
    fn only_a_server_of_this_machine_goes_without_encryption() {
        for (public_url, expected) in [
            (
                FAR,
                "__Host-billing=bs_1; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure",
            ),
            (
                NEAR,
                "billing_session=bs_1; Path=/; Max-Age=9; HttpOnly; SameSite=Lax",
            ),
        ] {
            assert_eq!(CUSTOMER.kept(public_url, "bs_1", 9), expected);
        }
        for home in ["http://localhost", "http://[::1]:1", "http://127.9.9.9"] {
            assert!(is_at_home(home), "{home}");
        }
        for far in [
            "http://billing.example.com",
            "https://localhost",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "",
        ] {
            assert!(!is_at_home(far), "{far}");
        }
    }

    #[test]
    fn one_cookie_of_the_name_is_read_and_of_two_none() {
        let sent_by = |lines: &[&str], public_url| {
            let mut request = Request::builder();
            for line in lines {
                request = request.header("cookie", *line);
            }
            CUSTOMER
                .sent(&request.finish(), public_url)
                .map(str::to_owned)
        };
        let found = Some("bs_1".to_owned());
        assert_eq!(sent_by(&["a=b; __Host-billing=bs_1"], FAR), found);
        assert_eq!(sent_by(&["billing_session=bs_1;x"], NEAR), found);
        for none in [
            &[][..],
            &["billing_session=bs_1"],
            &["__Host-billing-admin=bs_1"],
            &["x__Host-billing=bs_1"],
            &["__Host-billing=bs_1; __Host-billing=bs_2"],
            &["__Host-billing=bs_1", "__Host-billing=bs_1"],
        ] {
            assert_eq!(sent_by(none, FAR), None, "{none:?}");
        }
        let long = format!("__Host-billing={}", "x".repeat(MAX_TOKEN + 1));
        assert_eq!(sent_by(&[&long], FAR), None);
    }
}
