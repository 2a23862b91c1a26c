//! Randomness that repeats: the same seed gives the same ids and secrets.
//! For tests only, since everything it gives can be foretold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_ports::IdSource;

/// How far the state of `SplitMix64` moves with every number: 2^64 divided by
/// the golden ratio, made odd, so that every state is visited once.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of ids that repeats under the same seed (`SplitMix64`). Its clones
/// draw from one sequence.
#[derive(Debug, Clone)]
pub struct SeededIds {
    state: Arc<AtomicU64>,
}

impl SeededIds {
    /// A source that begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(AtomicU64::new(seed)),
        }
    }

    /// The next number.
    #[must_use]
    pub fn draw(&self) -> u64 {
        let state = self.state.fetch_add(GOLDEN_GAMMA, Ordering::Relaxed);
        mix(state.wrapping_add(GOLDEN_GAMMA))
    }

    /// A number below `bound`; 0 for a bound of 0. Slightly uneven, which no
    /// test here minds.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }
}

impl IdSource for SeededIds {
    fn seed(&self) -> u64 {
        self.draw()
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        for part in secret.chunks_exact_mut(8) {
            part.copy_from_slice(&self.draw().to_be_bytes());
        }
        secret
    }
}

/// The finalizer of `SplitMix64`, constants as published.
const fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_reference_implementation() {
        let ids = SeededIds::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| ids.draw()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn the_same_seed_repeats_and_clones_go_on() {
        let (one, two) = (SeededIds::new(7), SeededIds::new(7));
        assert_eq!(one.secret(), two.secret());
        assert_ne!(one.clone().seed(), one.seed());
    }
}
