//! A server's routes, and somebody who asks them. Knows neither engine nor provider.

use billing_ports::WebhookRequest;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, Request, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{Canary, KEY};

/// The routes of a server in the test's own process.
pub(crate) struct Door {
    routes: poem::endpoint::BoxEndpoint<'static, Response>,
    canary: Canary,
}

/// What somebody got to see.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the form's field `name`.
    pub(crate) fn field(&self, name: &str) -> String {
        let (_, rest) = self
            .text
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap_or_else(|| panic!("no field {name} in {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn is(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Checks that it is a refusal of this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: StatusCode, code: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.json()["code"], code, "{}", self.text);
    }
}

impl Door {
    pub(crate) fn new(
        routes: poem::endpoint::BoxEndpoint<'static, Response>,
        canary: Canary,
    ) -> Self {
        Self { routes, canary }
    }

    async fn send(&self, request: Request) -> Seen {
        let response = self.routes.get_response(request).await;
        let (parts, body) = response.into_parts();
        let text = body.into_string().await.unwrap();
        self.canary.answered(&text);
        Seen {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// A request as `who`: a credential, or nobody's with an empty one.
    async fn ask(&self, method: Method, url: &str, who: &str, kind: &str, body: String) -> Seen {
        let mut request = Request::builder().method(method).uri_str(path(url));
        if !who.is_empty() {
            Canary::used(who);
            request = request.header("authorization", format!("Bearer {who}"));
        }
        if !kind.is_empty() {
            request = request.content_type(kind);
        }
        self.send(request.body(body)).await
    }

    /// Looks at a page or a public route.
    pub(crate) async fn get(&self, url: &str) -> Seen {
        self.get_as("", url).await
    }

    /// Reads as `who`.
    pub(crate) async fn get_as(&self, who: &str, url: &str) -> Seen {
        self.ask(Method::GET, url, who, "", String::new()).await
    }

    /// Reads as `who` what is sent in this form, which need not be text.
    pub(crate) async fn file_as(&self, who: &str, url: &str, form: &str) -> (HeaderMap, Vec<u8>) {
        Canary::used(who);
        let request = Request::builder()
            .uri_str(path(url))
            .header("authorization", format!("Bearer {who}"))
            .header("accept", form);
        let response = self.routes.get_response(request.finish()).await;
        let (parts, body) = response.into_parts();
        let bytes = body.into_vec().await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        self.canary.answered(&text);
        assert_eq!(parts.status, StatusCode::OK, "{text}");
        (parts.headers, bytes)
    }

    /// Reads what has not changed since `tag`.
    pub(crate) async fn get_unless(&self, url: &str, tag: &str) -> Seen {
        let request = Request::builder()
            .uri_str(path(url))
            .header("if-none-match", tag);
        self.send(request.finish()).await
    }

    /// Posts JSON as `who`.
    pub(crate) async fn post_as(&self, who: &str, url: &str, body: &Value) -> Seen {
        self.ask(Method::POST, url, who, "application/json", body.to_string())
            .await
    }

    /// Puts JSON as `who`.
    pub(crate) async fn put_as(&self, who: &str, url: &str, body: &Value) -> Seen {
        self.ask(Method::PUT, url, who, "application/json", body.to_string())
            .await
    }

    /// Changes as the operator.
    pub(crate) async fn patch(&self, url: &str, body: &Value) -> Seen {
        let kind = "application/json";
        self.ask(Method::PATCH, url, KEY, kind, body.to_string())
            .await
    }

    /// Deletes as `who`.
    pub(crate) async fn delete_as(&self, who: &str, url: &str) -> Seen {
        self.ask(Method::DELETE, url, who, "", String::new()).await
    }

    /// Posts JSON as the operator.
    pub(crate) async fn operate(&self, url: &str, body: &Value) -> Seen {
        self.post_as(KEY, url, body).await
    }

    /// A billing session of this customer; gives its token.
    pub(crate) async fn session(&self, customer: &str) -> String {
        let asked = json!({ "customer": customer });
        let opened = self.operate("/v1/billing-sessions", &asked).await;
        let opened = opened.is(StatusCode::CREATED).json();
        opened["token"].as_str().unwrap().to_owned()
    }

    /// Applies a plan file as the operator.
    pub(crate) async fn apply(&self, file: &str) -> Seen {
        let (url, kind) = ("/v1/catalog/apply", "application/yaml");
        self.ask(Method::POST, url, KEY, kind, file.to_owned())
            .await
    }

    /// Compares a plan file with what is in force, as the operator.
    pub(crate) async fn compare(&self, file: &str) -> Seen {
        let (url, kind) = ("/v1/catalog/diff", "application/yaml");
        self.ask(Method::POST, url, KEY, kind, file.to_owned())
            .await
    }

    /// Posts a provider's webhook as it was signed.
    pub(crate) async fn deliver(&self, provider: &str, webhook: &WebhookRequest) -> Seen {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri_str(format!("/v1/webhooks/{provider}"));
        for (name, value) in &webhook.headers {
            request = request.header(name, value);
        }
        self.send(request.body(webhook.body.clone())).await
    }

    /// Submits a form.
    pub(crate) async fn submit(&self, url: &str, fields: &[(&str, &str)]) -> Seen {
        self.ask(Method::POST, url, "", FORM, written(fields)).await
    }

    /// Submits a form that is on a page of another site's.
    pub(crate) async fn submit_abroad(&self, url: &str, fields: &[(&str, &str)]) -> Seen {
        let request = Request::builder()
            .method(Method::POST)
            .uri_str(path(url))
            .content_type(FORM)
            .header("sec-fetch-site", "cross-site");
        self.send(request.body(written(fields))).await
    }

    /// Looks at a page with the cookie of a session.
    pub(crate) async fn get_in(&self, session: &str, url: &str) -> Seen {
        let request = Request::builder().uri_str(path(url));
        self.send(in_session(session, request).finish()).await
    }

    /// Submits a form with the cookie of a session.
    pub(crate) async fn submit_in(
        &self,
        session: &str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Seen {
        let request = Request::builder().method(Method::POST).uri_str(path(url));
        let request = in_session(session, request).content_type(FORM);
        self.send(request.body(written(fields))).await
    }
}

/// How browsers write forms.
const FORM: &str = "application/x-www-form-urlencoded";

fn written(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// A request as the browser sends it that keeps this session.
fn in_session(session: &str, request: RequestBuilder) -> RequestBuilder {
    Canary::used(session);
    request.header("cookie", format!("__Host-billing={session}"))
}

/// The path of an address, whichever host it names.
fn path(url: &str) -> &str {
    if url.starts_with('/') {
        return url;
    }
    let (_, rest) = url.split_once("://").expect("an address or a path");
    rest.find('/').map_or("/", |at| &rest[at..])
}
