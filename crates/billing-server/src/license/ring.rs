//! The keys of an installation: the one that signs tokens, the next, the ones that
//! signed before, and the secret that seals license keys.
//!
//! Rotating throws the secret half of the old key away: what is left of it verifies,
//! and is retired once nothing that it signed is to be believed any more. Knows
//! nothing of files.

use billing_domain::time::Timestamp;
use billing_license::{Algorithm, KeySet, SigningKey, VerifyingKey};
use billing_ports::IdSource;
use secrecy::zeroize::Zeroizing;

/// Most keys that still verify: at a rotation a quarter, five years of them. More are
/// a rotation that nobody finishes.
pub(super) const MAX_OLD: usize = 20;

/// The keys of an installation.
pub(crate) struct KeyRing {
    /// What seals license keys. It is never another: license keys are for life.
    pub(super) secret: Zeroizing<[u8; 32]>,
    /// What signs.
    pub(super) signing: PrivateKey,
    /// What will sign next, and is shown already.
    pub(super) next: Option<PrivateKey>,
    /// What signed before, the newest last.
    pub(super) old: Vec<OldKey>,
}

/// A key that signs, or will.
pub(super) struct PrivateKey {
    pub(super) key: SigningKey,
    /// Its secret half, to be written.
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// Since when it is what it is. `None`: it was put there by hand.
    pub(super) since: Option<Timestamp>,
}

/// A key that signed.
pub(super) struct OldKey {
    pub(super) key: VerifyingKey,
    /// Since when it signs no more.
    pub(super) since: Option<Timestamp>,
}

/// Why the keys stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RingError {
    /// There are too many old keys.
    #[error("{MAX_OLD} keys that signed before still verify")]
    Full,
    /// A next key is there already.
    #[error("the next key {kid} is there already")]
    Prepared {
        /// Its name.
        kid: String,
    },
    /// There is no key of this name.
    #[error("there is no key {kid:?}")]
    Unknown {
        /// The name.
        kid: String,
    },
    /// It signs.
    #[error("the key {kid} is the one that signs")]
    Signs {
        /// Its name.
        kid: String,
    },
    /// What was drawn is no key, which is not to be expected.
    #[error("no key could be drawn")]
    Draw,
}

impl RingError {
    /// What helps.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Full => "Retire the oldest: billing license-keys list",
            Self::Prepared { .. } => "Let it sign: billing license-keys rotate",
            Self::Unknown { .. } => "See which there are: billing license-keys list",
            Self::Signs { .. } => {
                "Let another sign first: billing license-keys rotate. Whoever may know its \
                 secret half can make licenses until then."
            }
            Self::Draw => "Try again.",
        }
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// It signs, and verifies what it signed.
    Signs,
    /// It will sign, and is shown so that applications know it by then.
    Next,
    /// It signed, and verifies what it signed.
    Verifies,
}

impl KeyUse {
    /// The stable word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Signs => "signs",
            Self::Next => "next",
            Self::Verifies => "verifies",
        }
    }
}

/// A key as it is listed. No secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name, as tokens have it.
    pub(crate) kid: String,
    /// How it signs.
    pub(crate) algorithm: Algorithm,
    /// What it is for.
    pub(crate) usage: KeyUse,
    /// Since when. `None`: it was put there by hand.
    pub(crate) since: Option<Timestamp>,
}

impl KeyRing {
    /// Fresh keys, made at `now`, of which one signs with `algorithm`.
    pub(super) fn draw(
        algorithm: Algorithm,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<Self, RingError> {
        Ok(Self {
            secret: Zeroizing::new(ids.secret()),
            signing: PrivateKey::draw(algorithm, ids, now)?,
            next: None,
            old: Vec::new(),
        })
    }

    /// Shows a key from now on that will sign next; gives its name.
    pub(crate) fn prepare(
        &mut self,
        algorithm: Algorithm,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<String, RingError> {
        if let Some(next) = &self.next {
            let kid = next.key.kid().to_owned();
            return Err(RingError::Prepared { kid });
        }
        let next = PrivateKey::draw(algorithm, ids, now)?;
        let kid = next.key.kid().to_owned();
        self.next = Some(next);
        Ok(kid)
    }

    /// Lets the next key sign, or a fresh one where none was prepared; the one before
    /// verifies from now on. Gives the name of the one that signs.
    pub(crate) fn rotate(
        &mut self,
        algorithm: Algorithm,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<String, RingError> {
        if self.old.len() >= MAX_OLD {
            return Err(RingError::Full);
        }
        let new = match self.next.take() {
            Some(next) => PrivateKey {
                since: Some(now),
                ..next
            },
            None => PrivateKey::draw(algorithm, ids, now)?,
        };
        let kid = new.key.kid().to_owned();
        let before = std::mem::replace(&mut self.signing, new);
        self.old.push(OldKey {
            key: before.key.verifying_key().clone(),
            since: Some(now),
        });
        Ok(kid)
    }

    /// Believes nothing any more that the old key `kid` signed; drops it where it is
    /// the next one.
    pub(crate) fn retire(&mut self, kid: &str) -> Result<(), RingError> {
        let named = || kid.to_owned();
        if self.signing.key.kid() == kid {
            return Err(RingError::Signs { kid: named() });
        }
        if self.next.take_if(|next| next.key.kid() == kid).is_some() {
            return Ok(());
        }
        let before = self.old.len();
        self.old.retain(|old| old.key.kid() != kid);
        if self.old.len() == before {
            return Err(RingError::Unknown { kid: named() });
        }
        Ok(())
    }

    /// All keys, the one that signs first.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let listed = |key: &VerifyingKey, usage, since| Listed {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            usage,
            since,
        };
        let private = |held: &PrivateKey, usage| {
            let key = held.key.verifying_key();
            listed(key, usage, held.since)
        };
        let next = self.next.iter().map(|next| private(next, KeyUse::Next));
        let old = self.old.iter().rev();
        let old = old.map(|old| listed(&old.key, KeyUse::Verifies, old.since));
        let signing = private(&self.signing, KeyUse::Signs);
        std::iter::once(signing).chain(next).chain(old).collect()
    }

    /// The name of the key that signs. No secret.
    pub(crate) fn kid(&self) -> &str {
        self.signing.key.kid()
    }

    /// How tokens are signed.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.signing.key.algorithm()
    }

