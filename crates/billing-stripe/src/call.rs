//! A call: method, path, parameters, and the key that makes a repetition the same
//! call. Knows nothing of how it is sent.

use http::Method;
use stripe_client_core::{StripeMethod, StripeRequest};
use url::form_urlencoded;

/// One call of Stripe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// After `/v1`.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    /// What makes a repetition the same call. `None`: it changes nothing, or doing
    /// it twice is as good as once.
    pub(crate) key: Option<String>,
}

impl Call {
    /// The call that a typed request describes.
    pub(crate) fn of(request: &impl StripeRequest) -> Self {
        let built = request.build();
        let method = match built.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        let mut call = Self::new(method, &built.path);
        call.query = pairs(built.query.as_deref());
        call.form = pairs(built.body.as_deref());
        call
    }

    /// A read that the typed requests lack.
    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A write that the typed requests lack.
    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            form: Vec::new(),
            key: None,
        }
    }

    /// The same call with one more parameter; an empty value unsets.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let pair = (name.to_owned(), value.to_owned());
        let held = if self.method == Method::GET {
            &mut self.query
        } else {
            &mut self.form
        };
        held.push(pair);
        held.sort();
        self
    }

    /// The same call under a key.
    pub(crate) fn under(self, key: String) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Whether every part of the path is an id or a word of Stripe's. Ids come from
    /// outside, and must not lead to another path.
    pub(crate) fn path_is_plain(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        self.path.starts_with('/')
            && self
                .path
                .split('/')
                .skip(1)
                .all(|part| !part.is_empty() && part.bytes().all(plain))
    }
}

/// Parameters in the order of their names: maps have none, and a repetition must
/// be the same to the byte.
fn pairs(encoded: Option<&str>) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> =
        form_urlencoded::parse(encoded.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    pairs.sort();
    pairs
}

/// Parameters as they are sent.
pub(crate) fn encoded(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_holds_ids_and_nothing_else() {
        let plain = |path: &str| Call::get(path).path_is_plain();
        assert!(plain("/subscriptions/sub_1A"));
        assert!(plain("/checkout/sessions/cs_test_a1/expire"));
        assert!(!plain("/subscriptions/"));
        assert!(!plain("/subscriptions/.."));
        assert!(!plain("/subscriptions/a?b"));
        assert!(!plain("/subscriptions/a%2Fb"));
        assert!(!plain("/subscriptions/sub 1"));
    }

    #[test]
    fn parameters_are_sent_in_the_order_of_their_names() {
        let call = Call::get("/events").with("b[0]", "x y").with("a", "");
        assert_eq!(encoded(&call.query), "a=&b%5B0%5D=x+y");
    }
}
