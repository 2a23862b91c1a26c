//! The text of a key file: what stands in which line. Knows nothing of files.

use billing_domain::time::Timestamp;
use billing_license::{Algorithm, VerifyingKey};
use secrecy::zeroize::Zeroizing;

use super::ring::{KeyRing, MAX_OLD, OldKey, PrivateKey};

/// The lines' names.
const SECRET: &str = "key_secret";
const SIGNING: &str = "signing_key";
const NEXT: &str = "next_key";
const VERIFYING: &str = "verifying_key";

/// What stands above the lines.
const HEAD: &str = "\
# The keys of the licenses that this installation gives. Whoever has this file can make
# licenses; without it, every license key and token handed out is void. Keep it secret, and
# keep a copy of it apart from the backups of the database. Change it with
# `billing license-keys`.
";

/// Writes the keys.
pub(super) fn written(ring: &KeyRing) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(super::file::MAX_BYTES));
    text.push_str(HEAD);
    let sealing = Zeroizing::new(hex::encode(ring.secret.as_ref()));
    for part in [SECRET, " = ", &sealing, "\n"] {
        text.push_str(part);
    }
    for old in &ring.old {
        let bytes = hex::encode(old.key.to_bytes());
        line(&mut text, VERIFYING, old.key.algorithm(), &bytes, old.since);
    }
    let private = [(SIGNING, Some(&ring.signing)), (NEXT, ring.next.as_ref())];
    for (name, held) in private {
        let Some(held) = held else { continue };
        let bytes = Zeroizing::new(hex::encode(held.secret.as_slice()));
        line(&mut text, name, held.key.algorithm(), &bytes, held.since);
    }
    text
}

fn line(
    text: &mut String,
    name: &str,
    algorithm: Algorithm,
    bytes: &str,
    since: Option<Timestamp>,
) {
    for part in [name, " = ", algorithm.as_str(), " ", bytes] {
        text.push_str(part);
    }
    if let Some(since) = since {
        text.push(' ');
        text.push_str(&since.to_string());
    }
    text.push('\n');
}

/// Reads the keys. `None`: these are none.
pub(super) fn read(text: &str) -> Option<KeyRing> {
    let (mut secret, mut signing, mut next) = (None, None, None);
    let mut old = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        let again = match name.trim() {
            SECRET => secret.replace(sealing(value.trim())?).is_some(),
            SIGNING => signing.replace(private(value)?).is_some(),
            NEXT => next.replace(private(value)?).is_some(),
            VERIFYING => {
                old.push(public(value)?);
                old.len() > MAX_OLD
            }
            _ => true,
        };
        if again {
            return None;
        }
    }
    let ring = KeyRing {
        secret: secret?,
        signing: signing?,
        next,
        old,
    };
    let keys = ring.list().len();
    (ring.public().len() == keys).then_some(ring)
}

/// 64 hexadecimal digits.
fn sealing(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, bytes.as_mut()).ok()?;
    Some(bytes)
}

fn private(value: &str) -> Option<PrivateKey> {
    let (algorithm, bytes, since) = words(value)?;
    PrivateKey::of(algorithm, bytes, since)
}

fn public(value: &str) -> Option<OldKey> {
    let (algorithm, bytes, since) = words(value)?;
    let key = VerifyingKey::from_bytes(algorithm, &bytes).ok()?;
    Some(OldKey { key, since })
}

/// An algorithm, hexadecimal digits, and maybe an instant.
fn words(value: &str) -> Option<(Algorithm, Zeroizing<Vec<u8>>, Option<Timestamp>)> {
    let mut words = value.split_whitespace();
    let algorithm = Algorithm::named(words.next()?)?;
    let bytes = Zeroizing::new(hex::decode(words.next()?).ok()?);
    let since = match words.next() {
        Some(instant) => Some(instant.parse().ok()?),
        None => None,
    };
    words.next().is_none().then_some((algorithm, bytes, since))
}