    /// All public halves.
    pub(super) fn public(&self) -> KeySet {
        let held = std::iter::once(&self.signing).chain(&self.next);
        let held = held.map(|held| held.key.verifying_key());
        let old = self.old.iter().map(|old| &old.key);
        held.chain(old).cloned().collect()
    }
}

impl std::fmt::Debug for KeyRing {
    /// Shows nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(..)")
    }
}

impl PrivateKey {
    /// The key of a secret that is kept. `None`: it is none.
    pub(super) fn of(
        algorithm: Algorithm,
        secret: Zeroizing<Vec<u8>>,
        since: Option<Timestamp>,
    ) -> Option<Self> {
        let key = SigningKey::from_secret(algorithm, &secret).ok()?;
        Some(Self { key, secret, since })
    }

    fn draw(algorithm: Algorithm, ids: &dyn IdSource, now: Timestamp) -> Result<Self, RingError> {
        Self::of(algorithm, drawn(algorithm, ids), Some(now)).ok_or(RingError::Draw)
    }
}

/// Random bytes of which a key of `algorithm` is made.
fn drawn(algorithm: Algorithm, ids: &dyn IdSource) -> Zeroizing<Vec<u8>> {
    #[cfg(feature = "es512")]
    if algorithm == Algorithm::Es512 {
        /// Bytes of the number, of 521 bits: of the first byte only one counts.
        const BYTES: usize = 66;
        let mut secret = Zeroizing::new(Vec::with_capacity(96));
        for _ in 0..3 {
            secret.extend_from_slice(Zeroizing::new(ids.secret()).as_ref());
        }
        secret.truncate(BYTES);
        if let Some(first) = secret.first_mut() {
            *first &= 1;
        }
        return secret;
    }
    debug_assert!(algorithm == Algorithm::EdDsa);
    Zeroizing::new(ids.secret().to_vec())
}

#[cfg(test)]
mod tests {
    use billing_testkit::{SeededIds, fixtures};

    use super::*;

    fn uses(ring: &KeyRing) -> Vec<KeyUse> {
        ring.list().into_iter().map(|key| key.usage).collect()
    }

    #[test]
    fn keys_are_prepared_sign_verify_and_are_retired() {
        let (ids, now) = (SeededIds::new(1), fixtures::start());
        for algorithm in Algorithm::ALL.iter().copied() {
            let mut ring = KeyRing::draw(algorithm, &ids, now).unwrap();
            let (first, sealed) = (ring.kid().to_owned(), ring.secret.clone());
            let next = ring.prepare(algorithm, &ids, now).unwrap();
            assert_eq!(ring.kid(), first);
            let again = ring.prepare(algorithm, &ids, now).unwrap_err();
            assert_eq!(again, RingError::Prepared { kid: next.clone() });
            assert_eq!(ring.rotate(algorithm, &ids, now), Ok(next.clone()));
            assert_eq!(ring.kid(), next);
            let third = ring.rotate(algorithm, &ids, now).unwrap();
            let order = [KeyUse::Signs, KeyUse::Verifies, KeyUse::Verifies];
            assert_eq!(uses(&ring), order);
            assert_eq!(ring.public().len(), 3);
            assert_eq!(ring.secret, sealed, "license keys are for life");
            let signs = RingError::Signs { kid: third.clone() };
            assert_eq!(ring.retire(&third), Err(signs));
            assert_eq!(ring.retire(&first), Ok(()));
            let unknown = RingError::Unknown { kid: first.clone() };
            assert_eq!(ring.retire(&first), Err(unknown));
            let dropped = ring.prepare(algorithm, &ids, now).unwrap();
            assert_eq!(ring.retire(&dropped), Ok(()));
            assert_eq!(uses(&ring), order[..2]);
            assert_eq!(ring.algorithm(), algorithm);
        }
    }

    #[test]
    fn old_keys_do_not_pile_up() {
        let (ids, now) = (SeededIds::new(1), fixtures::start());
        let mut ring = KeyRing::draw(Algorithm::EdDsa, &ids, now).unwrap();
        for _ in 0..MAX_OLD {
            ring.rotate(Algorithm::EdDsa, &ids, now).unwrap();
        }
        let signs = ring.kid().to_owned();
        let refused = ring.rotate(Algorithm::EdDsa, &ids, now);
        assert_eq!(refused, Err(RingError::Full));
        assert_eq!(ring.kid(), signs);
    }
}
