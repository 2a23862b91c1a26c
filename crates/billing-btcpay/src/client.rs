//! The thin client: JSON over the shared transport. Knows nothing of what the objects
//! mean.

use std::fmt;

use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpError, KeyWatch, Request, Response, RetryPolicy};
use http::header::{AUTHORIZATION, DATE};
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::api_error::{ApiError, CallError};
use crate::options::{BtcPayOptions, OptionsError};

/// Where the Greenfield API is, under the instance's address.
const API: [&str; 2] = ["api", "v1"];

/// A client of one store. `Debug` shows no key.
#[derive(Clone)]
pub(crate) struct Client {
    http: HttpClient,
    base: Url,
    key: SecretString,
    /// Whether BTCPay takes it.
    pub(crate) watch: KeyWatch,
    store: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// An answer, and when BTCPay gave it. `at`: `None` where it did not say.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) body: T,
    pub(crate) at: Option<Timestamp>,
}

impl Client {
    pub(crate) fn new(options: &BtcPayOptions, http: HttpClient) -> Result<Self, OptionsError> {
        options.check()?;
        let token = token(&options.api_key);
        HeaderValue::from_str(&token).map_err(|_shows_the_key| OptionsError::Key)?;
        Ok(Self {
            http,
            base: options.base_url.clone(),
            key: options.api_key.clone(),
            watch: KeyWatch::new(&options.account),
            store: options.store_id.clone(),
        })
    }

    /// The store that it is a client of.
    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// Reads something of the store's.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answered<T>, CallError> {
        let url = self.in_store(path)?;
        self.read(url, query).await
    }

    /// Reads something of the store's. `None`: it is not there.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Answered<T>>, CallError> {
        match self.get(path, query).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads something of the instance's, or of the key's.
    pub(crate) async fn get_outside<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answered<T>, CallError> {
        let url = self.url(path)?;
        self.read(url, query).await
    }

    /// Reads what BTCPay tells everybody who knows its id: that it is told says nothing
    /// of the key.
    pub(crate) async fn get_open<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answered<T>, CallError> {
        let request = asking(self.url(path)?, query);
        let answered = self
            .sent(request)
            .await
            .and_then(|response| read(&response));
        answered.map_err(asked_wrongly)
    }

    /// Makes something. Sent once: nothing tells BTCPay a repetition.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Answered<T>, CallError> {
        self.write(Method::POST, path, body).await
    }

    /// Puts something in another's place.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Answered<T>, CallError> {
        self.write(Method::PUT, path, body).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        url: Url,
        query: &[(&str, &str)],
    ) -> Result<Answered<T>, CallError> {
        self.call(asking(url, query)).await.map_err(asked_wrongly)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Answered<T>, CallError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| CallError::NotSent(format!("write the request: {error}")))?;
        let request = Request::new(method, self.in_store(path)?, RetryPolicy::Never)
            .with_body(HeaderValue::from_static("application/json"), body);
        self.call(request).await
    }

    async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<Answered<T>, CallError> {
        let response = self.sent(request).await?;
        self.watch.taken();
        read(&response)
    }

    /// What is answered that is no refusal.
    async fn sent(&self, request: Request) -> Result<Response, CallError> {
        let request = request
            .with_header(AUTHORIZATION, &token(&self.key))
            .map_err(failed)?;
        // A write is attempted once, so nothing is left open by attempts before.
        let response = self.http.send(request).await.map_err(failed)?;
        if response.status.is_success() {
            return Ok(response);
        }
        // An answer may quote what it was asked with.
        let response = response.hiding(self.key.expose_secret());
        let error = ApiError::read(response.status, &response.body);
        if error.refuses_key() {
            self.watch.refused();
        }
        Err(error.judged())
    }

    fn in_store(&self, path: &[&str]) -> Result<Url, CallError> {
        let mut whole = vec!["stores", self.store.as_str()];
        whole.extend(path);
        self.url(&whole)
    }

    fn url(&self, path: &[&str]) -> Result<Url, CallError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| CallError::Misconfigured("the base URL takes no path".to_owned()))?
            .pop_if_empty()
            .extend(API)
            .extend(path);
        Ok(url)
    }
}

fn asking(mut url: Url, query: &[(&str, &str)]) -> Request {
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Request::get(url)
}

/// What an answer says, and when.
fn read<T: DeserializeOwned>(response: &Response) -> Result<Answered<T>, CallError> {
    let body = serde_json::from_slice(&response.body).map_err(|error| {
        // The position says where to look, and shows nothing of the content.
        CallError::Unknown(format!(
            "read BTCPay's answer: unexpected shape at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    let at = told_at(response);
    Ok(Answered { body, at })
}

/// What cannot be read was asked for wrongly, whatever it was wanted for: BTCPay refuses
/// no order by that.
fn asked_wrongly(error: CallError) -> CallError {
    match &error {
        CallError::Refused(refusal) if !refusal.is_not_found() => {
            CallError::Misconfigured(refusal.to_string())
        }
        CallError::Refused(_)
        | CallError::NotSent(_)
        | CallError::Unknown(_)
        | CallError::Misconfigured(_) => error,
    }
}

fn token(key: &SecretString) -> String {
    format!("token {}", key.expose_secret())
}

/// The instant of an answer, by BTCPay's clock.
fn told_at(response: &Response) -> Option<Timestamp> {
    let date = response.headers.get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(date.timestamp())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn failed(error: HttpError) -> CallError {
    let why = error.to_string();
    match error {
        HttpError::NotSent { .. } => CallError::NotSent(why),
        HttpError::Unknown { .. } => CallError::Unknown(why),
        HttpError::Invalid { .. } => CallError::Misconfigured(why),
    }
}
