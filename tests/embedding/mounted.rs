//! The server's routes inside a host's own application, behind the host's own login.

use std::sync::Arc;

use billing_catalog::sample_catalog;
use billing_ports::store::Scope;
use billing_server::{AppState, HostCaller, api_routes};
use billing_testkit::SeededIds;
use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use poem::{Endpoint, EndpointExt, Request, Response, Route, get, handler};
use serde_json::{Value, json};

use crate::rig::{Canary, Rig, StoreKind, Through, canary, options};
use crate::scenarios::{CARDS, on_both_stores};

on_both_stores! {
    /// E-03: the routes nest under a prefix and believe the host's authentication.
    e_03_mounted_behind_the_host_s_login;
    /// E-03: without the host's word a mounted route asks for our credentials, as ever.
    e_03_who_the_host_did_not_let_in_stays_out;
}

/// Something of the host's own.
#[handler]
fn home() -> &'static str {
    "the host's own page"
}

/// The host's login: a cookie, as its own pages have it.
async fn logged_in<E: Endpoint<Output = Response>>(
    next: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let who = match request.header("cookie") {
        Some("user=ana") => Some(HostCaller::customer("ana")),
        Some("user=nobody") => Some(HostCaller::customer("nobody")),
        Some("user=boss") => Some(HostCaller::Operator {
            name: "boss".to_owned(),
            scope: Scope::Admin,
        }),
        Some("user=clerk") => Some(HostCaller::Operator {
            name: "clerk".to_owned(),
            scope: Scope::Read,
        }),
        _ => None,
    };
    if let Some(who) = who {
        request.set_data(who);
    }
    next.call(request).await
}

struct Host {
    rig: Rig,
    client: TestClient<poem::endpoint::BoxEndpoint<'static, Response>>,
    /// Reads every answer, the host's own as well.
    canary: Canary,
}

impl Host {
    async fn new(kind: StoreKind) -> Self {
        let start = "2026-01-10T09:00:00Z".parse().unwrap();
        let catalog = sample_catalog().unwrap();
        let rig = Rig::new(kind, Through::Library, CARDS, &catalog, start).await;
        rig.billing.ensure_customer("ana", None).await.unwrap();
        let ids = Arc::new(SeededIds::new(3));
        let state = AppState::new(rig.billing.clone(), ids, options());
        let routes = Route::new()
            .at("/", get(home))
            .nest("/shop/billing", api_routes(state))
            .around(logged_in)
            .map_to_response()
            .boxed();
        let client = TestClient::new(routes);
        let canary = canary(&[]);
        Self {
            rig,
            client,
            canary,
        }
    }

    async fn get(&self, user: &str, path: &str) -> TestResponse {
        let request = self
            .client
            .get(path)
            .header("cookie", format!("user={user}"));
        self.read(request.send().await).await
    }

    async fn post(&self, user: &str, path: &str, body: &Value) -> TestResponse {
        let request = self
            .client
            .post(path)
            .header("cookie", format!("user={user}"));
        self.read(request.body_json(body).send().await).await
    }

    /// The answer, once it has been looked through.
    async fn read(&self, answer: TestResponse) -> TestResponse {
        let (parts, body) = answer.0.into_parts();
        let text = body.into_string().await.unwrap();
        self.canary.answered(&text);
        TestResponse(Response::from_parts(parts, text.into()))
    }
}

async fn json_of(answer: TestResponse) -> Value {
    serde_json::from_slice(&answer.0.into_body().into_bytes().await.unwrap()).unwrap()
}

async fn e_03_mounted_behind_the_host_s_login(kind: StoreKind) {
    let host = Host::new(kind).await;
    let own = host.get("ana", "/").await;
    own.assert_text("the host's own page").await;

    let me = host.get("ana", "/shop/billing/v1/me").await;
    me.assert_status_is_ok();
    assert_eq!(json_of(me).await["customer"]["external_ref"], "ana");

    let team = json!({ "price": "team-monthly", "quantity": 2 });
    let opened = host.post("ana", "/shop/billing/v1/checkouts", &team).await;
    opened.assert_status(StatusCode::CREATED);
    let page = json_of(opened).await["url"].as_str().unwrap().to_owned();
    let reference = page.rsplit('/').next().unwrap();
    let card = billing::sandbox::TestCard::Pays;
    host.rig.sandbox.pay(reference, card, None).await.unwrap();
    host.rig.settle().await;
    let sso = host
        .get("ana", "/shop/billing/v1/me/entitlements/sso")
        .await;
    assert_eq!(json_of(sso).await["allowed"], true);

    let check = "/shop/billing/v1/customers/ana/check/sso";
    host.get("clerk", check).await.assert_status_is_ok();
    let grant = json!({ "plan": "lifetime" });
    let grants = "/shop/billing/v1/customers/ana/grants";
    let refused = host.post("clerk", grants, &grant).await;
    refused.assert_status(StatusCode::FORBIDDEN);
    host.post("boss", grants, &grant)
        .await
        .assert_status(StatusCode::CREATED);
    let journal = host
        .get("boss", "/shop/billing/v1/customers/ana/journal")
        .await;
    let journal = json_of(journal).await.to_string();
    assert!(journal.contains("\"boss\""), "who granted it: {journal}");
    host.rig.assert_sound().await;
}

async fn e_03_who_the_host_did_not_let_in_stays_out(kind: StoreKind) {
    let host = Host::new(kind).await;
    for path in ["/v1/me", "/v1/customers", "/v1/customers/ana/check/sso"] {
        let path = format!("/shop/billing{path}");
        let answer = host.get("stranger", &path).await;
        answer.assert_status(StatusCode::UNAUTHORIZED);
    }
    let unknown = host.get("nobody", "/shop/billing/v1/me").await;
    unknown.assert_status(StatusCode::NOT_FOUND);
    assert_eq!(json_of(unknown).await["code"], "customer_not_found");
    // A customer of the host is no operator.
    let answer = host.get("ana", "/shop/billing/v1/customers").await;
    answer.assert_status(StatusCode::FORBIDDEN);
    // The same routes at the root are not there.
    host.get("ana", "/v1/me")
        .await
        .assert_status(StatusCode::NOT_FOUND);
    host.rig.assert_sound().await;
}
