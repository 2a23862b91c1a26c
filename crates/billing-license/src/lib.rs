//! Licenses that an application can check by itself, without asking the server.
//!
//! Two things go by the name of license, and both are here:
//!
//! - A **token** says what its holder may do: [`Claims`], signed. It is a JWT (compact JWS,
//!   `EdDSA` with Ed25519, or `ES512` behind the feature of that name) that any JWT library reads. It ends with the grace of what was paid
//!   for and is signed anew on every renewal and change.
//! - A **key** ([`LicenseKey`]) says which license is meant. It is short, never changes, and is
//!   what people paste. It tells a mistyped or made-up key from a real one before anything is
//!   looked up.
//!
//! # In an application
//!
//! Embed the public keys, which the server shows at `/.well-known/jwks.json`, and ask
//! [`verify`]. An application that refreshes its license hands the token in even after its end;
//! [`read`] is for whoever receives it. Whatever comes back goes through [`successor`], so that the
//! application keeps what it has on any failure.
//!
//! ```
//! use billing_license::{Claims, Expected, KeySet, SigningKey, VerifyError, sign, verify};
//!
//! // The server: a seed of 32 random bytes is the whole secret.
//! let key = SigningKey::from_seed(&[7; 32]);
//! let token = sign(
//!     &Claims {
//!         iss: "https://billing.example".to_owned(),
//!         aud: "harbor".to_owned(),
//!         sub: "cus_ana".to_owned(),
//!         jti: "lic_1".to_owned(),
//!         iat: 1_767_225_600,
//!         exp: Some(1_769_904_000),
//!         serial: 0,
//!         plan: "bosun".to_owned(),
//!         seats: Some(5),
//!         entitlements: [("sso".to_owned(), true.into())].into(),
//!         refresh_url: None,
//!     },
//!     &key,
//! )?;
//! let jwks = KeySet::from_iter([key.verifying_key().clone()]).to_jwks();
//!
//! // The application.
//! let keys = KeySet::from_jwks(&jwks)?;
//! let expected = Expected {
//!     issuer: "https://billing.example",
//!     audience: Some("harbor"),
//!     customer: None,
//! };
//! let claims = verify(&token, &keys, &expected, 1_768_000_000)?;
//! assert_eq!(claims.seats, Some(5));
//! assert_eq!(
//!     verify(&token, &keys, &expected, 1_769_904_000),
//!     Err(VerifyError::Expired { at: 1_769_904_000 })
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rotation
//!
//! Every token names the key that signed it (`kid`: the RFC 7638 thumbprint of the public key).
//! To rotate, publish the new key beside the old, give applications time to learn it, sign with
//! the new, and remove the old when the last token that it signed has ended. A removed key's
//! tokens are refused as [`VerifyError::UnknownKey`].
//!
//! # What is deliberately absent
//!
//! No clock, no randomness, no network, no file, no async runtime: time and random bytes are
//! arguments. No choice of algorithm by whoever shows a token: a key has one, and a token that
//! names another is refused. Nothing of plans and subscriptions: claims are texts and JSON here.

mod algorithm;
mod base64url;
mod claims;
mod key_set;
mod keys;
mod license_key;
#[cfg(feature = "es512")]
mod p521;
mod sign;
mod successor;
mod verify;

pub use self::algorithm::Algorithm;
pub use self::claims::Claims;
pub use self::key_set::{JwksError, KeySet, MAX_JWKS_BYTES};
pub use self::keys::{PublicKeyError, SecretKeyError, SigningKey, VerifyingKey};
pub use self::license_key::{KeyError, KeySecret, LicenseKey, MAX_KEY_BYTES};
pub use self::sign::{SignError, sign};
pub use self::successor::{NoSuccessor, successor};
pub use self::verify::{CLOCK_TOLERANCE, Expected, MAX_TOKEN_BYTES, Reading, VerifyError};
pub use self::verify::{read, verify};
