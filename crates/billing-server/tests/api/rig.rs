//! One API over a store in memory, the sandbox beside it, and a clock that is
//! moved by hand.

use std::sync::Arc;

use billing_catalog::{SAMPLE, read_plan_file};
use billing_domain::ids::{IdSeq, KeyId};
use billing_engine::{Billing, ManualProvider};
use billing_notify::{Reaching, Sender};
use billing_ports::store::{Credentials, OperatorKey, Scope};
use billing_ports::{Clock, PaymentProvider, Store, WebhookRequest};
use billing_sandbox::{FnSink, Mode, Sandbox, SandboxOptions, TestCard};
use billing_server::{ApiOptions, AppState, RateOptions, TokenSigner, api_routes};
use billing_testkit::{Canary, ManualClock, MemoryStore, SeededIds};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, Request, Response};
use ring::digest::{SHA256, digest};
use serde_json::Value;

pub(crate) const READ: &str = "bk_a_key_that_reads";
pub(crate) const WRITE: &str = "bk_a_key_that_writes";
pub(crate) const ADMIN: &str = "bk_a_key_that_does_all";

/// What a page may come from.
pub(crate) const ORIGIN: &str = "https://app.example.com";

/// What providers sign with.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_canary4c1e8f";

/// Which application licenses are for.
pub(crate) const AUDIENCE: &str = "harbor";

/// How a rig is made.
pub(crate) struct Making {
    pub(crate) options: ApiOptions,
    /// The first signs, all verify.
    pub(crate) webhook_secrets: Vec<&'static str>,
    /// What stands between the engine and the store.
    pub(crate) over: Box<dyn FnOnce(MemoryStore) -> Arc<dyn Store> + Send>,
    /// What stands between the engine and the sandbox.
    pub(crate) sells: Box<dyn FnOnce(Sandbox) -> Arc<dyn PaymentProvider> + Send>,
    /// Who runs the schedule.
    pub(crate) mode: Mode,
    /// The plan file, without its checkout rules.
    pub(crate) plans: &'static str,
    /// Whether licenses are signed.
    pub(crate) signs: bool,
    /// Whom events may be sent to.
    pub(crate) reaching: Reaching,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            options: ApiOptions {
                public_url: "https://billing.example.com".to_owned(),
                rates: RateOptions {
                    public_posts_per_minute: 0,
                    failures_per_minute: 0,
                    links_per_hour: 0,
                },
                ..ApiOptions::default()
            },
            webhook_secrets: vec![WEBHOOK_SECRET],
            over: Box::new(|store| Arc::new(store)),
            sells: Box::new(|sandbox| Arc::new(sandbox)),
            mode: Mode::OwnSchedule,
            plans: SAMPLE,
            signs: true,
            reaching: Reaching::Public,
        }
    }
}

pub(crate) struct Rig {
    pub(crate) app: Arc<BoxEndpoint<'static, Response>>,
    pub(crate) state: AppState,
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
    pub(crate) sandbox: Sandbox,
    /// What sends events out; it is told of none by itself.
    pub(crate) events: Sender,
    /// No secret that the rig is made of is in a log or in an answer. Last: it listens
    /// until all others are gone.
    pub(crate) canary: Arc<Canary>,
}

/// What licenses and their keys are signed with, each byte alike.
const SEEDS: [[u8; 32]; 2] = [[3; 32], [4; 32]];

/// Listens for what every rig is made of, and for what its provider signs with.
fn canary(webhook_secrets: &[&'static str]) -> Canary {
    crate::log::listen();
    let seeds = SEEDS.map(|seed| format!("{:02x}", seed[0]).repeat(seed.len()));
    let fixed = [READ, WRITE, ADMIN].into_iter();
    let fixed = fixed.chain(seeds.iter().map(String::as_str));
    Canary::over(fixed.chain(webhook_secrets.iter().copied()))
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Got {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body, after checking the status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        if self.bytes.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Checks that it is a refusal of this status and code, and gives its body.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{text}");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], "about:blank");
        for field in ["title", "detail"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()));
        }
        let instance = format!("urn:request:{}", self.header("x-request-id"));
        assert_eq!(body["instance"], instance.as_str());
        body
    }

    /// Checks that the request is refused for this field.
    #[track_caller]
    pub(crate) fn wrong(&self, field: &str) {
        let body = self.refused(400, "invalid_request");
        let errors = body["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["field"] == field), "{body}");
    }
}

