//! Time and randomness come in by these two doors and no other.

use billing_domain::time::Timestamp;

/// Tells the time.
///
/// MUST never go backward by more than the host's own clock does. Read once per
/// entry point; everything below is given `now`.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present instant, UTC, cut to microseconds.
    fn now(&self) -> Timestamp;
}

/// Gives randomness for ids and secrets.
///
/// MUST be unpredictable in production: secrets are made of it. Tests use a
/// seeded source.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait IdSource: Send + Sync {
    /// 64 fresh random bits, for an [`billing_domain::ids::IdSeq`].
    fn seed(&self) -> u64;
    /// 256 fresh random bits, for a secret.
    fn secret(&self) -> [u8; 32];
}
