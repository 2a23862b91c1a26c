//! A clock that stands still until it is moved by hand. Knows no real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use billing_domain::time::{Timestamp, shifted};
use billing_ports::Clock;
use jiff::SignedDuration;

/// A clock that stands still until it is moved. Its clones are the same clock.
///
/// It can be set back as well, since a host's own clock can be.
#[derive(Debug, Clone)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at `start`, cut to microseconds.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self {
            micros: Arc::new(AtomicI64::new(start.as_microsecond())),
        }
    }

    /// Moves to an instant, forward or back.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_microsecond(), Ordering::SeqCst);
    }

    /// Moves on by a duration, held at the ends of the calendar.
    pub fn advance(&self, by: SignedDuration) {
        self.set(shifted(self.now(), by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        // Only instants inside the calendar are ever stored.
        Timestamp::from_microsecond(self.micros.load(Ordering::SeqCst))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_clock() {
        let clock = ManualClock::new("2026-01-31T12:00:00Z".parse().unwrap());
        let other = clock.clone();
        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(other.now().to_string(), "2026-01-31T13:00:00Z");
        other.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }
}
