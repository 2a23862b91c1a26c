//! The host's clock and randomness: the sanctioned place of both.

use billing_domain::time::{Timestamp, to_micros};
use billing_ports::{Clock, IdSource};

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the host's clock is read"
    )]
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OsIds {
    _tried: (),
}

impl OsIds {
    /// The source, tried once.
    ///
    /// # Errors
    ///
    /// When the operating system has no randomness to give.
    pub(crate) fn open() -> Result<Self, getrandom::Error> {
        getrandom::fill(&mut [0; 32])?;
        Ok(Self { _tried: () })
    }
}

/// Tries before the program gives up on randomness. A system that gave some at
/// the start fails only by interruption, which one more try outlasts.
const TRIES: usize = 3;

fn fill(bytes: &mut [u8]) {
    if (0..TRIES).any(|_| getrandom::fill(bytes).is_ok()) {
        return;
    }
    // Going on would hand out secrets that anybody can guess.
    tracing::error!("the operating system gives no randomness; ending");
    std::process::abort();
}

impl IdSource for OsIds {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_differs_and_time_is_cut_to_microseconds() {
        let ids = OsIds::open().unwrap();
        assert_ne!(ids.secret(), ids.secret());
        assert_ne!(ids.seed(), ids.seed());
        let now = SystemClock.now();
        assert_eq!(now, to_micros(now));
    }
}
