//! Signatures: `Paddle-Signature: ts=<unix seconds>;h1=<hex>[;h1=<hex>]`, the hex
//! being an HMAC-SHA-256 of `{ts}:{body}`. Knows nothing of what a body says.

use std::fmt;

use billing_domain::time::Timestamp;
use jiff::SignedDuration;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "paddle-signature";

/// Longest header that is read; one with several signatures is far below it.
const HEADER_MAX_BYTES: usize = 1_024;

/// How many signatures in one header are tried, so that work is bounded. During a
/// rotation there are two.
const SIGNATURES_MAX: usize = 8;

/// The secrets whose signatures are believed. Shows none of them.
#[derive(Clone)]
pub(crate) struct Keys(Vec<hmac::Key>);

impl Keys {
    /// Empty secrets are left out: they would be no secret.
    pub(crate) fn new(secrets: &[SecretString]) -> Self {
        let keys = secrets
            .iter()
            .map(|secret| secret.expose_secret().as_bytes())
            .filter(|secret| !secret.is_empty())
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self(keys.collect())
    }

    /// Whether `header` is a signature of exactly `body`, made about `now`.
    pub(crate) fn verify(
        &self,
        header: &str,
        body: &[u8],
        now: Timestamp,
        tolerance: SignedDuration,
    ) -> bool {
        let Some((stamp, tags)) = parse(header) else {
            return false;
        };
        let mut signed = format!("{stamp}:").into_bytes();
        signed.extend_from_slice(body);
        // Every pair is tried, so that time tells nothing about which one fits.
        let mut genuine = false;
        for key in &self.0 {
            for tag in &tags {
                genuine |= hmac::verify(key, &signed, tag).is_ok();
            }
        }
        let seconds = stamp.parse().ok();
        let sent = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        genuine && sent.is_some_and(|sent| sent.duration_since(now).abs() <= tolerance)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// The time as it was signed, and the signatures.
fn parse(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    if header.len() > HEADER_MAX_BYTES {
        return None;
    }
    let mut stamp = None;
    let mut tags = Vec::new();
    for part in header.split(';') {
        match part.trim().split_once('=') {
            Some(("ts", value)) => stamp = Some(value),
            Some(("h1", value)) if tags.len() < SIGNATURES_MAX => tags.extend(unhex(value)),
            // Other schemes may come one day, and are no signature of ours.
            _ => {}
        }
    }
    Some((stamp?, tags))
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
