//! The limits of a client, with defaults and the reasons for them.
//!
//! Knows nothing of where the values come from: reading configuration is the
//! caller's work.

use std::time::Duration;

use crate::circuit::{DEFAULT_CIRCUIT_FAILURES, DEFAULT_CIRCUIT_PAUSE};
use crate::error::Cause;
use crate::reach::Reach;

/// How long to wait for DNS, TCP and TLS together.
///
/// A healthy handshake takes well under a second anywhere on earth; 5 s leaves
/// room for one lost packet at each step and still fails early enough to retry.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one attempt may take, from connecting to the last byte of the body.
///
/// The slowest known answer of a gateway, a Lightning invoice behind a hanging
/// node, takes a little more than 10 s; 30 s gives it three times that.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one call may take over all attempts and the pauses between them.
///
/// One attempt that runs into its time-out, a pause, and most of a second one.
/// A caller that leases work must lease it for longer than this.
pub const DEFAULT_TOTAL_TIMEOUT: Duration = Duration::from_secs(55);

/// How often a safe request is sent at most, the first time included.
///
/// Three attempts ride out a dropped connection or a restart of one server; a
/// longer outage belongs to the caller's own queue.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// The largest number of attempts that options may ask for.
///
/// With doubling pauses the tenth attempt is already most of a minute away;
/// more would be a queue, which this is not.
pub const MAX_ATTEMPTS: u32 = 10;

/// How many bytes of a body are read at most.
///
/// A full page of 100 invoices with their lines is between 1 and 2 MB; 8 MiB
/// keeps that safe while many concurrent calls still fit in memory.
pub const DEFAULT_MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// How long an idle connection is kept.
///
/// Common front servers close idle connections after 60 to 75 s. Closing first,
/// at 30 s, avoids writing into a connection that the far side is closing,
/// which would make an outcome unknown.
pub const DEFAULT_POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How many idle connections are kept for each host.
///
/// As many as a small pool of workers uses at the same time; a burst above it
/// opens connections and lets them go again.
pub const DEFAULT_POOL_MAX_IDLE_PER_HOST: usize = 16;

/// What the client calls itself.
pub const DEFAULT_USER_AGENT: &str = concat!("billing/", env!("CARGO_PKG_VERSION"));

/// The limits of a client.
///
/// ```
/// use billing_http::{HttpClient, HttpOptions};
/// use std::time::Duration;
///
/// let client = HttpClient::new(HttpOptions {
///     request_timeout: Duration::from_secs(10),
///     ..HttpOptions::default()
/// });
/// assert!(client.is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Longest time to connect. Must be shorter than `request_timeout`, so that
    /// a connection that was never made is told from an answer that never came.
    pub connect_timeout: Duration,
    /// Longest time of one attempt, from connecting to the end of the body.
    pub request_timeout: Duration,
    /// Longest time of one call, over all attempts and pauses. At least
    /// `request_timeout`.
    pub total_timeout: Duration,
    /// Number of attempts of a safe request, the first included; 1 means no
    /// retry. At most [`MAX_ATTEMPTS`].
    pub max_attempts: u32,
    /// Largest body that is accepted, in bytes. 0 accepts only empty bodies.
    pub max_response_bytes: usize,
    /// Value of the `user-agent` header, unless a request brings its own.
    pub user_agent: String,
    /// How long an unused connection is kept.
    pub pool_idle_timeout: Duration,
    /// Unused connections kept for each host; 0 turns the pool off.
    pub pool_max_idle_per_host: usize,
    /// How many calls in a row have to get no answer, or a 502, 503 or 504, before
    /// a host is left alone for a while; 0 means never.
    pub circuit_failures: u32,
    /// How long it is left alone, before one call sees whether it is back.
    pub circuit_pause: Duration,
    /// Whom it may reach.
    pub reach: Reach,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            total_timeout: DEFAULT_TOTAL_TIMEOUT,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            max_response_bytes: DEFAULT_MAX_RESPONSE_BYTES,
            user_agent: DEFAULT_USER_AGENT.to_owned(),
            pool_idle_timeout: DEFAULT_POOL_IDLE_TIMEOUT,
            pool_max_idle_per_host: DEFAULT_POOL_MAX_IDLE_PER_HOST,
            circuit_failures: DEFAULT_CIRCUIT_FAILURES,
            circuit_pause: DEFAULT_CIRCUIT_PAUSE,
            reach: Reach::Anybody,
        }
    }
}

/// Why a client cannot be built from its options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The connect time-out is zero.
    #[error("use a connect time-out of zero")]
    ZeroConnectTimeout,
    /// The time-outs do not nest: connect < request <= total.
    #[error(
        "nest the time-outs: connect {connect:?} must be below request {request:?}, \
         and that not above total {total:?}"
    )]
    TimeoutOrder {
        /// The connect time-out that was given.
        connect: Duration,
        /// The time-out of one attempt that was given.
        request: Duration,
        /// The total time-out that was given.
        total: Duration,
    },
    /// The number of attempts is zero or above [`MAX_ATTEMPTS`].
    #[error("make {given} attempts: must be between 1 and {MAX_ATTEMPTS}")]
    Attempts {
        /// The number that was given.
        given: u32,
    },
    /// The user agent has a character that a header cannot carry.
    #[error("use the user agent as a header")]
    UserAgent(#[source] http::header::InvalidHeaderValue),
    /// The TLS settings were refused.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    /// The connection pool could not be set up.
    #[error("set up the connection pool")]
    Pool(#[source] Cause),
}

impl HttpOptions {
    /// Refuses limits that contradict each other.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        if self.connect_timeout.is_zero() {
            return Err(OptionsError::ZeroConnectTimeout);
        }
        if self.connect_timeout >= self.request_timeout || self.request_timeout > self.total_timeout
        {
            return Err(OptionsError::TimeoutOrder {
                connect: self.connect_timeout,
                request: self.request_timeout,
                total: self.total_timeout,
            });
        }
        if self.max_attempts == 0 || self.max_attempts > MAX_ATTEMPTS {
            return Err(OptionsError::Attempts {
                given: self.max_attempts,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        HttpOptions::default().check().unwrap();
    }

    #[test]
    fn contradicting_limits_are_refused() {
        let second = Duration::from_secs(1);
        let base = HttpOptions::default;
        let zero = HttpOptions {
            connect_timeout: Duration::ZERO,
            ..base()
        };
        assert!(matches!(
            zero.check(),
            Err(OptionsError::ZeroConnectTimeout)
        ));
        let equal = HttpOptions {
            connect_timeout: second,
            request_timeout: second,
            ..base()
        };
        assert!(matches!(
            equal.check(),
            Err(OptionsError::TimeoutOrder { .. })
        ));
        let total = HttpOptions {
            total_timeout: DEFAULT_REQUEST_TIMEOUT.saturating_sub(second),
            ..base()
        };
        assert!(matches!(
            total.check(),
            Err(OptionsError::TimeoutOrder { .. })
        ));
        for given in [0, MAX_ATTEMPTS + 1] {
            let attempts = HttpOptions {
                max_attempts: given,
                ..base()
            };
            assert!(
                matches!(attempts.check(), Err(OptionsError::Attempts { given: g }) if g == given)
            );
        }
    }
}
