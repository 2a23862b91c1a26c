//! Signatures: `Sandbox-Signature: t=<unix seconds>,v1=<hex>`, the hex being an
//! HMAC-SHA-256 of `{t}.{body}`. Knows nothing of what a body says.

use std::fmt;

use billing_domain::time::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "sandbox-signature";

/// How far a signature's time may be from ours, either way: wide enough for a
/// slow queue and a clock that is off, too short to replay yesterday's post.
pub const TIMESTAMP_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(300);

/// Longest header that is read; a genuine one with several secrets is far below it.
const HEADER_MAX_BYTES: usize = 1_024;

/// How many signatures in one header are tried, so that work is bounded.
const SIGNATURES_MAX: usize = 8;

/// The secrets: the first signs, all verify. Shows none of them.
#[derive(Clone)]
pub(crate) struct Keys {
    signing: hmac::Key,
    all: Vec<hmac::Key>,
}

impl Keys {
    /// `None`: there is no secret, or an empty one.
    pub(crate) fn new(secrets: &[SecretString]) -> Option<Self> {
        let all: Vec<hmac::Key> = secrets
            .iter()
            .map(|secret| secret.expose_secret().as_bytes())
            .filter(|secret| !secret.is_empty())
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret))
            .collect();
        if all.len() != secrets.len() {
            return None;
        }
        let signing = all.first()?.clone();
        Some(Self { signing, all })
    }

    /// The value of the signature header for `body`, sent at `now`.
    pub(crate) fn sign(&self, body: &[u8], now: Timestamp) -> String {
        let seconds = now.as_second();
        let tag = hmac::sign(&self.signing, &signed_bytes(seconds, body));
        format!("t={seconds},v1={}", hex(tag.as_ref()))
    }

    /// Whether `header` is a signature of exactly `body`, made about `now`.
    pub(crate) fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> bool {
        let Some((seconds, tags)) = parse(header) else {
            return false;
        };
        let signed = signed_bytes(seconds, body);
        // Every pair is tried, so that time tells nothing about which one fits.
        let mut genuine = false;
        for key in &self.all {
            for tag in &tags {
                genuine |= hmac::verify(key, &signed, tag).is_ok();
            }
        }
        let Ok(sent) = Timestamp::from_second(seconds) else {
            return false;
        };
        genuine && sent.duration_since(now).abs() <= TIMESTAMP_TOLERANCE
    }

    /// An unguessable text for a form, tied to `about`.
    pub(crate) fn form_token(&self, about: &str) -> String {
        let tag = hmac::sign(&self.signing, format!("form:{about}").as_bytes());
        hex(tag.as_ref())
    }

    /// Whether `token` is that text, under any secret.
    pub(crate) fn form_token_fits(&self, about: &str, token: &str) -> bool {
        let Some(tag) = unhex(token) else {
            return false;
        };
        let about = format!("form:{about}");
        self.all
            .iter()
            .any(|key| hmac::verify(key, about.as_bytes(), &tag).is_ok())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("count", &self.all.len())
            .finish_non_exhaustive()
    }
}

fn signed_bytes(seconds: i64, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{seconds}.").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn parse(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    if header.len() > HEADER_MAX_BYTES {
        return None;
    }
    let mut seconds = None;
    let mut tags = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => seconds = Some(value.parse().ok()?),
            Some(("v1", value)) if tags.len() < SIGNATURES_MAX => tags.extend(unhex(value)),
            // Other schemes may come one day, and are no signature of ours.
            _ => {}
        }
    }
    Some((seconds?, tags))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => {
                let value = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
                u8::try_from(value).ok()
            }
            _ => None,
        })
        .collect()
}
