//! Where buyers are sent: only to origins that the catalog allows, and our own.

use billing_domain::catalog::CheckoutRules;
use url::Url;

use crate::problem::Problem;

/// Longest address: what browsers and providers take.
pub(crate) const MAX_URL: usize = 2048;

/// Where buyers of one request may be sent.
pub(crate) struct Addresses<'a> {
    public_url: &'a str,
    rules: &'a CheckoutRules,
    /// Where the request says it comes from, if that is allowed.
    origin: Option<&'a str>,
}

impl<'a> Addresses<'a> {
    pub(crate) fn new(
        public_url: &'a str,
        rules: &'a CheckoutRules,
        origin: Option<&'a str>,
    ) -> Self {
        let known = |origin: &&str| rules.allowed_origins.iter().any(|known| known == origin);
        Self {
            public_url: public_url.trim_end_matches('/'),
            rules,
            origin: origin.filter(known),
        }
    }

    /// Where a buyer returns after paying.
    pub(crate) fn success(&self, asked: Option<String>) -> Result<String, Problem> {
        let default = "/checkout/success?checkout={checkout}";
        self.choose(
            "success_url",
            asked,
            self.rules.success_url.as_deref(),
            default,
        )
    }

    /// Where a buyer returns without paying.
    pub(crate) fn cancel(&self, asked: Option<String>) -> Result<String, Problem> {
        let default = "/checkout/cancel?checkout={checkout}";
        self.choose(
            "cancel_url",
            asked,
            self.rules.cancel_url.as_deref(),
            default,
        )
    }

    fn choose(
        &self,
        field: &str,
        asked: Option<String>,
        stated: Option<&str>,
        default: &str,
    ) -> Result<String, Problem> {
        if let Some(url) = asked {
            self.checked(field, &url)?;
            return Ok(url);
        }
        let origin = self.origin.unwrap_or(self.public_url);
        Ok(match stated {
            // The operator wrote it: where it leads is not checked again.
            Some(url) => url.replace("{origin}", origin),
            None => format!("{}{default}", self.public_url),
        })
    }

    /// `url`, if buyers may be sent there.
    pub(crate) fn checked(&self, field: &str, url: &str) -> Result<Url, Problem> {
        // Read in one way only, by us and by every browser.
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        Url::parse(url)
            .ok()
            .filter(|parsed| !url.contains(odd) && self.is_allowed(parsed))
            .ok_or_else(|| {
                Problem::field(
                    field,
                    "must be an http or https address of an allowed origin",
                )
            })
    }

    fn is_allowed(&self, url: &Url) -> bool {
        let plain = matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none();
        plain && {
            let is_own = Url::parse(self.public_url).is_ok_and(|own| own.origin() == url.origin());
            let origin = url.origin().ascii_serialization();
            is_own || self.rules.allowed_origins.contains(&origin)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> CheckoutRules {
        CheckoutRules {
            allowed_origins: vec!["https://app.example.com".to_owned()],
            success_url: None,
            cancel_url: None,
        }
    }

    #[test]
    fn only_allowed_origins_are_returned_to() {
        let rules = rules();
        let addresses = Addresses::new("https://pay.example.com", &rules, None);
        for good in [
            "https://app.example.com/thanks?c={checkout}",
            "https://app.example.com:443/",
            "https://APP.example.com/",
            "https://pay.example.com/x",
        ] {
            assert_eq!(addresses.success(Some(good.to_owned())).unwrap(), good);
        }
        for bad in [
            "https://evil.example",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "https://app.example.com:8443/",
            "http://app.example.com/",
            "//app.example.com/",
            "/thanks",
            "javascript:alert(1)//https://app.example.com",
            "https://evil.example\\@app.example.com/",
            "https://app.example.com/ x",
            "data:text/html,x",
            "",
        ] {
            let refused = addresses.success(Some(bad.to_owned()));
            assert!(refused.is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_wish_the_catalog_says_and_then_our_own_pages() {
        let mut rules = rules();
        let own = Addresses::new("https://pay.example.com/", &rules, None);
        assert_eq!(
            own.success(None).unwrap(),
            "https://pay.example.com/checkout/success?checkout={checkout}"
        );
        rules.success_url = Some("{origin}/thanks".to_owned());
        for (origin, leads_to) in [
            (None, "https://pay.example.com/thanks"),
            (
                Some("https://app.example.com"),
                "https://app.example.com/thanks",
            ),
            (
                Some("https://evil.example"),
                "https://pay.example.com/thanks",
            ),
        ] {
            let addresses = Addresses::new("https://pay.example.com", &rules, origin);
            assert_eq!(addresses.success(None).unwrap(), leads_to);
        }
    }
}
