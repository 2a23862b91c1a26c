//! The public keys that a verifier trusts, and the JSON (JWKS, RFC 7517) in which they travel.
//!
//! Knows nothing of where the JSON comes from, and holds no secret.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::base64url;
use crate::keys::{PublicKeyError, VerifyingKey};
use crate::verify::ALGORITHM;

/// Longest JWKS, in bytes: several hundred keys, where a server shows two or three.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// The public keys that a verifier trusts, by name.
///
/// An empty set refuses every token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    by_kid: BTreeMap<String, VerifyingKey>,
}

/// Why a text is no set of keys.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// It is longer than [`MAX_JWKS_BYTES`].
    #[error("more than {MAX_JWKS_BYTES} bytes of keys")]
    TooLong,
    /// It is not the JSON of a key set.
    #[error("not a JSON Web Key Set")]
    Json(#[source] serde_json::Error),
    /// A key has its secret beside it. It is no longer one.
    #[error("key {index} carries its secret half")]
    Secret {
        /// Which of the keys, from 0.
        index: usize,
    },
    /// An Ed25519 key cannot be used.
    #[error("key {index} cannot be used")]
    Key {
        /// Which of the keys, from 0.
        index: usize,
        /// Why.
        source: PublicKeyError,
    },
    /// Two keys go by one name.
    #[error("two keys are named {kid:?}")]
    Duplicate {
        /// The name.
        kid: String,
    },
}

impl KeySet {
    /// A set without keys.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            by_kid: BTreeMap::new(),
        }
    }

    /// Trusts `key`, from now on under its name.
    pub fn insert(&mut self, key: VerifyingKey) {
        self.by_kid.insert(key.kid().to_owned(), key);
    }

    /// Stops trusting the key named `kid` and hands it out; `None`: it was not trusted.
    pub fn remove(&mut self, kid: &str) -> Option<VerifyingKey> {
        self.by_kid.remove(kid)
    }

    /// The key named `kid`; `None`: it is not trusted.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<&VerifyingKey> {
        self.by_kid.get(kid)
    }

    /// The keys, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.by_kid.values()
    }

    /// How many keys are trusted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_kid.len()
    }

    /// Whether no key is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_kid.is_empty()
    }

    /// The set as JSON, as `/.well-known/jwks.json` shows it.
    #[must_use]
    pub fn to_jwks(&self) -> String {
        let keys: Vec<Value> = self.iter().map(jwk).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Reads a set from JSON. Keys of another kind, use or algorithm are left out, as RFC 7517
    /// wants it: whoever publishes them may have them for something else. A key without a name
    /// is named by its thumbprint.
    ///
    /// # Errors
    ///
    /// [`JwksError`] when it is no key set, or an Ed25519 key in it is not as it must be.
    pub fn from_jwks(json: &str) -> Result<Self, JwksError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(JwksError::TooLong);
        }
        let jwks: Jwks = serde_json::from_str(json).map_err(JwksError::Json)?;
        let mut set = Self::new();
        for (index, jwk) in jwks.keys.into_iter().enumerate() {
            if !jwk.is_for_tokens() {
                continue;
            }
            if jwk.d.is_some() {
                return Err(JwksError::Secret { index });
            }
            let key = jwk
                .read()
                .map_err(|source| JwksError::Key { index, source })?;
            if let Some(same) = set.by_kid.insert(key.kid().to_owned(), key) {
                let kid = same.kid().to_owned();
                return Err(JwksError::Duplicate { kid });
            }
        }
        Ok(set)
    }
}

impl FromIterator<VerifyingKey> for KeySet {
    fn from_iter<T: IntoIterator<Item = VerifyingKey>>(keys: T) -> Self {
        let mut set = Self::new();
        for key in keys {
            set.insert(key);
        }
        set
    }
}

fn jwk(key: &VerifyingKey) -> Value {
    json!({
        "kty": KIND,
        "crv": CURVE,
        "x": base64url::encode(&key.to_bytes()),
        "kid": key.kid(),
        "use": USE,
        "alg": ALGORITHM,
    })
}

const KIND: &str = "OKP";
const CURVE: &str = "Ed25519";
const USE: &str = "sig";

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// One key of a set; other kinds of keys have none of these but `kty`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    d: Option<Value>,
}

impl Jwk {
    /// Whether the key signs with Ed25519, and may sign tokens for all that is said of it.
    fn is_for_tokens(&self) -> bool {
        self.kty == KIND
            && self.crv.as_deref() == Some(CURVE)
            && self.usage.as_deref().unwrap_or(USE) == USE
            && self.alg.as_deref().unwrap_or(ALGORITHM) == ALGORITHM
    }

    fn read(self) -> Result<VerifyingKey, PublicKeyError> {
        let bytes = self.x.as_deref().and_then(base64url::decode);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let key = VerifyingKey::from_bytes(&bytes.ok_or(PublicKeyError)?)?;
        Ok(match self.kid {
            Some(kid) => key.named(kid),
            None => key,
        })
    }
}
