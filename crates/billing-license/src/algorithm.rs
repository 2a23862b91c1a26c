//! The algorithms that sign tokens, by the names that JWS has for them.
//!
//! Knows no key: which algorithm a token was signed with is its key's to say, never the token's.

use std::fmt;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// `EdDSA` with Ed25519 (RFC 8037): small, fast, and the default.
    #[default]
    EdDsa,
    /// `ES512`: ECDSA with the curve P-521 and SHA-512 (RFC 7518), for applications that verify
    /// nothing else.
    #[cfg(feature = "es512")]
    Es512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::EdDsa,
        #[cfg(feature = "es512")]
        Self::Es512,
    ];

    /// The name, as a token's `alg` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            #[cfg(feature = "es512")]
            Self::Es512 => "ES512",
        }
    }

    /// The algorithm of this very name; `None`: it is none of ours.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|algorithm| algorithm.as_str() == name)
    }

    /// How many bytes a signature has.
    pub(crate) const fn signature_bytes(self) -> usize {
        match self {
            Self::EdDsa => 64,
            #[cfg(feature = "es512")]
            Self::Es512 => 132,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
