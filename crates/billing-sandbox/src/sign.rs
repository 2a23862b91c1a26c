//! Signatures: `Sandbox-Signature: t=<unix seconds>,v1=<hex>`, the hex being an
//! HMAC-SHA-256 of `{t}.{body}`. Knows nothing of what a body says.

use billing_domain::time::Timestamp;
use billing_http::{SignatureScheme, SigningKeys};
use jiff::SignedDuration;
use secrecy::SecretString;

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "sandbox-signature";

/// How far a signature's time may be from ours, either way: wide enough for a
/// slow queue and a clock that is off, too short to replay yesterday's post.
pub const TIMESTAMP_TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

const SCHEME: SignatureScheme = SignatureScheme {
    separator: ',',
    time: "t",
    tag: "v1",
    joiner: '.',
    tolerance: TIMESTAMP_TOLERANCE,
};

/// The secrets: the first signs, all verify. Shows none of them.
#[derive(Debug, Clone)]
pub(crate) struct Keys(SigningKeys);

impl Keys {
    /// `None`: there is no secret, or an empty one.
    pub(crate) fn new(secrets: &[SecretString]) -> Option<Self> {
        SigningKeys::new(secrets).map(Self)
    }

    /// The value of the signature header for `body`, sent at `now`.
    pub(crate) fn sign(&self, body: &[u8], now: Timestamp) -> String {
        SCHEME.header(&self.0, body, now)
    }

    /// Whether `header` is a signature of exactly `body`, made about `now`.
    pub(crate) fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> bool {
        SCHEME.verify(&self.0, header, body, now)
    }

    /// An unguessable text for a form, tied to `about`.
    pub(crate) fn form_token(&self, about: &str) -> String {
        self.0.sign(form(about).as_bytes())
    }

    /// Whether `token` is that text, under any secret.
    pub(crate) fn form_token_fits(&self, about: &str, token: &str) -> bool {
        self.0.verify(form(about).as_bytes(), [token])
    }
}

fn form(about: &str) -> String {
    format!("form:{about}")
}
