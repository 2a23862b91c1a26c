//! Digests that tell two values apart, for ever the same since some are stored.
//! FNV-1a: not a secret, and no protection against somebody who chooses both values.

use std::fmt::Debug;

/// 64 bits over the text of a value.
#[must_use]
pub fn digest64(value: &impl Debug) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    format!("{value:?}").bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

/// 128 bits over the text of a value, in hexadecimal.
#[must_use]
pub fn digest128(value: &impl Debug) -> String {
    let mut digest = Digest::new();
    digest.add(value);
    digest.finish()
}

/// A digest of many values, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Digest(u128);

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// Of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Adds a value.
    pub fn add(&mut self, value: &impl Debug) {
        const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;
        // The end of one value is not the beginning of the next.
        let bytes = format!("{value:?}\u{0}");
        self.0 = bytes.bytes().fold(self.0, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(PRIME)
        });
    }

    /// In hexadecimal.
    #[must_use]
    pub fn finish(self) -> String {
        format!("{:032x}", self.0)
    }
}
