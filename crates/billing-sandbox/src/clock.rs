//! The sandbox's clock: another clock, moved ahead. It never moves back.
//!
//! Knows nothing of the books, which keep how far it is ahead.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use billing_domain::time::{Timestamp, to_micros};
use billing_ports::Clock;
use jiff::SignedDuration;

/// Why the clock was not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The instant lies in the clock's past.
    #[error("move the clock back")]
    Backward,
    /// The instant lies outside the calendar.
    #[error("move the clock beyond the calendar")]
    OutOfRange,
}

/// A clock that runs a movable stretch ahead of another. Cloning shares it.
///
/// Hand it to the engine too, so that both live in the same time.
#[derive(Clone)]
pub struct SandboxClock {
    base: Arc<dyn Clock>,
    ahead_micros: Arc<AtomicI64>,
}

impl SandboxClock {
    /// A clock that agrees with `base` until it is moved.
    #[must_use]
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self {
            base,
            ahead_micros: Arc::new(AtomicI64::new(0)),
        }
    }

    /// Moves the clock ahead and answers the new instant.
    ///
    /// # Errors
    ///
    /// [`ClockError`] when `by` is negative or leads out of the calendar; the clock stays.
    pub fn advance(&self, by: SignedDuration) -> Result<Timestamp, ClockError> {
        if by.is_negative() {
            return Err(ClockError::Backward);
        }
        let by = i64::try_from(by.as_micros()).map_err(|_too_long| ClockError::OutOfRange)?;
        let base = self.base.now();
        self.ahead_micros
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ahead| {
                let moved = ahead.checked_add(by)?;
                shifted(base, moved).map(|_within| moved)
            })
            .map_err(|_out_of_range| ClockError::OutOfRange)?;
        Ok(self.now())
    }

    /// Moves the clock ahead to an instant.
    ///
    /// # Errors
    ///
    /// [`ClockError`] when `to` lies in the clock's past; the clock stays.
    pub fn set(&self, to: Timestamp) -> Result<Timestamp, ClockError> {
        self.advance(to.duration_since(self.now()))
    }

    /// How far it runs ahead, in microseconds.
    pub(crate) fn ahead_micros(&self) -> i64 {
        self.ahead_micros.load(Ordering::SeqCst)
    }

    /// Takes up how far it ran ahead when the books were last written.
    pub(crate) fn restore(&self, ahead_micros: i64) {
        self.ahead_micros.fetch_max(ahead_micros, Ordering::SeqCst);
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        let base = self.base.now();
        shifted(base, self.ahead_micros()).unwrap_or(base)
    }
}

impl fmt::Debug for SandboxClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxClock")
            .field("ahead_micros", &self.ahead_micros())
            .finish_non_exhaustive()
    }
}

fn shifted(base: Timestamp, micros: i64) -> Option<Timestamp> {
    base.checked_add(SignedDuration::from_micros(micros))
        .ok()
        .map(to_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    #[test]
    fn it_moves_ahead_and_never_back() {
        let clock = SandboxClock::new(Arc::new(Fixed));
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        let hour = SignedDuration::from_hours(1);
        let later = clock.advance(hour).unwrap();
        assert_eq!(later.duration_since(Timestamp::UNIX_EPOCH), hour);
        assert_eq!(clock.advance(-hour), Err(ClockError::Backward));
        assert_eq!(clock.set(Timestamp::UNIX_EPOCH), Err(ClockError::Backward));
        assert_eq!(
            clock.advance(SignedDuration::MAX),
            Err(ClockError::OutOfRange)
        );
        assert_eq!(clock.clone().now(), later);
        assert_eq!(clock.set(later + hour), Ok(later + hour));
    }
}
