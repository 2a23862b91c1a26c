//! How sending fails, told apart by what the caller may conclude.
//!
//! No message, no source and no `Debug` holds a query, a header value or a
//! body. Knows nothing of statuses: an answer is never an error here.

use std::error::Error;
use std::fmt;

/// Why a request got no answer. `target` is method, host and path.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It certainly had no effect: no connection was made (refused, no address,
    /// TLS handshake failed, connect time-out), and earlier attempts of the
    /// same call, if any, never connected either or were turned away with 429.
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
    #[error("learn the outcome of {target}: {reason}")]
    Unknown {
        /// Method, host and path.
        target: String,
        /// How many attempts were made.
        attempts: u32,
        /// In which way the answer was missed.
        reason: UnknownReason,
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

/// What went wrong in the transport, without the URL.
#[derive(Debug)]
pub struct Cause(reqwest::Error);

impl Cause {
    /// Takes the error of the transport and drops the URL that it carries.
    pub(crate) fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
