//! Signatures: `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>…]`, each hex
//! an HMAC-SHA-256 of `{t}.{body}` under a secret. Knows nothing of what a body says.

use std::fmt;

use billing_domain::time::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// How far a signature's time may be from ours, either way. Stripe's own libraries
/// take 300 s of age; theirs accept any future, which nobody needs whose clock is
/// kept right.
pub const TIMESTAMP_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(300);

/// Longest header that is read; a genuine one with several secrets is far below it.
const HEADER_MAX_BYTES: usize = 2_048;

/// How many signatures in one header are tried, so that work is bounded: Stripe
/// sends one for each secret that is valid, which are two while one is rotated.
const SIGNATURES_MAX: usize = 8;

/// The secrets, each of which is believed. Shows none of them.
#[derive(Clone)]
pub(crate) struct Keys(Vec<hmac::Key>);

impl Keys {
    /// `None`: there is no secret, or an empty one.
    pub(crate) fn new(secrets: &[SecretString]) -> Option<Self> {
        let keys: Vec<hmac::Key> = secrets
            .iter()
            .map(|secret| secret.expose_secret().as_bytes())
            .filter(|secret| !secret.is_empty())
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret))
            .collect();
        (!keys.is_empty() && keys.len() == secrets.len()).then_some(Self(keys))
    }

    /// Whether `header` is a signature of exactly `body`, made about `now`.
    pub(crate) fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> bool {
        let Some((time, tags)) = parse(header) else {
            return false;
        };
        let Ok(sent) = time.parse().map_or(Err(()), |seconds| {
            Timestamp::from_second(seconds).map_err(|_beyond| ())
        }) else {
            return false;
        };
        let mut signed = format!("{time}.").into_bytes();
        signed.extend_from_slice(body);
        // Every pair is tried, so that time tells nothing about which one fits.
        let mut genuine = false;
        for key in &self.0 {
            for tag in &tags {
                genuine |= hmac::verify(key, &signed, tag).is_ok();
            }
        }
        genuine && sent.duration_since(now).abs() <= TIMESTAMP_TOLERANCE
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// The time as it was written, and the signatures of the scheme that we know.
fn parse(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    if header.len() > HEADER_MAX_BYTES {
        return None;
    }
    let mut time = None;
    let mut tags = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) if tags.len() < SIGNATURES_MAX => tags.extend(unhex(value)),
            // `v0`, and schemes that may come, are no signature of ours.
            _ => {}
        }
    }
    Some((time?, tags))
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
    if bytes.is_empty() || !bytes.len().is_multiple_of(2) {
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
