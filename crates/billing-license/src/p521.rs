//! ES512: what the curve P-521 needs that Ed25519 does not.
//!
//! Knows neither tokens nor names of keys.

use ::p521::ecdsa::signature::{Signer as _, Verifier as _};
use ::p521::ecdsa::{Signature, SigningKey, VerifyingKey};

use crate::base64url;

/// The secret half. Wiped from memory when dropped.
pub(crate) type Secret = SigningKey;
/// The public half.
pub(crate) type Public = VerifyingKey;

/// Bytes of a coordinate, and of the secret number.
const COORDINATE: usize = 66;
/// How SEC 1 begins an uncompressed point.
const UNCOMPRESSED: u8 = 4;

/// The secret of these 66 bytes; `None`: they are no number of the group.
pub(crate) fn secret(bytes: &[u8]) -> Option<Secret> {
    // Shorter ones would be padded.
    if bytes.len() != COORDINATE {
        return None;
    }
    SigningKey::from_slice(bytes).ok()
}

pub(crate) fn public_of(secret: &Secret) -> Public {
    *secret.verifying_key()
}

/// The key of an uncompressed point; `None`: it is not on the curve.
pub(crate) fn public(bytes: &[u8]) -> Option<Public> {
    if bytes.first() != Some(&UNCOMPRESSED) {
        return None;
    }
    VerifyingKey::from_sec1_bytes(bytes).ok()
}

/// The uncompressed point of two coordinates as a JWK has them; `None`: they are none.
pub(crate) fn point_of_jwk(x: &str, y: &str) -> Option<Vec<u8>> {
    let (x, y) = (base64url::decode(x)?, base64url::decode(y)?);
    if x.len() != COORDINATE || y.len() != COORDINATE {
        return None;
    }
    Some([[UNCOMPRESSED].as_slice(), &x, &y].concat())
}

/// The uncompressed point.
pub(crate) fn bytes_of(public: &Public) -> Vec<u8> {
    public.to_sec1_point(false).as_bytes().to_vec()
}

/// The two coordinates as a JWK has them.
pub(crate) fn coordinates(public: &Public) -> (String, String) {
    let point = bytes_of(public);
    let (_, both) = point.split_at(point.len().min(1));
    let (x, y) = both.split_at(both.len().min(COORDINATE));
    (base64url::encode(x), base64url::encode(y))
}

/// Signs with SHA-512, without randomness: the same message gives the same signature.
pub(crate) fn sign(secret: &Secret, message: &[u8]) -> Vec<u8> {
    let signature: Signature = secret.sign(message);
    signature.to_bytes().to_vec()
}

pub(crate) fn accepts(public: &Public, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature)
        .is_ok_and(|signature| public.verify(message, &signature).is_ok())
}
