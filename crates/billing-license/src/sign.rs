//! Signing license tokens: a compact JWS that any JWT library reads.
//!
//! Does not judge the claims: what a license says is decided elsewhere.

use serde::Serialize;

use crate::base64url;
use crate::claims::Claims;
use crate::keys::SigningKey;
use crate::verify::{MAX_TOKEN_BYTES, TYPE};

/// Why a token could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims cannot be written as JSON.
    #[error("claims cannot be written as JSON")]
    Claims(#[source] serde_json::Error),
    /// The token would be longer than anybody accepts; the entitlements are too many.
    #[error("token would have {bytes} bytes, more than {MAX_TOKEN_BYTES}")]
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
}

/// Signs `claims`. The same claims and key always give the same token.
///
/// # Errors
///
/// [`SignError`] when no verifier would accept what comes out.
pub fn sign(claims: &Claims, key: &SigningKey) -> Result<String, SignError> {
    let header = Header {
        alg: key.algorithm().as_str(),
        typ: TYPE,
        kid: key.kid(),
    };
    let header = serde_json::to_vec(&header).map_err(SignError::Claims)?;
    let payload = serde_json::to_vec(claims).map_err(SignError::Claims)?;
    let token = compact(&header, &payload, key);
    if token.len() > MAX_TOKEN_BYTES {
        return Err(SignError::TooLong { bytes: token.len() });
    }
    Ok(token)
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// The compact JWS of `payload` under `header`.
fn compact(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    let signed = format!(
        "{}.{}",
        base64url::encode(header),
        base64url::encode(payload)
    );
    let signature = base64url::encode(&key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compact_form_is_that_of_rfc_8037() {
        let seed = base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap());
        assert_eq!(
            compact(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing", &key),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
             hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }
}
