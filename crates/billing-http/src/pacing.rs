//! Where pauses and chance come in, so that a test can bring its own.
//!
//! Knows nothing of how long a pause should be; that is decided elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A pause that is being waited for.
pub type Pause<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Waiting between attempts, and the chance that spreads them.
pub trait Pacing: fmt::Debug + Send + Sync {
    /// A number that MUST be spread evenly over all `u64`; 0 makes a pause as
    /// short as it may be, `u64::MAX` as long as it may be.
    fn chance(&self) -> u64;

    /// Waits for `duration`. MUST NOT return much later: the total time-out is
    /// checked after the pause, not during it.
    fn pause(&self, duration: Duration) -> Pause<'_>;
}

/// Waits on the timer of tokio, with randomness from the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioPacing;

impl Pacing for TokioPacing {
    fn chance(&self) -> u64 {
        // Without randomness the longest pause is the polite one.
        getrandom::u64().unwrap_or(u64::MAX)
    }

    fn pause(&self, duration: Duration) -> Pause<'_> {
        Box::pin(tokio::time::sleep(duration))
    }
}
