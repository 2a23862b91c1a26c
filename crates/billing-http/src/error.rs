//! How sending fails, told apart by what the caller may conclude.
//!
//! No message, no source and no `Debug` holds a query, a header value or a
//! body. Knows nothing of statuses: an answer is never an error here.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Why a request got no answer. `target` is method, host and path.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It certainly had no effect: no connection was made (refused, no address,
    /// TLS handshake failed, connect time-out), or it was closed before a byte of
    /// the request was written, or the host is left alone for a while; and earlier
    /// attempts of the same call, if any, ended likewise or were turned away with
    /// 429.
    #[error("connect for {target}")]
    NotSent {
        /// Method, host and path.
        target: String,
        /// How many attempts were made.
        attempts: u32,
        /// What went wrong in the last attempt.
        #[source]
        source: Cause,
    },
    /// It may have taken effect, or not: ask the far side, or send it again
    /// with the same idempotency key.
    #[error("learn the outcome of {target}: {reason}{}", known(*status, request_id.as_deref()))]
    Unknown {
        /// Method, host and path.
        target: String,
        /// How many attempts were made.
        attempts: u32,
        /// In which way the answer was missed.
        reason: UnknownReason,
        /// The status, where as much of the answer came. None: nothing did.
        status: Option<StatusCode>,
        /// How the far side names the request in its own log, where as much of an
        /// answer came, to this attempt or to an earlier one.
        request_id: Option<String>,
        /// What went wrong underneath. None when this client itself gave up.
        #[source]
        source: Option<Cause>,
    },
    /// It cannot be sent at all, and nothing was.
    #[error("form the request {target}: {problem}")]
    Invalid {
        /// Method, host and path.
        target: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// In which way an answer was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownReason {
    /// No complete answer in time.
    TimedOut,
    /// The connection ended, or broke the protocol, before the answer was
    /// complete.
    ConnectionLost,
    /// The body of the answer is above the limit. Never retried: it would be
    /// as large again.
    AnswerTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The last attempt was not sent, but an earlier one may have taken effect.
    EarlierAttempt,
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::ConnectionLost => f.write_str("the connection was lost"),
            Self::AnswerTooLarge { limit } => {
                write!(f, "the answer is larger than {limit} bytes")
            }
            Self::EarlierAttempt => f.write_str("an earlier attempt got no answer"),
        }
    }
}

/// As much of an answer as came, for a person who looks for it over there.
fn known(status: Option<StatusCode>, request_id: Option<&str>) -> String {
    let status = status.map(|status| format!(", status {}", status.as_u16()));
    let request_id = request_id.map(|id| format!(", request {id}"));
    [status, request_id].into_iter().flatten().collect()
}

/// What went wrong in the transport, without the URL.
#[derive(Debug)]
pub struct Cause(Kind);

#[derive(Debug)]
enum Kind {
    Transport(reqwest::Error),
    LeftAlone(Duration),
}

impl Cause {
    /// Takes the error of the transport and drops the URL that it carries.
    pub(crate) fn new(error: reqwest::Error) -> Self {
        Self(Kind::Transport(error.without_url()))
    }

    /// The host has failed of late, and is left alone for as long.
    pub(crate) const fn left_alone(left: Duration) -> Self {
        Self(Kind::LeftAlone(left))
    }

    /// Whether nothing was sent because the host has failed of late: trying again
    /// before its time is in vain.
    #[must_use]
    pub const fn is_circuit_open(&self) -> bool {
        matches!(self.0, Kind::LeftAlone(_))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Transport(error) => fmt::Display::fmt(error, f),
            Kind::LeftAlone(left) => write!(
                f,
                "the circuit is open: the host failed repeatedly and is left alone for {}.{:03} s",
                left.as_secs(),
                left.subsec_millis()
            ),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Transport(error) => error.source(),
            Kind::LeftAlone(_) => None,
        }
    }
}
