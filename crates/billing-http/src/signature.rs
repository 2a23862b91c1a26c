//! Webhook signatures: HMAC-SHA-256 under any of several secrets, with the header
//! that some providers write around it. Knows no provider: which characters and
//! names a header has, and how old it may be, is a [`SignatureScheme`] of the caller.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Longest header that is read; a genuine one with several secrets is far below it.
pub const SIGNATURE_HEADER_MAX_BYTES: usize = 2_048;

/// How many signatures in one header are tried, so that work is bounded: there are
/// two while a secret is rotated.
pub const SIGNATURES_MAX: usize = 8;

/// The secrets, each of which is believed; the first one signs. Shows none of them.
#[derive(Clone)]
pub struct SigningKeys(Vec<hmac::Key>);

impl SigningKeys {
    /// `None`: there is no secret, or an empty one, which would be no secret.
    #[must_use]
    pub fn new(secrets: &[SecretString]) -> Option<Self> {
        let keys: Vec<hmac::Key> = secrets
            .iter()
            .map(|secret| secret.expose_secret().as_bytes())
            .filter(|secret| !secret.is_empty())
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret))
            .collect();
        (!keys.is_empty() && keys.len() == secrets.len()).then_some(Self(keys))
    }

    /// The signature of `message` under the first secret, in lower-case hexadecimal.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        let tag = self.0.first().map(|key| hmac::sign(key, message));
        tag.map(hex::encode).unwrap_or_default()
    }

    /// Whether one of `tags`, each in hexadecimal, is a signature of `message`.
    #[must_use]
    pub fn verify<'t>(&self, message: &[u8], tags: impl IntoIterator<Item = &'t str>) -> bool {
        // Every pair is tried, so that time tells nothing about which one fits.
        let mut genuine = false;
        for tag in tags.into_iter().take(SIGNATURES_MAX) {
            let Ok(tag) = hex::decode(tag) else {
                continue;
            };
            for key in &self.0 {
                genuine |= hmac::verify(key, message, &tag).is_ok();
            }
        }
        genuine
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// How a header tells the time and the signatures:
/// `{time}=<unix seconds>{separator}{tag}=<hex>[{separator}{tag}=<hex>…]`, each hex
/// being that of `{seconds}{joiner}{body}`.
#[derive(Debug, Clone, Copy)]
pub struct SignatureScheme {
    /// What parts two fields of the header.
    pub separator: char,
    /// The name of the field with the time.
    pub time: &'static str,
    /// The name of a field with a signature. Others are of schemes that are not
    /// known here, and count for nothing.
    pub tag: &'static str,
    /// What stands between the time and the body in what is signed.
    pub joiner: char,
    /// How far a signature's time may be from ours, either way.
    pub tolerance: SignedDuration,
}

impl SignatureScheme {
    /// The value of the header for `body`, sent at `now`.
    #[must_use]
    pub fn header(&self, keys: &SigningKeys, body: &[u8], now: Timestamp) -> String {
        let Self {
            separator,
            time,
            tag,
            ..
        } = self;
        let seconds = now.as_second().to_string();
        let signature = keys.sign(&self.message(&seconds, body));
        format!("{time}={seconds}{separator}{tag}={signature}")
    }

    /// Whether `header` is a signature of exactly `body`, made about `now`.
    #[must_use]
    pub fn verify(&self, keys: &SigningKeys, header: &str, body: &[u8], now: Timestamp) -> bool {
        if header.len() > SIGNATURE_HEADER_MAX_BYTES {
            return false;
        }
        let fields = || {
            let parts = header.split(self.separator);
            parts.filter_map(|part| part.trim().split_once('='))
        };
        let named = |name| move |(field, value): (&str, _)| (field == name).then_some(value);
        // What is signed is the time as it was written.
        let Some(seconds) = fields().filter_map(named(self.time)).next_back() else {
            return false;
        };
        let sent = seconds.parse().ok();
        let sent = sent.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let tags = fields().filter_map(named(self.tag));
        let genuine = keys.verify(&self.message(seconds, body), tags);
        genuine && sent.is_some_and(|sent| sent.duration_since(now).abs() <= self.tolerance)
    }

    /// What is signed.
    fn message(&self, seconds: &str, body: &[u8]) -> Vec<u8> {
        let mut message = format!("{seconds}{}", self.joiner).into_bytes();
        message.extend_from_slice(body);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEME: SignatureScheme = SignatureScheme {
        separator: ';',
        time: "ts",
        tag: "h1",
        joiner: ':',
        tolerance: SignedDuration::from_secs(30),
    };
    const BODY: &[u8] = b"{}";

    fn keys(secrets: &[&str]) -> SigningKeys {
        let secrets: Vec<SecretString> = secrets.iter().map(|&secret| secret.into()).collect();
        SigningKeys::new(&secrets).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_known_message_has_its_known_code() {
        // RFC 4231, test case 2.
        let code = keys(&["Jefe"]).sign(b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(code, expected);
        assert!(keys(&["other", "Jefe"]).verify(b"what do ya want for nothing?", [expected]));
    }

    #[test]
    fn no_secret_and_an_empty_one_are_none() {
        for secrets in [
            vec![],
            vec![SecretString::from("")],
            vec!["a".into(), "".into()],
        ] {
            assert!(SigningKeys::new(&secrets).is_none());
        }
    }

    #[test]
    fn one_of_several_secrets_and_one_of_several_tags_are_enough() {
        let header = SCHEME.header(&keys(&["new", "old"]), BODY, at(1_000));
        assert!(SCHEME.verify(&keys(&["old", "new"]), &header, BODY, at(1_000)));
        assert!(!SCHEME.verify(&keys(&["old"]), &header, BODY, at(1_000)));
        let tag = header.rsplit_once('=').unwrap().1;
        let among = |others: usize| format!("{}h1={tag};ts=1000", "h1=00;".repeat(others));
        assert!(SCHEME.verify(&keys(&["new"]), &among(SIGNATURES_MAX - 1), BODY, at(1_000)));
        // Beyond the bound nothing is tried.
        assert!(!SCHEME.verify(&keys(&["new"]), &among(SIGNATURES_MAX), BODY, at(1_000)));
    }

    #[test]
    fn times_at_the_edge_are_believed_and_beyond_it_not() {
        let keys = keys(&["secret"]);
        let header = SCHEME.header(&keys, BODY, at(1_000));
        for (now, believed) in [(969, false), (970, true), (1_030, true), (1_031, false)] {
            assert_eq!(
                SCHEME.verify(&keys, &header, BODY, at(now)),
                believed,
                "{now}"
            );
        }
    }

    #[test]
    fn what_is_not_signed_so_is_not_believed() {
        let keys = keys(&["secret"]);
        let good = SCHEME.header(&keys, BODY, at(1_000));
        let tag = good.rsplit_once('=').unwrap().1;
        let unreadable = keys.sign(&SCHEME.message("soon", BODY));
        let far = keys.sign(&SCHEME.message("99999999999999999999", BODY));
        for bad in [
            String::new(),
            "ts=1000".to_owned(),
            format!("h1={tag}"),
            format!("ts=1001;h1={tag}"),
            format!("ts=1000,h1={tag}"),
            format!("ts=1000;v1={tag}"),
            format!("ts=1000;h1={}", &tag[1..]),
            format!("ts=1000;h1={}", &tag[2..]),
            "ts=1000;h1=".to_owned(),
            format!("ts=soon;h1={unreadable}"),
            format!("ts=99999999999999999999;h1={far}"),
            format!("{good}{}", " ".repeat(SIGNATURE_HEADER_MAX_BYTES)),
        ] {
            assert!(!SCHEME.verify(&keys, &bad, BODY, at(1_000)), "{bad}");
        }
        assert!(!SCHEME.verify(&keys, &good, b"{ }", at(1_000)));
    }

    #[test]
    fn keys_show_no_secret() {
        let shown = format!("{:?}", keys(&["whsec_hidden"]));
        assert_eq!(shown, "SigningKeys { count: 1, .. }");
    }
}
