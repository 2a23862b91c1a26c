//! A circuit per host: after several calls in a row got no answer, the next ones are
//! not made for a while, and then one is, to see.
//!
//! A host that is down costs every caller its whole time-out; without calls it comes
//! back sooner. Knows nothing of what is sent, and keeps no time: `now` is given.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::error::HttpError;
use crate::response::Response;

/// How many calls in a row have to fail before a host is left alone, by default.
///
/// A call has been tried several times by itself already; five of them are no
/// accident, and are fewer than a small pool of workers has under way.
pub const DEFAULT_CIRCUIT_FAILURES: u32 = 5;

/// How long a host is left alone, by default.
///
/// A restart or a failover takes 10 to 30 s; longer would add to an outage that is
/// over, shorter would spend a time-out more on one that is not.
pub const DEFAULT_CIRCUIT_PAUSE: Duration = Duration::from_secs(15);

/// How many hosts are watched at once. Providers have a few; a caller that reaches
/// out to many gets no circuit for the rest, instead of growing memory.
const HOSTS_MAX: usize = 64;

/// The circuits of a client.
#[derive(Debug)]
pub(crate) struct Circuits {
    failures: u32,
    pause: Duration,
    hosts: Mutex<BTreeMap<String, Host>>,
}

/// A host that has failed of late.
#[derive(Debug, Clone, Copy, Default)]
struct Host {
    /// Calls in a row that failed.
    failures: u32,
    /// Until when it is left alone. `None`: it is not.
    open_until: Option<Instant>,
    /// Whether somebody is trying it.
    trying: bool,
}

/// The permission to call a host. Dropped unused, it was none.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    circuits: &'a Circuits,
    host: String,
    /// Whether it is the one call that sees whether the host is back.
    trial: bool,
    settled: bool,
}

impl Circuits {
    /// Circuits that open after so many `failures`, each for a `pause`. No failures:
    /// they never open.
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self {
            failures,
            pause,
            hosts: Mutex::new(BTreeMap::new()),
        }
    }

    /// The permission to call `host`; or how long it is left alone yet.
    pub(crate) fn enter(&self, host: &str, now: Instant) -> Result<Permit<'_>, Duration> {
        let mut trial = false;
        if let Some(held) = self.hosts().get_mut(host)
            && let Some(until) = held.open_until
        {
            let left = until.saturating_duration_since(now);
            if !left.is_zero() || held.trying {
                return Err(left);
            }
            held.trying = true;
            trial = true;
        }
        Ok(Permit {
            circuits: self,
            host: host.to_owned(),
            trial,
            settled: false,
        })
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        // What a panicking thread left is whole: each change is one assignment.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, host: &str, trial: bool, now: Instant) {
        let mut hosts = self.hosts();
        if self.failures == 0 || (!hosts.contains_key(host) && hosts.len() >= HOSTS_MAX) {
            return;
        }
        let held = hosts.entry(host.to_owned()).or_default();
        held.failures = held.failures.saturating_add(1);
        let opens = held.open_until.is_none() && held.failures >= self.failures;
        if trial || opens {
            held.trying = false;
            held.open_until = now.checked_add(self.pause);
        }
    }
}

impl Permit<'_> {
    /// Tells how the call ended.
    pub(crate) fn settle(mut self, result: &Result<Response, HttpError>, now: Instant) {
        self.settled = true;
        if is_failure(result) {
            self.circuits.failed(&self.host, self.trial, now);
        } else {
            self.circuits.hosts().remove(&self.host);
        }
    }
}

impl Drop for Permit<'_> {
    /// A trial that was given up says nothing, and the next call is one.
    fn drop(&mut self) {
        if self.trial
            && !self.settled
            && let Some(held) = self.circuits.hosts().get_mut(&self.host)
        {
            held.trying = false;
        }
    }
}

/// Whether a call ended as it does where nobody is there. Any other answer, a
/// refusal or a failure of that one request included, comes from somebody.
fn is_failure(result: &Result<Response, HttpError>) -> bool {
    match result {
        Ok(response) => matches!(
            response.status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ),
        Err(HttpError::NotSent { .. }) => true,
        // What was too large, or is known to have been answered, came from there.
        Err(HttpError::Unknown { status, .. }) => status.is_none(),
        Err(HttpError::Invalid { .. }) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn lost() -> Result<Response, HttpError> {
        Err(HttpError::Unknown {
            target: "GET api.test/".to_owned(),
            attempts: 1,
            reason: crate::error::UnknownReason::TimedOut,
            status: None,
            request_id: None,
            source: None,
        })
    }

    fn invalid() -> Result<Response, HttpError> {
        Err(HttpError::Invalid {
            target: "GET api.test/".to_owned(),
            problem: "none".to_owned(),
        })
    }

    fn fail(circuits: &Circuits, now: Instant) {
        circuits.enter("api", now).unwrap().settle(&lost(), now);
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_several_failures_in_a_row() {
        let circuits = Circuits::new(2, PAUSE);
        let now = Instant::now();
        fail(&circuits, now);
        circuits.enter("api", now).unwrap().settle(&invalid(), now);
        fail(&circuits, now);
        assert!(circuits.enter("api", now).is_ok(), "not two in a row");
        fail(&circuits, now);
        assert_eq!(circuits.enter("api", now).unwrap_err(), PAUSE);
        assert!(circuits.enter("other", now).is_ok(), "another host");
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_sees_whether_the_host_is_back() {
        let circuits = Circuits::new(1, PAUSE);
        let now = Instant::now();
        fail(&circuits, now);
        let later = now + PAUSE;
        let trial = circuits.enter("api", later).unwrap();
        assert!(circuits.enter("api", later).is_err(), "one at a time");
        trial.settle(&lost(), later);
        assert_eq!(circuits.enter("api", later).unwrap_err(), PAUSE);
        let again = later + PAUSE;
        let trial = circuits.enter("api", again).unwrap();
        trial.settle(&invalid(), again);
        assert!(circuits.enter("api", again).is_ok());
        assert!(circuits.enter("api", again).is_ok(), "closed for everybody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_was_given_up_is_followed_by_another() {
        let circuits = Circuits::new(1, PAUSE);
        let now = Instant::now();
        fail(&circuits, now);
        let later = now + PAUSE;
        drop(circuits.enter("api", later).unwrap());
        assert!(circuits.enter("api", later).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_can_be_turned_off_and_is_bounded() {
        let now = Instant::now();
        let off = Circuits::new(0, PAUSE);
        for _ in 0..10 {
            fail(&off, now);
        }
        assert!(off.hosts().is_empty());
        let circuits = Circuits::new(1, PAUSE);
        for host in 0..=HOSTS_MAX {
            let permit = circuits.enter(&host.to_string(), now).unwrap();
            permit.settle(&lost(), now);
        }
        assert_eq!(circuits.hosts().len(), HOSTS_MAX);
    }
}
