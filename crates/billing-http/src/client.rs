//! The client: one call is a bounded number of attempts.
//!
//! Knows nothing of how long to pause or what to repeat; it carries that out.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use tracing::debug;

use crate::circuit::Circuits;
use crate::error::{Cause, HttpError, UnknownReason};
use crate::options::{HttpOptions, OptionsError};
use crate::pacing::{Pacing, TokioPacing};
use crate::reach::{Judged, Names, Reach, SystemNames};
use crate::redact::{host, is_secret};
use crate::request::{AnswerNeeded, Request, RetryPolicy};
use crate::response::{Response, request_id};
use crate::{measure, retry, tls};

/// How long a connection may be silent before the far side is probed.
///
/// A connection that a middlebox forgot would otherwise swallow requests until
/// each runs into its time-out; 20 s is below the idle limits of common
/// balancers and within one attempt.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// How long a probe of an HTTP/2 connection may stay unanswered. A round trip
/// takes well under a second; the rest is patience with a busy server.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The outbound HTTP client. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: reqwest::Client,
    options: HttpOptions,
    pacing: Arc<dyn Pacing>,
    circuits: Circuits,
}

impl HttpClient {
    /// A client with these limits, on the timer of tokio.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the limits contradict each other or cannot be set
    /// up. Nothing is sent.
    pub fn new(options: HttpOptions) -> Result<Self, OptionsError> {
        Self::with_pacing(options, Arc::new(TokioPacing))
    }

    /// A client with these limits, with pauses and chance as given.
    ///
    /// # Errors
    ///
    /// As for [`HttpClient::new`].
    pub fn with_pacing(
        options: HttpOptions,
        pacing: Arc<dyn Pacing>,
    ) -> Result<Self, OptionsError> {
        Self::made(options, pacing, None)
    }

    /// A client with these limits that looks names up with `names`. Whom it may reach is
    /// judged by what they say.
    ///
    /// # Errors
    ///
    /// As for [`HttpClient::new`].
    pub fn with_names(options: HttpOptions, names: Arc<dyn Names>) -> Result<Self, OptionsError> {
        Self::made(options, Arc::new(TokioPacing), Some(names))
    }

    fn made(
        options: HttpOptions,
        pacing: Arc<dyn Pacing>,
        names: Option<Arc<dyn Names>>,
    ) -> Result<Self, OptionsError> {
        options.check()?;
        let user_agent =
            HeaderValue::from_str(&options.user_agent).map_err(OptionsError::UserAgent)?;
        let transport = match (options.reach, names) {
            (Reach::Anybody, None) => reqwest::Client::builder(),
            (reach, names) => {
                let names = names.unwrap_or_else(|| Arc::new(SystemNames));
                reqwest::Client::builder().dns_resolver(Arc::new(Judged { reach, names }))
            }
        };
        let transport = transport
            .tls_backend_preconfigured(tls::client_config().map_err(OptionsError::Tls)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(user_agent)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.pool_idle_timeout)
            .pool_max_idle_per_host(options.pool_max_idle_per_host)
            .tcp_keepalive(KEEP_ALIVE_INTERVAL)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .http2_keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .build()
            .map_err(|error| OptionsError::Pool(Cause::new(error)))?;
        measure::describe();
        let circuits = Circuits::new(options.circuit_failures, options.circuit_pause);
        Ok(Self {
            inner: Arc::new(Inner {
                transport,
                options,
                pacing,
                circuits,
            }),
        })
    }

    /// The limits that this client keeps, for callers that must outlast them.
    #[must_use]
    pub fn options(&self) -> &HttpOptions {
        &self.inner.options
    }

