//! The clock of a fake: it stands still and is moved by hand, or it runs on
//! from an instant. Reads no wall clock.

use std::sync::{Arc, Mutex};

use billing_domain::time::{Timestamp, shifted};
use billing_ports::Clock;
use jiff::SignedDuration;
use tokio::time::Instant;

use super::lock;

/// A clock of a fake's own. Its clones are the same clock.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Mutex<Hands>>);

#[derive(Debug, Clone, Copy)]
struct Hands {
    at: Timestamp,
    /// Since when it runs on from `at`, by the runtime's time. `None`: it stands still.
    running: Option<Instant>,
}

impl FakeClock {
    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn still(at: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands { at, running: None })))
    }

    /// A clock that stands at `at` now and runs on.
    #[must_use]
    pub fn running(at: Timestamp) -> Self {
        let running = Some(started());
        Self(Arc::new(Mutex::new(Hands { at, running })))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let hands = *lock(&self.0);
        let Some(running) = hands.running else {
            return hands.at;
        };
        let since = SignedDuration::try_from(running.elapsed()).unwrap_or(SignedDuration::MAX);
        shifted(hands.at, since)
    }

    /// Sets it, forward or back, without doing what comes due on the way: fakes
    /// have an `advance` that does.
    pub fn set(&self, at: Timestamp) {
        let mut hands = lock(&self.0);
        let running = hands.running.map(|_before| started());
        *hands = Hands { at, running };
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

/// The runtime's time, which tests can pause.
fn started() -> Instant {
    Instant::now()
}
