//! The public keys that a verifier trusts, and the JSON (JWKS, RFC 7517) in which they travel.
//!
//! Knows nothing of where the JSON comes from, and holds no secret.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::keys::{Public, PublicKeyError, VerifyingKey};
#[cfg(feature = "es512")]
use crate::p521;

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
    /// A key of a kind that signs tokens cannot be used.
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
    /// wants it: whoever publishes them may have them for something else. So are, without the
    /// feature `es512`, the keys that sign so. A key without a name
    /// is named by its thumbprint.
    ///
    /// # Errors
    ///
    /// [`JwksError`] when it is no key set, or a key in it that signs tokens is not as it must be.
    pub fn from_jwks(json: &str) -> Result<Self, JwksError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(JwksError::TooLong);
        }
        let jwks: Jwks = serde_json::from_str(json).map_err(JwksError::Json)?;
        let mut set = Self::new();
        for (index, jwk) in jwks.keys.into_iter().enumerate() {
            let Some(algorithm) = jwk.signs_tokens_with() else {
                continue;
            };
            if jwk.d.is_some() {
                return Err(JwksError::Secret { index });
            }
            let key = jwk
                .read(algorithm)
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
    let mut jwk = match key.public() {
        Public::Ed25519(public) => json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url::encode(public.as_bytes()),
        }),
        #[cfg(feature = "es512")]
        Public::P521(public) => {
            let (x, y) = p521::coordinates(public);
            json!({ "kty": "EC", "crv": "P-521", "x": x, "y": y })
        }
    };
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), key.kid().into());
        members.insert("use".to_owned(), USE.into());
        members.insert("alg".to_owned(), key.algorithm().as_str().into());
    }
    jwk
}

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
    #[cfg(feature = "es512")]
    y: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    d: Option<Value>,
}

impl Jwk {
    /// How the key signs tokens. `None`: it does not, for all that is said of it.
    fn signs_tokens_with(&self) -> Option<Algorithm> {
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()?) {
            ("OKP", "Ed25519") => Algorithm::EdDsa,
            #[cfg(feature = "es512")]
            ("EC", "P-521") => Algorithm::Es512,
            _ => return None,
        };
        let said = |said: &Option<String>, ours| said.as_deref().is_none_or(|said| said == ours);
        (said(&self.usage, USE) && said(&self.alg, algorithm.as_str())).then_some(algorithm)
    }

    fn read(self, algorithm: Algorithm) -> Result<VerifyingKey, PublicKeyError> {
        let x = self.x.as_deref().ok_or(PublicKeyError)?;
        let bytes = match algorithm {
            Algorithm::EdDsa => base64url::decode(x).ok_or(PublicKeyError)?,
            #[cfg(feature = "es512")]
            Algorithm::Es512 => {
                let point = self.y.as_deref().and_then(|y| p521::point_of_jwk(x, y));
                point.ok_or(PublicKeyError)?
            }
        };
        let key = VerifyingKey::from_bytes(algorithm, &bytes)?;
        Ok(match self.kid {
            Some(kid) => key.named(kid),
            None => key,
        })
    }
}
