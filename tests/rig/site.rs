//! A whole server in the test's own process: API, pages and the sandbox's pages,
//! and somebody who looks at them.

use std::sync::Arc;

use billing::sandbox::{Mode, Sandbox, SandboxOptions, Settlement, TestCard};
use billing::{Billing, ManualProvider};
use billing_domain::catalog::Catalog;
use billing_domain::time::Timestamp;
use billing_license::{Claims, Expected, KeySet, verify};
use billing_ports::store::Store;
use billing_ports::{Clock, IdSource, Mail, WebhookRequest};
use billing_server::{AppState, TokenSigner, api_routes, page_routes};
use billing_testkit::{ManualClock, RecordingMailer, RecordingNotifier, SeededIds};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, EndpointExt, Request, Response, Route};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::library::Library;
use super::{KEY, PUBLIC, Rig, SECRET, StoreKind, Through, account, http};

/// What licenses and their keys are signed with in tests.
const SEED: [u8; 32] = [3; 32];
const KEYED_WITH: [u8; 32] = [4; 32];

/// A server, and the rig that it runs on.
pub(crate) struct Site {
    pub(crate) rig: Rig,
    state: AppState,
    mailer: RecordingMailer,
    routes: poem::endpoint::BoxEndpoint<'static, Response>,
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

impl Site {
    pub(crate) async fn new(
        kind: StoreKind,
        mode: Mode,
        catalog: &Catalog,
        start: Timestamp,
    ) -> Self {
        let rig = Rig::new(kind, Through::Library, mode, catalog, start).await;
        Self::over(rig).await
    }

    /// A site over `store` that takes manual invoices too, and whose sandbox
    /// collects as `settles` says.
    pub(crate) async fn made(
        store: Arc<dyn Store>,
        mode: Mode,
        settles: Option<Settlement>,
        catalog: &Catalog,
        start: Timestamp,
    ) -> Self {
        let clock = ManualClock::new(start);
        let notifier = RecordingNotifier::new();
        let sandbox = Sandbox::in_memory(SandboxOptions {
            account: account(),
            mode,
            public_url: "http://sandbox.test/sandbox".parse().unwrap(),
            webhook_secrets: vec![SecretString::from(SECRET)],
            clock: Arc::new(clock.clone()),
            settles,
        })
        .unwrap();
        let billing = Billing::builder(
            Arc::clone(&store),
            Arc::new(clock.clone()),
            Arc::new(SeededIds::new(1)) as Arc<dyn IdSource>,
        )
        .provider(Arc::new(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .provider(Arc::new(
            ManualProvider::new(Arc::new(clock.clone())).unwrap(),
        ))
        .notifier(Arc::new(notifier.clone()))
        .build()
        .unwrap();
        billing.apply_catalog(catalog).await.unwrap();
        let driver = Box::new(Library::new(billing.clone()));
        Self::over(Rig {
            billing,
            sandbox,
            clock,
            notifier,
            store,
            driver,
        })
        .await
    }

    async fn over(rig: Rig) -> Self {
        let mailer = RecordingMailer::new();
        let signer = TokenSigner::new(&SEED, &KEYED_WITH, PUBLIC, PUBLIC);
        let state = http::state(&rig.billing, Arc::new(SeededIds::new(2)))
            .await
            .with_mailer(Arc::new(mailer.clone()))
            .with_license_signer(Arc::new(signer));
        let sandbox = billing::sandbox::routes(&rig.sandbox);
        let routes = Route::new()
            .nest("/sandbox", sandbox)
            .nest_no_strip("/v1", api_routes(state.clone()))
            .nest_no_strip("/.well-known", api_routes(state.clone()))
            .nest_no_strip("/", page_routes(&state))
            .map_to_response()
            .boxed();
        Self {
            rig,
            state,
            mailer,
            routes,
        }
    }

    /// Every mail that was sent, with those at hand.
    pub(crate) async fn mail(&self) -> Vec<Mail> {
        self.state.mail_settled().await;
        self.mailer.sent()
    }

    async fn send(&self, request: Request) -> Seen {
        let response = self.routes.get_response(request).await;
        let (parts, body) = response.into_parts();
        Seen {
            status: parts.status,
            headers: parts.headers,
            text: body.into_string().await.unwrap(),
        }
    }

    /// A request as `who`: a credential, or nobody's with an empty one.
    async fn ask(&self, method: Method, url: &str, who: &str, kind: &str, body: String) -> Seen {
        let mut request = Request::builder().method(method).uri_str(path(url));
        if !who.is_empty() {
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

    /// Posts JSON as the operator.
    pub(crate) async fn operate(&self, url: &str, body: &Value) -> Seen {
        self.post_as(KEY, url, body).await
    }

    /// A new customer who has paid for `price` at the provider; gives its id. The
    /// webhooks are not delivered yet.
    pub(crate) async fn paid_by(&self, who: &str, price: &str) -> String {
        let customer = json!({ "external_ref": who });
        let customer = self.operate("/v1/customers", &customer).await;
        let customer = customer.is(StatusCode::CREATED).json();
        let bought = json!({ "customer": customer["id"], "price": price });
        let bought = self.operate("/v1/checkouts", &bought).await;
        let bought = bought.is(StatusCode::CREATED).json();
        let page = bought["url"].as_str().unwrap();
        let reference = page.rsplit('/').next().unwrap();
        let card = TestCard::Pays;
        self.rig.sandbox.pay(reference, card, None).await.unwrap();
        customer["id"].as_str().unwrap().to_owned()
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

    /// What a license's token says, after verifying it as an application does.
    pub(crate) async fn says(&self, token: &str) -> Claims {
        let jwks = self.get("/.well-known/jwks.json").await;
        let keys = KeySet::from_jwks(&jwks.is(StatusCode::OK).text).unwrap();
        let expected = Expected {
            issuer: PUBLIC,
            audience: Some(PUBLIC),
            customer: None,
        };
        verify(token, &keys, &expected, self.rig.clock.now().as_second()).unwrap()
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
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        self.ask(Method::POST, url, "", kind, form).await
    }
}

/// The path of an address, whichever host it names.
fn path(url: &str) -> &str {
    if url.starts_with('/') {
        return url;
    }
    let (_, rest) = url.split_once("://").expect("an address or a path");
    rest.find('/').map_or("/", |at| &rest[at..])
}
