//! Asking a running server over HTTP, as any operator would.

use billing_http::{HttpClient, HttpOptions, Request, RetryPolicy};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::failure::Failure;

/// A server, and the key to ask with.
pub(crate) struct Remote {
    client: HttpClient,
    base: Url,
    key: SecretString,
}

impl Remote {
    pub(crate) fn new(server: &str, key: SecretString) -> Result<Self, Failure> {
        let base = Url::parse(server)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Failure::usage(format!("{server:?} is no address of a server"))
                    .with_hint("Expected one such as http://127.0.0.1:8080.")
            })?;
        let client = HttpClient::new(HttpOptions::default())
            .map_err(|error| Failure::new("set up the HTTP client", &error))?;
        Ok(Self { client, base, key })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = ("application/json", body.to_string());
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn post_yaml(&self, path: &str, yaml: &str) -> Result<Value, Failure> {
        let body = ("application/yaml", yaml.to_owned());
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Asks; `body` is a media type and what is sent.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, String)>,
    ) -> Result<Value, Failure> {
        let url = self
            .base
            .join(path)
            .map_err(|error| Failure::new("address the server", &error))?;
        let mut request = Request::new(method, url, RetryPolicy::Never);
        if let Some((media_type, body)) = body {
            request = request.with_body(HeaderValue::from_static(media_type), body);
        }
        let bearer = format!("Bearer {}", self.key.expose_secret());
        let request = request
            .with_header(AUTHORIZATION, &bearer)
            .map_err(|_unsendable| Failure::usage("BILLING_KEY holds what no key looks like"))?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| Failure::new(&format!("ask {}", self.base), &error))?;
        let said = if answer.body.is_empty() {
            Value::Null
        } else {
            match serde_json::from_slice(&answer.body) {
                Ok(said) => said,
                // What stands before a server refuses in words of its own.
                Err(_) if !answer.status.is_success() => Value::Null,
                Err(error) => return Err(Failure::new("read the server's answer", &error)),
            }
        };
        if answer.status.is_success() {
            return Ok(said);
        }
        Err(refusal(answer.status, &said))
    }
}

/// A refusal in the server's own words.
fn refusal(status: StatusCode, said: &Value) -> Failure {
    let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default();
    let mut message = format!("the server said no: {status}");
    for word in [text("code"), text("detail")] {
        if !word.is_empty() {
            message.push_str(": ");
            message.push_str(word);
        }
    }
    let list = |field: &str| {
        said.get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for wrong in list("errors") {
        let part = |field: &str| wrong.get(field).and_then(Value::as_str).unwrap_or_default();
        message.extend(["\n  ", part("field"), ": ", part("message")]);
    }
    for edit in list("refusals") {
        message.extend(["\n  ", edit.as_str().unwrap_or_default()]);
    }
    let failure = Failure::server(message);
    if status == StatusCode::UNAUTHORIZED {
        return failure.with_hint("Is BILLING_KEY the key of this server, and not revoked?");
    }
    failure
}