/// A request in the making.
pub(crate) struct Ask<'a> {
    rig: &'a Rig,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn by(self, secret: &str) -> Self {
        Canary::used(secret);
        self.header("authorization", &format!("Bearer {secret}"))
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "bodies are written where they are sent"
    )]
    pub(crate) fn json(self, body: Value) -> Self {
        self.bytes("application/json", body.to_string())
    }

    pub(crate) fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) async fn send(self) -> Got {
        let mut request = Request::builder()
            .method(self.method)
            .uri_str(format!("http://127.0.0.1{}", self.path));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = self.rig.app.get_response(request.body(self.body)).await;
        let (parts, body) = response.into_parts();
        let bytes = body.into_vec().await.unwrap();
        let canary = &self.rig.canary;
        canary.answered(&String::from_utf8_lossy(&bytes));
        canary.answered(&format!("{:?}", parts.headers));
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            bytes,
        }
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::made(Making::default()).await
    }

    pub(crate) async fn with(options: ApiOptions) -> Self {
        Self::made(Making {
            options,
            ..Making::default()
        })
        .await
    }

    pub(crate) async fn made(making: Making) -> Self {
        let Making {
            options,
            webhook_secrets,
            over,
            sells,
            mode,
            plans,
            signs,
            reaching,
        } = making;
        let canary = canary(&webhook_secrets);
        let clock = ManualClock::new("2026-03-01T12:00:00Z".parse().unwrap());
        let sandbox = Sandbox::in_memory(SandboxOptions {
            account: "sandbox/main".parse().unwrap(),
            mode,
            settles: None,
            public_url: "http://127.0.0.1:8080/sandbox".parse().unwrap(),
            webhook_secrets: webhook_secrets.into_iter().map(Into::into).collect(),
            clock: Arc::new(clock.clone()),
        })
        .unwrap();
        let store = MemoryStore::new();
        let ids = Arc::new(SeededIds::new(7));
        let kept = over(store.clone());
        let billing = Billing::builder(
            Arc::clone(&kept),
            Arc::new(clock.clone()),
            Arc::clone(&ids) as _,
        )
        .provider(sells(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .provider(Arc::new(
            ManualProvider::new(Arc::new(clock.clone())).unwrap(),
        ))
        .build()
        .unwrap();
        let file = format!("{plans}\ncheckout:\n  allowed_origins: [\"{ORIGIN}\"]\n");
        let catalog = read_plan_file("sample", file.as_bytes()).unwrap();
        billing.apply_catalog(&catalog).await.unwrap();
        let mut drawn = IdSeq::new(clock.now(), 99);
        for (secret, scope) in [
            (READ, Scope::Read),
            (WRITE, Scope::Write),
            (ADMIN, Scope::Admin),
        ] {
            let key = OperatorKey {
                id: drawn.draw::<KeyId>(),
                name: scope.as_str().to_owned(),
                scope,
                created_at: clock.now(),
                revoked_at: None,
                expires_at: None,
            };
            store.add_key(key, sha256(secret)).await.unwrap();
        }
        let public_url = options.public_url.clone();
        let events = Sender::new(
            kept,
            Arc::new(clock.clone()),
            Arc::clone(&ids) as _,
            reaching,
        );
        let events = events.unwrap();
        let mut state = AppState::new(billing, ids, options).with_events(events.clone());
        if signs {
            let signer = TokenSigner::new(&SEEDS[0], &SEEDS[1], &public_url, AUDIENCE);
            state = state.with_license_signer(Arc::new(signer));
        }
        Self {
            app: Arc::new(api_routes(state.clone())),
            state,
            store,
            clock,
            sandbox,
            events,
            canary: Arc::new(canary),
        }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            rig: self,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    /// A customer of this reference; gives its id.
    pub(crate) async fn customer(&self, external: &str) -> String {
        let got = self
            .post("/v1/customers")
            .by(WRITE)
            .json(serde_json::json!({ "external_ref": external, "email": "ana@example.com" }))
            .send()
            .await;
        text(&got.ok(201)["id"])
    }

    /// A session of this customer; gives its token.
    pub(crate) async fn session(&self, customer: &str) -> String {
        let got = self
            .post("/v1/billing-sessions")
            .by(WRITE)
            .json(serde_json::json!({ "customer": customer }))
            .send()
            .await;
        text(&got.ok(201)["token"])
    }

    /// Lets a customer buy a price with a good card; gives the checkout's id.
    pub(crate) async fn buys(&self, customer: &str, price: &str) -> String {
        let got = self
            .post("/v1/checkouts")
            .by(WRITE)
            .json(serde_json::json!({ "customer": customer, "price": price }))
            .send()
            .await;
        let opened = got.ok(201);
        self.pays(&text(&opened["url"])).await;
        text(&opened["id"])
    }

    /// Pays at a page of the sandbox, and lets its webhooks be decided.
    pub(crate) async fn pays(&self, page: &str) {
        let reference = page.rsplit('/').next().unwrap();
        let paying = self.sandbox.pay(reference, TestCard::Pays, None).await;
        paying.unwrap();
        self.deliver().await;
    }

    /// Delivers what the sandbox has to say over the webhook route, and decides it.
    pub(crate) async fn deliver(&self) {
        let app = Arc::clone(&self.app);
        let sink = FnSink(move |webhook: WebhookRequest| {
            let app = Arc::clone(&app);
            async move { Ok(post_webhook(&app, webhook).await.as_u16()) }
        });
        let pumped = self.sandbox.pump(self.clock.now(), &sink).await.unwrap();
        assert_eq!(pumped.failed, 0, "every webhook is taken");
        self.state.billing.work_until_idle().await.unwrap();
    }
}

pub(crate) async fn post_webhook(
    app: &BoxEndpoint<'static, Response>,
    webhook: WebhookRequest,
) -> StatusCode {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri_str("/v1/webhooks/sandbox");
    for (name, value) in webhook.headers {
        request = request.header(name, value);
    }
    app.get_response(request.body(webhook.body)).await.status()
}

pub(crate) fn sha256(secret: &str) -> [u8; 32] {
    digest(&SHA256, secret.as_bytes())
        .as_ref()
        .try_into()
        .unwrap()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
