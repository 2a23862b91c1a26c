//! The two halves of a key, and the name that they share.
//!
//! Knows nothing of tokens, and draws no randomness: a secret is given.

use std::fmt;

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::algorithm::Algorithm;
use crate::base64url;
#[cfg(feature = "es512")]
use crate::p521;

/// The secret half: signs tokens. Wiped from memory when dropped.
pub struct SigningKey {
    secret: Secret,
    public: VerifyingKey,
}

enum Secret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    #[cfg(feature = "es512")]
    P521(Box<p521::Secret>),
}

impl SigningKey {
    /// The Ed25519 key that grows from `seed`: 32 bytes from a cryptographic source of
    /// randomness, kept as secret as the key. Wiping the seed is the caller's business.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = Box::new(ed25519_dalek::SigningKey::from_bytes(seed));
        let public = VerifyingKey::thumbprinted(Public::Ed25519(secret.verifying_key()));
        Self {
            secret: Secret::Ed25519(secret),
            public,
        }
    }

    /// The key whose secret is `secret`: for [`Algorithm::EdDsa`] the 32 bytes of its seed, for
    /// ES512 the 66 bytes of its number, big-endian. Both are what a JWK has in `d`.
    ///
    /// # Errors
    ///
    /// [`SecretKeyError`] when it is too long or too short, or no number of the curve's group.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SecretKeyError> {
        match algorithm {
            Algorithm::EdDsa => {
                let seed = secret.try_into().map_err(|_length| SecretKeyError)?;
                Ok(Self::from_seed(seed))
            }
            #[cfg(feature = "es512")]
            Algorithm::Es512 => {
                let secret = p521::secret(secret).ok_or(SecretKeyError)?;
                let public = p521::public_of(&secret);
                Ok(Self {
                    secret: Secret::P521(Box::new(secret)),
                    public: VerifyingKey::thumbprinted(Public::P521(Box::new(public))),
                })
            }
        }
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The name of the key, as a token's `kid` has it.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The public half.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs `message`; always the same for the same message.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(secret) => secret.sign(message).to_bytes().to_vec(),
            #[cfg(feature = "es512")]
            Secret::P521(secret) => p521::sign(secret, message),
        }
    }
}