    /// Sends `request` and reads the whole answer, whatever its status; or as much of it as
    /// the request needs.
    ///
    /// A [`RetryPolicy::Safe`] request is repeated when the connection could
    /// not be made, the answer was missed, or its status is 429, 500, 502, 503
    /// or 504, or the far side says so by the header that the request heeds; never more than `max_attempts` times in all, and never past
    /// `total_timeout`. What is returned is then the end of the last attempt.
    ///
    /// Dropping the future gives up at once; the outcome is then unknown.
    ///
    /// # Errors
    ///
    /// - [`HttpError::Invalid`] when the request cannot be sent by anyone.
    /// - [`HttpError::NotSent`] when it certainly had no effect.
    /// - [`HttpError::Unknown`] when it may have had one. An answer above the
    ///   byte limit is among these.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        check(&request, self.inner.options.reach)?;
        let host = host(&request.url);
        let permit = match self.inner.circuits.enter(&host, Instant::now()) {
            Ok(permit) => permit,
            Err(left) => {
                return Err(HttpError::NotSent {
                    target: request.target(),
                    attempts: 0,
                    source: Cause::left_alone(left),
                });
            }
        };
        let result = self.attempts(&request).await;
        permit.settle(&result, Instant::now());
        result
    }

    /// The attempts of one call.
    async fn attempts(&self, request: &Request) -> Result<Response, HttpError> {
        let start = Instant::now();
        let options = &self.inner.options;
        let most = match request.retry {
            RetryPolicy::Safe => options.max_attempts,
            RetryPolicy::Never => 1,
        };
        let left = || options.total_timeout.saturating_sub(start.elapsed());
        let mut attempt: u32 = 1;
        let mut earlier = Earlier::default();
        loop {
            let time = options.request_timeout.min(left());
            let result = self.measured(request, attempt, time).await;
            let chance = self.inner.pacing.chance();
            let pause = retry::pause(&result, attempt, chance, request.verdict.as_ref())
                .filter(|pause| attempt < most && *pause < left());
            let Some(pause) = pause else {
                return conclude(result, earlier);
            };
            self.inner.pacing.pause(pause).await;
            if left().is_zero() {
                return conclude(result, earlier);
            }
            earlier.add(result);
            attempt = attempt.saturating_add(1);
        }
    }

    /// One attempt, counted and timed.
    async fn measured(
        &self,
        request: &Request,
        attempt: u32,
        time: Duration,
    ) -> Result<Response, HttpError> {
        let start = Instant::now();
        let result = self.attempt(request, attempt, time).await;
        let took = start.elapsed();
        let host = request.url.host_str().unwrap_or_default();
        measure::attempt(host, &result, took);
        debug!(
            method = %request.method,
            place = request.place(),
            attempt,
            outcome = measure::outcome(&result),
            status = result.as_ref().ok().map(|response| response.status.as_u16()),
            request_id = result.as_ref().ok().and_then(|response| response.request_id.as_deref()),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "outbound request"
        );
        result
    }

    /// One attempt within `time`, from connecting to the end of the body.
    async fn attempt(
        &self,
        request: &Request,
        attempt: u32,
        time: Duration,
    ) -> Result<Response, HttpError> {
        let start = Instant::now();
        let mut headers = request.headers.clone();
        for (name, value) in &mut headers {
            // Marked so that HTTP/2 keeps it out of its compression tables.
            value.set_sensitive(is_secret(name, value));
        }
        let sending = self
            .inner
            .transport
            .request(request.method.clone(), request.url.clone())
            .headers(headers)
            .body(request.body.clone())
            .send();
        let late = UnknownReason::TimedOut;
        let answer = tokio::time::timeout(time, sending)
            .await
            .map_err(|_elapsed| unknown(request, attempt, late, Known::default()))?
            .map_err(|error| failure(request, attempt, error))?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let request_id = request_id(&headers);
        let left = time.saturating_sub(start.elapsed());
        let read = tokio::time::timeout(left, self.read(answer)).await;
        let read = read.unwrap_or(Err((late, None)));
        let body = match (read, request.answer) {
            (Ok(body), AnswerNeeded::Whole) => body,
            (_, AnswerNeeded::Status) => Bytes::new(),
            (Err((reason, source)), AnswerNeeded::Whole) => {
                let known = Known {
                    status: Some(status),
                    request_id,
                    source,
                };
                return Err(unknown(request, attempt, reason, known));
            }
        };
        Ok(Response {
            status,
            request_id,
            headers,
            body,
            attempts: attempt,
            earlier_unknown: false,
        })
    }

    /// Reads the body, but not a byte more than the limit is kept. Fails with the way in which
    /// its end was missed.
    async fn read(
        &self,
        mut answer: reqwest::Response,
    ) -> Result<Bytes, (UnknownReason, Option<Cause>)> {
        let limit = self.inner.options.max_response_bytes;
        let too_large = (UnknownReason::AnswerTooLarge { limit }, None);
        let announced = answer.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |bytes| bytes > limit) {
            return Err(too_large);
        }
        let mut body = BytesMut::new();
        loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(body.freeze()),
                Err(error) => {
                    return Err((UnknownReason::ConnectionLost, Some(Cause::new(error))));
                }
            };
            if chunk.len() > limit.saturating_sub(body.len()) {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
    }
}

