//! The client: one call is a bounded number of attempts.
//!
//! Knows nothing of how long to pause or what to repeat; it carries that out.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tokio::time::Instant;
use tracing::debug;

use crate::error::{Cause, HttpError, UnknownReason};
use crate::options::{HttpOptions, OptionsError};
use crate::pacing::{Pacing, TokioPacing};
use crate::redact::{is_secret, place, target};
use crate::request::{Request, RetryPolicy};
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
        options.check()?;
        let user_agent =
            HeaderValue::from_str(&options.user_agent).map_err(OptionsError::UserAgent)?;
        let transport = reqwest::Client::builder()
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
        Ok(Self {
            inner: Arc::new(Inner {
                transport,
                options,
                pacing,
            }),
        })
    }

    /// The limits that this client keeps, for callers that must outlast them.
    #[must_use]
    pub fn options(&self) -> &HttpOptions {
        &self.inner.options
    }

    /// Sends `request` and reads the whole answer, whatever its status.
    ///
    /// A [`RetryPolicy::Safe`] request is repeated when the connection could
    /// not be made, the answer was missed, or its status is 429, 500, 502, 503
    /// or 504; never more than `max_attempts` times in all, and never past
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
        check(&request)?;
        let start = Instant::now();
        let options = &self.inner.options;
        let most = match request.retry {
            RetryPolicy::Safe => options.max_attempts,
            RetryPolicy::Never => 1,
        };
        let left = || options.total_timeout.saturating_sub(start.elapsed());
        let mut attempt: u32 = 1;
        let mut earlier_unknown = false;
        loop {
            let time = options.request_timeout.min(left());
            let result = self.measured(&request, attempt, time).await;
            let pause = retry::pause(&result, attempt, self.inner.pacing.chance())
                .filter(|pause| attempt < most && *pause < left());
            let Some(pause) = pause else {
                return conclude(result, earlier_unknown);
            };
            self.inner.pacing.pause(pause).await;
            if left().is_zero() {
                return conclude(result, earlier_unknown);
            }
            earlier_unknown |= retry::may_have_acted(&result);
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
        let result = tokio::time::timeout(time, self.attempt(request, attempt))
            .await
            .unwrap_or_else(|_| Err(unknown(request, attempt, UnknownReason::TimedOut, None)));
        let took = start.elapsed();
        let host = request.url.host_str().unwrap_or_default();
        measure::attempt(host, &result, took);
        debug!(
            method = %request.method,
            place = place(&request.url),
            attempt,
            outcome = measure::outcome(&result),
            status = result.as_ref().ok().map(|response| response.status.as_u16()),
            request_id = result.as_ref().ok().and_then(|response| response.request_id.as_deref()),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "outbound request"
        );
        result
    }

    async fn attempt(&self, request: &Request, attempt: u32) -> Result<Response, HttpError> {
        let mut headers = request.headers.clone();
        for (name, value) in &mut headers {
            // Marked so that HTTP/2 keeps it out of its compression tables.
            value.set_sensitive(is_secret(name, value));
        }
        let answer = self
            .inner
            .transport
            .request(request.method.clone(), request.url.clone())
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await
            .map_err(|error| failure(request, attempt, error))?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let body = self.read(request, attempt, answer).await?;
        Ok(Response {
            status,
            request_id: request_id(&headers),
            headers,
            body,
            attempts: attempt,
            earlier_unknown: false,
        })
    }

    /// Reads the body, but not a byte more than the limit is kept.
    async fn read(
        &self,
        request: &Request,
        attempt: u32,
        mut answer: reqwest::Response,
    ) -> Result<Bytes, HttpError> {
        let limit = self.inner.options.max_response_bytes;
        let too_large = || {
            let reason = UnknownReason::AnswerTooLarge { limit };
            unknown(request, attempt, reason, None)
        };
        let announced = answer.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |bytes| bytes > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| failure(request, attempt, error))?
        {
            if chunk.len() > limit.saturating_sub(body.len()) {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Refuses what no client should send. A URL of these schemes always has a host.
fn check(request: &Request) -> Result<(), HttpError> {
    let url = &request.url;
    let problem = if !matches!(url.scheme(), "http" | "https") {
        "only http and https are spoken"
    } else if !url.username().is_empty() || url.password().is_some() {
        "credentials belong in a header, not in the URL"
    } else {
        return Ok(());
    };
    Err(HttpError::Invalid {
        target: target(&request.method, url),
        problem: problem.to_owned(),
    })
}

/// What the caller may conclude from an error of the transport.
fn failure(request: &Request, attempts: u32, error: reqwest::Error) -> HttpError {
    let target = target(&request.method, &request.url);
    if error.is_builder() {
        let problem = Cause::new(error).to_string();
        return HttpError::Invalid { target, problem };
    }
    if error.is_connect() {
        let source = Cause::new(error);
        return HttpError::NotSent {
            target,
            attempts,
            source,
        };
    }
    let source = Some(Cause::new(error));
    unknown(request, attempts, UnknownReason::ConnectionLost, source)
}

fn unknown(
    request: &Request,
    attempts: u32,
    reason: UnknownReason,
    source: Option<Cause>,
) -> HttpError {
    HttpError::Unknown {
        target: target(&request.method, &request.url),
        attempts,
        reason,
        source,
    }
}

/// The end of the last attempt, in the light of those before it.
fn conclude(
    result: Result<Response, HttpError>,
    earlier_unknown: bool,
) -> Result<Response, HttpError> {
    match result {
        Ok(response) => Ok(Response {
            earlier_unknown,
            ..response
        }),
        Err(HttpError::NotSent {
            target,
            attempts,
            source,
        }) if earlier_unknown => Err(HttpError::Unknown {
            target,
            attempts,
            reason: UnknownReason::EarlierAttempt,
            source: Some(source),
        }),
        Err(error) => Err(error),
    }
}
