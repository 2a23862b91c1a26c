//! The host's clock and randomness: the one sanctioned place for each.

use billing_domain::time::{Timestamp, to_micros};
use billing_ports::{Clock, IdSource};

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn seed(&self) -> u64 {
        let mut bytes = [0; 8];
        fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        fill(&mut bytes);
        bytes
    }
}

fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // A machine without randomness must not hand out secrets, nor ids that repeat.
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ() {
        assert_ne!(SystemIds.secret(), SystemIds.secret());
        assert_ne!(SystemIds.seed(), SystemIds.seed());
    }

    #[test]
    fn the_clock_tells_whole_microseconds() {
        assert_eq!(SystemClock.now().subsec_nanosecond() % 1_000, 0);
    }
}
