//! Verifying license tokens.
//!
//! The signature comes first: no claim is read before it is known to be ours. Knows no clock
//! and no revocation: a token is good until it ends, which is why it ends with what was paid for.

use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::claims::Claims;
use crate::key_set::KeySet;

/// Longest token, in bytes. Ours have about 400; 8 KiB leaves room for many entitlements and
/// still fits in one header or address of a common HTTP server.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// By how many seconds the verifier's clock may be behind the signer's. Five minutes are what
/// clocks without a time server drift apart by; more would be a clock turned back. Nothing is
/// added to the end of a license: it has its grace already.
pub const CLOCK_TOLERANCE: i64 = 5 * 60;

/// The one type of token.
pub(crate) const TYPE: &str = "JWT";

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is no license token at all: too long, cut off, or not spelled as one.
    #[error("not a license token")]
    Malformed,
    /// It claims another algorithm than its key's, or none: somebody made it up.
    #[error("signed with another algorithm than its key has")]
    Algorithm,
    /// It was signed with a key that is not, or no longer, in the set.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The signature is not that key's over this token: somebody changed it.
    #[error("signature does not fit")]
    BadSignature,
    /// It is genuine, and of another issuer.
    #[error("issued by another issuer")]
    WrongIssuer,
    /// It is genuine, and for another application.
    #[error("issued for another application")]
    WrongAudience,
    /// It is genuine, and another customer's.
    #[error("issued to another customer")]
    WrongCustomer,
    /// It has ended.
    #[error("expired at {at} (Unix seconds)")]
    Expired {
        /// When it ended, in Unix seconds.
        at: i64,
    },
    /// It was signed more than [`CLOCK_TOLERANCE`] after now: the clock is wrong, or was turned
    /// back.
    #[error("signed in the future of this clock")]
    NotYetValid,
}

/// What a token must say about itself. There is no default: each is a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The application. `None` accepts a token for any: right for the issuer itself, wrong in an
    /// application, which would run on another's license.
    pub audience: Option<&'a str>,
    /// The customer. `None` accepts anybody's: right where the license itself is what a person
    /// shows.
    pub customer: Option<&'a str>,
}

/// A genuine token, which may have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub claims: Claims,
    /// When it ended, in Unix seconds. `None`: it has not.
    pub expired_at: Option<i64>,
}

/// Verifies `token` at `now`, in Unix seconds.
///
/// # Errors
///
/// [`VerifyError`]: of several reasons the first found, form before algorithm, key and signature,
/// and those before what the claims say, in the order of its variants.
pub fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Claims, VerifyError> {
    let reading = read(token, keys, expected, now)?;
    match reading.expired_at {
        Some(at) => Err(VerifyError::Expired { at }),
        None => Ok(reading.claims),
    }
}

/// Verifies `token` as [`verify`] does, but tells its end instead of refusing it: for a server
/// to which applications post their last license to get the next.
///
/// # Errors
///
/// [`VerifyError`], except for [`VerifyError::Expired`].
pub fn read(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: i64,
) -> Result<Reading, VerifyError> {
    let claims = of_expected(token, keys, expected)?;
    let expired_at = claims.exp.filter(|end| *end <= now);
    if expired_at.is_none() && claims.iat > now.saturating_add(CLOCK_TOLERANCE) {
        return Err(VerifyError::NotYetValid);
    }
    Ok(Reading { claims, expired_at })
}

/// What a genuine token says, whenever it was signed and whether or not it has ended.
pub(crate) fn of_expected(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
) -> Result<Claims, VerifyError> {
    let payload = genuine(token, keys)?;
    let claims: Claims = from_json(&payload)?;
    if claims.iss != expected.issuer {
        return Err(VerifyError::WrongIssuer);
    }
    if differs(expected.audience, &claims.aud) {
        return Err(VerifyError::WrongAudience);
    }
    if differs(expected.customer, &claims.sub) {
        return Err(VerifyError::WrongCustomer);
    }
    Ok(claims)
}

/// What a header may say. What else it says is ignored: a key that a token brings along is never
/// trusted.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// Extensions that the reader must understand; we know none.
    crit: Option<Value>,
}

/// The payload of a token whose signature fits.
fn genuine(token: &str, keys: &KeySet) -> Result<Vec<u8>, VerifyError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(VerifyError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    // A second dot in the payload is no base64url and is refused there.
    let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
    let header: Header = from_json(&decode(header)?)?;
    let algorithm = Algorithm::named(&header.alg).ok_or(VerifyError::Algorithm)?;
    if header.crit.is_some() || header.typ.as_deref() != Some(TYPE) {
        return Err(VerifyError::Malformed);
    }
    let payload = decode(payload)?;
    let signature = decode(signature)?;
    let key = header.kid.and_then(|kid| keys.get(&kid));
    // The key says how it signs. A token that says otherwise tries to have it read as another.
    if key.is_some_and(|key| key.algorithm() != algorithm) {
        return Err(VerifyError::Algorithm);
    }
    if signature.len() != algorithm.signature_bytes() {
        return Err(VerifyError::Malformed);
    }
    let key = key.ok_or(VerifyError::UnknownKey)?;
    if key.accepts(signed.as_bytes(), &signature) {
        Ok(payload)
    } else {
        Err(VerifyError::BadSignature)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    base64url::decode(part).ok_or(VerifyError::Malformed)
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, VerifyError> {
    serde_json::from_slice(json).map_err(|_unreadable| VerifyError::Malformed)
}

fn differs(expected: Option<&str>, said: &str) -> bool {
    expected.is_some_and(|expected| expected != said)
}
