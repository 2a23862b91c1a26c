//! The thin client: JSON over the shared transport. Knows nothing of what the
//! objects mean.

use std::fmt;

use billing_http::{HttpClient, HttpError, KeyWatch, Request, Response, RetryPolicy};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::api_error::{ApiError, CallError, request_in};
use crate::options::{OptionsError, PaddleOptions};
use crate::wire::{Envelope, Row};

/// The version of the API whose shapes are read here.
const API_VERSION: &str = "1";

/// The header that names it.
const VERSION_HEADER: HeaderName = HeaderName::from_static("paddle-version");

/// A client of one account. `Debug` shows no key.
#[derive(Clone)]
pub(crate) struct Client {
    http: HttpClient,
    base: Url,
    key: SecretString,
    /// Whether Paddle takes it.
    pub(crate) watch: KeyWatch,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A page of a list, and what leads to the next one. `after`: `None` on the last.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) after: Option<String>,
}

impl Client {
    pub(crate) fn new(options: &PaddleOptions, http: HttpClient) -> Result<Self, OptionsError> {
        let base = options.resolved_url()?;
        let bearer = format!("Bearer {}", options.api_key.expose_secret());
        HeaderValue::from_str(&bearer).map_err(|_shows_the_key| OptionsError::Key)?;
        Ok(Self {
            http,
            base,
            key: options.api_key.clone(),
            watch: KeyWatch::new(&options.account),
        })
    }

    /// Reads an object.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        Ok(self.read(path, query).await?.data)
    }

    /// Reads a page of a list. Where it goes on is told by the last row's id: the
    /// address that Paddle offers is never followed, since it could lead anywhere.
    pub(crate) async fn page<T: DeserializeOwned + Row>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Page<T>, CallError> {
        let envelope: Envelope<Vec<T>> = self.read(path, query).await?;
        let more = envelope.has_more();
        let rows = envelope.data;
        let after = rows.last().filter(|_| more).map(|row| row.id().to_owned());
        Ok(Page { rows, after })
    }

    /// Reads an object. `None`: there is none.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, CallError> {
        match self.get(path, query).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes something. Sent once: nothing tells Paddle a repetition.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        self.write(Method::POST, path, body).await
    }

    /// Changes something. Sent once: a repetition could charge twice.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        self.write(Method::PATCH, path, body).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Envelope<T>, CallError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.call(Request::get(url)).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| CallError::NotSent(format!("write the request: {error}")))?;
        let request = Request::new(method, self.url(path)?, RetryPolicy::Never)
            .with_body(HeaderValue::from_static("application/json"), body);
        let envelope: Envelope<T> = self.call(request).await?;
        Ok(envelope.data)
    }

    async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<Envelope<T>, CallError> {
        let bearer = format!("Bearer {}", self.key.expose_secret());
        let request = request
            .with_header(AUTHORIZATION, &bearer)
            .and_then(|request| request.with_header(VERSION_HEADER, API_VERSION))
            .map_err(failed)?;
        // A write is attempted once, so nothing is left open by attempts before.
        let response = self.http.send(request).await.map_err(failed)?;
        if !response.status.is_success() {
            // An answer may quote what it was asked with.
            let response = response.hiding(self.key.expose_secret());
            let error = ApiError::read(response.status, &response.body);
            if error.refuses_key() {
                self.watch.refused();
            }
            return Err(error.or_named(response.request_id).judged());
        }
        self.watch.taken();
        serde_json::from_slice(&response.body).map_err(|error| unreadable(&response, &error))
    }

    fn url(&self, path: &[&str]) -> Result<Url, CallError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| CallError::Misconfigured("the base URL takes no path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }
}

/// An answer that says yes in words that are not known. What can be read of it still
/// names the request, for whoever looks for it over there.
fn unreadable(response: &Response, error: &serde_json::Error) -> CallError {
    let named = response.request_id.clone();
    let named = request_in(&response.body).or(named);
    let named = named.map_or_else(String::new, |id| format!(" (request {id})"));
    // The position says where to look, and shows nothing of the content.
    CallError::Unknown(format!(
        "read Paddle's answer: unexpected shape at line {}, column {}{named}",
        error.line(),
        error.column()
    ))
}

/// An error with everything beneath it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn failed(error: HttpError) -> CallError {
    let why = chain(&error);
    match error {
        HttpError::NotSent { .. } => CallError::NotSent(why),
        HttpError::Unknown { .. } => CallError::Unknown(why),
        HttpError::Invalid { .. } => CallError::Misconfigured(why),
    }
}