/// Refuses what no client should send. A URL of these schemes always has a host.
fn check(request: &Request, reach: Reach) -> Result<(), HttpError> {
    let url = &request.url;
    let problem = if !matches!(url.scheme(), "http" | "https") {
        "only http and https are spoken"
    } else if !url.username().is_empty() || url.password().is_some() {
        "credentials belong in a header, not in the URL"
    } else if !reach.allows(url) {
        "its address is not public"
    } else {
        return Ok(());
    };
    Err(HttpError::Invalid {
        target: request.target(),
        problem: problem.to_owned(),
    })
}

/// What the caller may conclude from an error of the transport.
fn failure(request: &Request, attempts: u32, error: reqwest::Error) -> HttpError {
    let target = request.target();
    if error.is_builder() {
        let problem = Cause::new(error).to_string();
        return HttpError::Invalid { target, problem };
    }
    if error.is_connect() || never_written(&error) {
        let source = Cause::new(error);
        return HttpError::NotSent {
            target,
            attempts,
            source,
        };
    }
    let known = Known {
        source: Some(Cause::new(error)),
        ..Known::default()
    };
    unknown(request, attempts, UnknownReason::ConnectionLost, known)
}

/// Whether a connection, one from the pool as a rule, ended before a byte of the
/// request was written to it. The transport tries such a request on another
/// connection by itself; this is what is left where it cannot.
fn never_written(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_canceled)
}

/// As much of an answer as came, and what ended it.
#[derive(Debug, Default)]
struct Known {
    status: Option<StatusCode>,
    request_id: Option<String>,
    source: Option<Cause>,
}

/// What is to be remembered of attempts whose results are thrown away.
#[derive(Debug, Default)]
struct Earlier {
    unknown: bool,
    request_id: Option<String>,
}

impl Earlier {
    fn add(&mut self, result: Result<Response, HttpError>) {
        self.unknown |= retry::may_have_acted(&result);
        let named = match result {
            Ok(Response { request_id, .. }) | Err(HttpError::Unknown { request_id, .. }) => {
                request_id
            }
            Err(HttpError::NotSent { .. } | HttpError::Invalid { .. }) => None,
        };
        self.request_id = named.or(self.request_id.take());
    }
}

fn unknown(request: &Request, attempts: u32, reason: UnknownReason, known: Known) -> HttpError {
    HttpError::Unknown {
        target: request.target(),
        attempts,
        reason,
        status: known.status,
        request_id: known.request_id,
        source: known.source,
    }
}

/// The end of the last attempt, in the light of those before it.
fn conclude(result: Result<Response, HttpError>, earlier: Earlier) -> Result<Response, HttpError> {
    match result {
        Ok(response) => Ok(Response {
            earlier_unknown: earlier.unknown,
            ..response
        }),
        Err(HttpError::NotSent {
            target,
            attempts,
            source,
        }) if earlier.unknown => Err(HttpError::Unknown {
            target,
            attempts,
            reason: UnknownReason::EarlierAttempt,
            status: None,
            request_id: earlier.request_id,
            source: Some(source),
        }),
        Err(HttpError::Unknown {
            target,
            attempts,
            reason,
            status,
            request_id,
            source,
        }) => Err(HttpError::Unknown {
            target,
            attempts,
            reason,
            status,
            request_id: request_id.or(earlier.request_id),
            source,
        }),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
