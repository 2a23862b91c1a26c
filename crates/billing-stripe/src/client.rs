//! Sending a call, and telling its outcome. Knows nothing of what is called.

use std::sync::Arc;

use billing_domain::time::{Timestamp, shifted_back};
use billing_http::{HttpClient, KeyWatch, Request, Response, RetryPolicy};
use billing_ports::{Clock, PerformError};
use http::header::{AUTHORIZATION, DATE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use jiff::SignedDuration;
use jiff::fmt::rfc2822::DateTimeParser;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use crate::call::{Call, encoded};
use crate::failure::{Failure, classify};
use crate::options::API_VERSION;

const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says whether the same call may come to something else, whatever the status.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const REPLAYED: &str = "idempotent-replayed";
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// How much older than its `Date` an answer is taken to be. The header has whole
/// seconds: what happened later in the same second has the same one, and must win.
const ANSWER_AGE: SignedDuration = SignedDuration::from_secs(1);

/// Sends calls to one Stripe account.
#[derive(Clone)]
pub(crate) struct Client {
    http: HttpClient,
    base: Url,
    key: SecretString,
    /// Whether Stripe takes it.
    pub(crate) watch: KeyWatch,
    clock: Arc<dyn Clock>,
}

/// An object, as it stood at an instant of Stripe's.
#[derive(Debug, Clone)]
pub(crate) struct Reply<T> {
    pub(crate) body: T,
    pub(crate) at: Timestamp,
    /// It is the answer to an earlier call under the same key, given again: the
    /// object may stand otherwise by now.
    pub(crate) replayed: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(
        http: HttpClient,
        base: Url,
        key: SecretString,
        watch: KeyWatch,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            http,
            base,
            key,
            watch,
            clock,
        }
    }

    /// The present instant, by our own clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a call and reads its object.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<Reply<T>, Failure> {
        if !call.path_is_plain() {
            return Err(Failure::Missing(billing_ports::Refusal {
                code: "resource_missing".to_owned(),
                message: "an id that Stripe cannot have given".to_owned(),
            }));
        }
        let response = self.http.send(self.request(&call)?).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            // 403 is a restricted key's that may not do this one thing.
            self.watch.refused();
        }
        if !response.status.is_success() {
            // An answer may quote what it was asked with.
            return Err(classify(&response.hiding(self.key.expose_secret())));
        }
        self.watch.taken();
        let body = serde_json::from_slice(&response.body).map_err(|_shape| {
            let id = response.request_id.as_deref().unwrap_or("unnamed");
            Failure::Failed(PerformError::Unknown(format!(
                "the answer to request {id} cannot be read"
            )))
        })?;
        Ok(Reply {
            body,
            at: self.instant(&response),
            replayed: is_replayed(&response.headers),
        })
    }

    fn request(&self, call: &Call) -> Result<Request, Failure> {
        let mut url = self.base.clone();
        let base = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{base}/v1{}", call.path));
        url.set_query(None);
        if !call.query.is_empty() {
            url.set_query(Some(&encoded(&call.query)));
        }
        // Reads, what carries a key, and what harms nobody when done twice.
        let mut request = Request::new(call.method.clone(), url, RetryPolicy::Safe)
            .heeding(SHOULD_RETRY)
            .with_header(
                AUTHORIZATION,
                &format!("Bearer {}", self.key.expose_secret()),
            )?
            .with_header(STRIPE_VERSION, API_VERSION)?;
        if let Some(key) = &call.key {
            request = request.with_header(IDEMPOTENCY_KEY, key)?;
        }
        if call.method == Method::POST || !call.form.is_empty() {
            request = request.with_body(FORM, encoded(&call.form));
        }
        Ok(request)
    }

    /// The instant at which an answer certainly held.
    fn instant(&self, response: &Response) -> Timestamp {
        let date = response
            .headers
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| DateTimeParser::new().parse_timestamp(text.trim()).ok());
        shifted_back(date.unwrap_or_else(|| self.now()), ANSWER_AGE)
    }
}

fn is_replayed(headers: &HeaderMap) -> bool {
    headers.get(REPLAYED).is_some_and(|value| value == "true")
}