impl fmt::Debug for SigningKey {
    /// Shows the name of the key alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

/// Bytes that are no secret key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable secret key")]
pub struct SecretKeyError;

/// Bytes that are no public key, or one that would accept forged signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable public key")]
pub struct PublicKeyError;

/// The public half: verifies tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    public: Public,
    kid: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Public {
    Ed25519(ed25519_dalek::VerifyingKey),
    #[cfg(feature = "es512")]
    P521(Box<p521::Public>),
}

impl VerifyingKey {
    /// Reads a public key as [`to_bytes`](Self::to_bytes) writes it; its name is its RFC 7638
    /// thumbprint.
    ///
    /// # Errors
    ///
    /// [`PublicKeyError`] when the bytes are no point of the curve, or one of the few weak ones.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let public = match algorithm {
            Algorithm::EdDsa => {
                let bytes = bytes.try_into().map_err(|_length| PublicKeyError)?;
                let read = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok();
                let strong = read.filter(|public| !public.is_weak());
                Public::Ed25519(strong.ok_or(PublicKeyError)?)
            }
            #[cfg(feature = "es512")]
            Algorithm::Es512 => {
                let public = p521::public(bytes).ok_or(PublicKeyError)?;
                Public::P521(Box::new(public))
            }
        };
        Ok(Self::thumbprinted(public))
    }

    /// The bytes of the key: 32 for Ed25519; for P-521 the 133 of its uncompressed point.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.public {
            Public::Ed25519(public) => public.as_bytes().to_vec(),
            #[cfg(feature = "es512")]
            Public::P521(public) => p521::bytes_of(public),
        }
    }

    /// How signatures were made that it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match &self.public {
            Public::Ed25519(_) => Algorithm::EdDsa,
            #[cfg(feature = "es512")]
            Public::P521(_) => Algorithm::Es512,
        }
    }

    /// The name of the key, as a token's `kid` has it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) const fn public(&self) -> &Public {
        &self.public
    }

    /// The same key under the name that whoever published it gave it.
    pub(crate) fn named(self, kid: String) -> Self {
        Self { kid, ..self }
    }

    /// Whether `signature` is this key's over `message`. Strict with Ed25519: of the spellings of
    /// one signature only the canonical is accepted. An ECDSA signature has two, and libraries
    /// make either, so both are.
    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Ed25519(public) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| public.verify_strict(message, &signature).is_ok()),
            #[cfg(feature = "es512")]
            Public::P521(public) => p521::accepts(public, message, signature),
        }
    }

    fn thumbprinted(public: Public) -> Self {
        // RFC 7638: the required members, by name, without white space.
        let members = match &public {
            Public::Ed25519(public) => {
                let x = base64url::encode(public.as_bytes());
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            #[cfg(feature = "es512")]
            Public::P521(public) => {
                let (x, y) = p521::coordinates(public);
                format!(r#"{{"crv":"P-521","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        let kid = base64url::encode(&Sha256::digest(members));
        Self { public, kid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
        let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = pairs.map(|p| u8::from_str_radix(p, 16).unwrap()).collect();
        bytes.try_into().unwrap()
    }

    /// RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature.
    const RFC_8032: [(&str, &str, &[u8], &str); 3] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            &[],
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &[0x72],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            &[0xaf, 0x82],
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    #[test]
    fn keys_and_signatures_are_those_of_rfc_8032() {
        for (seed, public, message, signature) in RFC_8032 {
            let key = SigningKey::from_seed(&bytes(seed));
            assert_eq!(key.verifying_key().to_bytes(), bytes::<32>(public));
            assert_eq!(key.sign(message), bytes::<64>(signature));
            let read = VerifyingKey::from_bytes(Algorithm::EdDsa, &bytes::<32>(public)).unwrap();
            assert_eq!(&read, key.verifying_key());
            assert!(read.accepts(message, &bytes::<64>(signature)));
            assert!(!read.accepts(b"another message", &bytes::<64>(signature)));
        }
    }

    #[test]
    fn the_name_of_a_key_is_the_thumbprint_of_rfc_8037() {
        let key = SigningKey::from_seed(&bytes(RFC_8032[0].0));
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_signature_of_which_only_the_scalar_is_respelled_is_refused() {
        let (seed, _, message, signature) = RFC_8032[2];
        let key = SigningKey::from_seed(&bytes(seed));
        // The scalar plus the order of the group: the same signature to a lenient reader.
        let order: [u8; 32] =
            bytes("edd3f55c1a631258d69cf7a2def9de14 00000000000000000000000000000010");
        let mut respelled: [u8; 64] = bytes::<64>(signature);
        let mut carry = 0;
        for (digit, add) in respelled[32..].iter_mut().zip(order) {
            let sum = u16::from(*digit) + u16::from(add) + carry;
            [*digit] = [sum.to_le_bytes()[0]];
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        assert!(!key.verifying_key().accepts(message, &respelled));
    }

    #[test]
    fn weak_keys_and_what_is_no_point_are_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut no_point = [0; 32];
        no_point[0] = 2;
        for wrong in [[0; 32], neutral, no_point] {
            assert_eq!(
                VerifyingKey::from_bytes(Algorithm::EdDsa, &wrong),
                Err(PublicKeyError)
            );
        }
    }

    #[test]
    fn the_secret_is_wiped_when_dropped() {
        // Known to the compiler, as far as the feature of the dependency is on.
        fn is_wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        match SigningKey::from_seed(&[1; 32]).secret {
            Secret::Ed25519(secret) => is_wiped(secret.as_ref()),
            #[cfg(feature = "es512")]
            Secret::P521(secret) => is_wiped(secret.as_ref()),
        }
    }

    #[test]
    fn debug_shows_the_name_and_nothing_of_the_secret() {
        let key = SigningKey::from_seed(&[0xab; 32]);
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey {{ kid: {:?}, .. }}", key.kid()));
    }
}
