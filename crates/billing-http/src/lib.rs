//! The one outbound HTTP client: pool, time-outs, safe retries, redaction; and how
//! what comes back by webhook is known to be genuine ([`SignatureScheme`]).
//!
//! Every call to a payment provider goes through [`HttpClient::send`]. It
//! answers one of three things, and never blurs them:
//!
//! - an answer, whatever its status: `Ok(`[`Response`]`)`;
//! - nothing happened: [`HttpError::NotSent`] or [`HttpError::Invalid`];
//! - nobody can tell whether it happened: [`HttpError::Unknown`].
//!
//! What happens when a request is sent:
//!
//! 1. The URL is checked: `http` or `https`, without credentials inside.
//! 2. The request goes out on a pooled connection, or on a new one. Redirects
//!    are never followed, and no proxy is taken from the environment.
//! 3. The answer is read, headers and body, within the time-out of one attempt
//!    and up to the byte limit.
//! 4. A [`RetryPolicy::Safe`] request whose attempt failed in a passing way is
//!    sent again after a pause, a bounded number of times and within the total
//!    time-out.
//! 5. A host whose calls got no answer several times in a row is left alone for a
//!    while: calls end at once as not sent, until one of them finds it back.
//! 6. Each attempt is counted and timed, by host and outcome.
//!
//! Whoever reads an answer can note in a [`KeyWatch`] whether its key was taken.
//!
//! It deliberately knows no provider, no idempotency header, no JSON and
//! nothing of billing: the caller says whether a request is safe to repeat.
//! For addresses that strangers chose there is [`Reach::Public`].

mod circuit;
mod client;
mod error;
mod key;
mod measure;
mod options;
mod pacing;
mod reach;
mod redact;
mod request;
mod response;
mod retry;
mod signature;
mod tls;

pub use circuit::{DEFAULT_CIRCUIT_FAILURES, DEFAULT_CIRCUIT_PAUSE};
pub use client::HttpClient;
pub use error::{Cause, HttpError, UnknownReason};
pub use key::KeyWatch;
pub use measure::{REQUEST_SECONDS, REQUESTS_TOTAL};
pub use options::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_RESPONSE_BYTES,
    DEFAULT_POOL_IDLE_TIMEOUT, DEFAULT_POOL_MAX_IDLE_PER_HOST, DEFAULT_REQUEST_TIMEOUT,
    DEFAULT_TOTAL_TIMEOUT, DEFAULT_USER_AGENT, HttpOptions, MAX_ATTEMPTS, OptionsError,
};
pub use pacing::{Pacing, Pause, TokioPacing};
pub use reach::{LookingUp, Names, Reach};
pub use redact::RedactedHeaders;
pub use request::{AnswerNeeded, Request, RetryPolicy, Shown};
pub use response::Response;
pub use retry::{BACKOFF_BASE, BACKOFF_CAP, RETRY_AFTER_CAP};
pub use signature::{SIGNATURE_HEADER_MAX_BYTES, SIGNATURES_MAX, SignatureScheme, SigningKeys};
