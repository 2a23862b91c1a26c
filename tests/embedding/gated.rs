//! Gates in a host's own application: pages, API routes, handlers of messages.

use std::sync::Arc;

use axum::Extension;
use billing::domain::entitlement::Limit;
use billing::gating::{Allowance, CustomerRef, Feature, Gate};
use billing::sandbox::TestCard;
use billing_catalog::sample_catalog;
use billing_testkit::memory::{FaultPlan, MemoryStore};
use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use poem::{Endpoint, EndpointExt, Request, Response, Route, get, handler};
use serde_json::Value;
use tower_service::Service as _;

use crate::rig::{Rig, StoreKind, Through};
use crate::scenarios::{CARDS, on_both_stores};

on_both_stores! {
    /// G-06: who lacks a feature is led to the plans page, with the reason and the plan.
    g_06_a_page_leads_to_the_plans;
    /// G-07: an API route refuses with a problem that names what it takes.
    g_07_an_api_route_says_what_it_takes;
    /// G-07: the same in front of routes of axum, as of whatever is built on tower.
    g_07_a_layer_of_tower_says_the_same;
    /// G-06: and leads there from pages.
    g_06_a_layer_of_tower_leads_to_the_plans;
    /// G-08: a message is judged when it is handled, and dropped silently.
    g_08_a_message_is_judged_when_it_is_handled;
    /// G-06, G-07: where nobody can be asked, nobody passes.
    g_07_while_nobody_can_be_asked_nobody_passes;
}

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 10_000;

#[handler]
fn report() -> &'static str {
    "the report"
}

/// How many projects the plan allows.
#[handler]
fn projects(allowance: Allowance) -> String {
    match allowance.limit {
        Some(Limit::AtMost(most)) => format!("{most} at most"),
        Some(Limit::Unlimited) => "any number".to_owned(),
        None => "not counted".to_owned(),
    }
}

/// The host's login: a cookie that names the user.
async fn logged_in<E: Endpoint<Output = Response>>(
    next: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let user = request
        .header("cookie")
        .and_then(|it| it.strip_prefix("user="));
    if let Some(user) = user.map(CustomerRef::from) {
        request.set_data(user);
    }
    next.call(request).await
}

struct Host {
    rig: Rig,
    client: TestClient<poem::endpoint::BoxEndpoint<'static, Response>>,
}

impl Host {
    /// Its report needs single sign-on, its list three projects.
    async fn new(kind: StoreKind) -> Self {
        let start = "2026-01-10T09:00:00Z".parse().unwrap();
        let catalog = sample_catalog().unwrap();
        let rig = Rig::new(kind, Through::Library, CARDS, &catalog, start).await;
        rig.billing.ensure_customer("ana", None).await.unwrap();
        let feature = |name: &str| Feature::new(rig.billing.clone(), name);
        let routes = Route::new()
            .at(
                "/report",
                get(report).with(feature("sso").page("/plans?lang=en#top")),
            )
            .at(
                "/v1/report",
                get(report).with(feature("sso").api("https://app.test/plans")),
            )
            .at(
                "/v1/projects",
                get(projects).with(feature("projects").amount(3).api("/plans")),
            )
            .at("/v1/ungated", get(projects))
            .around(logged_in)
            .map_to_response()
            .boxed();
        let client = TestClient::new(routes);
        Self { rig, client }
    }

    async fn get(&self, user: &str, path: &str) -> TestResponse {
        let request = self.client.get(path);
        request
            .header("cookie", format!("user={user}"))
            .send()
            .await
    }

    /// Buys a plan, and pays.
    async fn buys(&self, plan: &str) {
        let what = billing::What::Plan(plan.parse().unwrap(), None);
        let ask = billing::CheckoutRequest::of("ana", what, "https://app.test");
        let page = self.rig.billing.checkout(ask).await.unwrap().url.unwrap();
        let reference = page.rsplit('/').next().unwrap();
        self.rig
            .sandbox
            .pay(reference, TestCard::Pays, None)
            .await
            .unwrap();
        self.rig.settle().await;
    }

    async fn cancels(&self) {
        let of = CustomerRef::from("ana");
        let account = self.rig.billing.account(&of).await.unwrap().unwrap();
        let held = account.subscriptions[0].id;
        let when = billing_domain::decide::CancelWhen::AtOnce;
        self.rig
            .billing
            .cancel(&of, held, when, None)
            .await
            .unwrap();
        self.rig.settle().await;
    }
}

async fn g_06_a_page_leads_to_the_plans(kind: StoreKind) {
    let host = Host::new(kind).await;
    let denied = host.get("ana", "/report").await;
    denied.assert_status(StatusCode::SEE_OTHER);
    denied.assert_header(
        "location",
        "/plans?lang=en&reason=not_in_plan&feature=sso&plan=team#top",
    );
    // Whom the host does not know, and whom it knows and we do not.
    let stranger = host.client.get("/report").send().await;
    stranger.assert_status(StatusCode::SEE_OTHER);
    stranger.assert_header(
        "location",
        "/plans?lang=en&reason=not_signed_in&feature=sso#top",
    );
    let nobody = host.get("nobody", "/report").await;
    nobody.assert_header(
        "location",
        "/plans?lang=en&reason=no_such_customer&feature=sso#top",
    );
    host.buys("team").await;
    host.get("ana", "/report")
        .await
        .assert_text("the report")
        .await;
    host.cancels().await;
    let ended = host.get("ana", "/report").await;
    ended.assert_header(
        "location",
        "/plans?lang=en&reason=canceled&feature=sso&plan=team#top",
    );
    host.rig.assert_sound().await;
}

async fn json_of(answer: TestResponse) -> Value {
    answer.assert_content_type("application/problem+json");
    serde_json::from_slice(&answer.0.into_body().into_bytes().await.unwrap()).unwrap()
}

async fn g_07_an_api_route_says_what_it_takes(kind: StoreKind) {
    let host = Host::new(kind).await;
    let denied = host.get("ana", "/v1/report").await;
    denied.assert_status(StatusCode::FORBIDDEN);
    let problem = json_of(denied).await;
    let expected = serde_json::json!({
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "plan_upgrade_required",
        "detail": "no plan that is held allows it",
        "feature": "sso",
        "reason": "not_in_plan",
        "current_plan": "free",
        "required_plan": "team",
        "upgrade_url": "https://app.test/plans",
    });
    assert_eq!(problem, expected);
    let stranger = host.client.get("/v1/report").send().await;
    stranger.assert_status(StatusCode::UNAUTHORIZED);
    stranger.assert_header("www-authenticate", "Bearer");
    assert_eq!(json_of(stranger).await["code"], "unauthorized");
    // Enough of something, and how much there is.
    let three = host.get("ana", "/v1/projects").await;
    assert_eq!(json_of(three).await["required_plan"], "personal");
    host.buys("personal").await;
    host.get("ana", "/v1/projects")
        .await
        .assert_text("20 at most")
        .await;
    // An allowance without a gate is the host's mistake.
    let mistaken = host.get("ana", "/v1/ungated").await;
    mistaken.assert_status(StatusCode::INTERNAL_SERVER_ERROR);
    host.rig.assert_sound().await;
}

/// A handler of axum's, which sees what it was allowed.
async fn edits(Extension(allowance): Extension<Allowance>) -> String {
    format!("{:?}", allowance.limit)
}

async fn g_07_a_layer_of_tower_says_the_same(kind: StoreKind) {
    let host = Host::new(kind).await;
    let gate = Feature::new(host.rig.billing.clone(), "editor");
    let gate = gate.level("write").api("/plans");
    let routes = axum::Router::new().route("/edit", axum::routing::get(edits));
    let routes = routes.layer(gate);
    let ask = async |user: &str| {
        let request = axum::extract::Request::builder().uri("/edit");
        let request = request.extension(CustomerRef::from(user));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let (head, body) = routes.clone().call(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, MAX_ANSWER).await.unwrap();
        (head.status, String::from_utf8(body.to_vec()).unwrap())
    };
    let (status, problem) = ask("ana").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let problem: Value = serde_json::from_str(&problem).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "plan_upgrade_required",
        "detail": "no plan that is held allows it",
        "feature": "editor",
        "reason": "not_in_plan",
        "current_plan": "free",
        "required_plan": "personal",
        "upgrade_url": "/plans",
    });
    assert_eq!(problem, expected);
    host.buys("personal").await;
    assert_eq!(ask("ana").await, (StatusCode::OK, "None".to_owned()));
    host.rig.assert_sound().await;
}

/// What a layer of tower's around a page answers, and its header of this name.
async fn layered(gate: Gate, who: Option<&str>, header: &str) -> (StatusCode, String) {
    let routes = axum::Router::new().route("/edit", axum::routing::get(edits));
    let mut request = axum::extract::Request::builder().uri("/edit");
    if let Some(who) = who {
        request = request.extension(CustomerRef::from(who));
    }
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = routes.layer(gate).call(request).await.unwrap();
    let said = answer.headers().get(header);
    let said = said.map(|said| said.to_str().unwrap().to_owned());
    (answer.status(), said.unwrap_or_default())
}

async fn g_06_a_layer_of_tower_leads_to_the_plans(kind: StoreKind) {
    let host = Host::new(kind).await;
    let gate = Feature::new(host.rig.billing.clone(), "sso");
    for (who, led_to) in [
        (
            Some("ana"),
            "/plans?reason=not_in_plan&feature=sso&plan=team",
        ),
        (None, "/plans?reason=not_signed_in&feature=sso"),
        (Some("nobody"), "/plans?reason=no_such_customer&feature=sso"),
    ] {
        let answer = layered(gate.clone().page("/plans"), who, "location").await;
        assert_eq!(answer, (StatusCode::SEE_OTHER, led_to.to_owned()));
    }
    let stranger = layered(gate.api("/plans"), None, "www-authenticate").await;
    assert_eq!(stranger, (StatusCode::UNAUTHORIZED, "Bearer".to_owned()));
    host.rig.assert_sound().await;
}

#[expect(clippy::future_not_send, reason = "who counts listens on its thread")]
async fn g_08_a_message_is_judged_when_it_is_handled(kind: StoreKind) {
    let host = Host::new(kind).await;
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _listening = metrics::set_default_local_recorder(&recorder);
    let feature = Feature::new(host.rig.billing.clone(), "sso");
    let handled = async |who: &str| {
        let who = who.into();
        let done = feature.when_allowed(&who, async { "exported" });
        done.await.unwrap()
    };
    host.buys("team").await;
    // Queued while it was allowed; it is no more when its turn comes.
    assert_eq!(handled("ana").await, Some("exported"));
    host.cancels().await;
    assert_eq!(handled("ana").await, None);
    assert_eq!(handled("nobody").await, None);
    let line = "billing_messages_dropped_total{feature=\"sso\"} 2";
    assert!(counted.render().contains(line), "{}", counted.render());
    host.rig.assert_sound().await;
}

async fn g_07_while_nobody_can_be_asked_nobody_passes(kind: StoreKind) {
    let host = Host::new(kind).await;
    host.buys("team").await;
    let store = MemoryStore::new();
    let broken = billing::Billing::builder(
        Arc::new(store.clone()),
        Arc::new(host.rig.clock.clone()),
        Arc::new(billing_testkit::SeededIds::new(4)),
    );
    let broken = broken.build().unwrap();
    store.set_fault_plan(Some(FaultPlan {
        seed: 1,
        before_per_mille: 1_000,
        after_per_mille: 0,
    }));
    let feature = Feature::new(broken, "sso");
    let routes = Route::new()
        .at("/report", get(report).with(feature.clone().page("/plans")))
        .at(
            "/v1/report",
            get(report).with(feature.clone().api("/plans")),
        )
        .around(logged_in);
    let client = TestClient::new(routes);
    for path in ["/report", "/v1/report"] {
        let answer = client.get(path).header("cookie", "user=ana").send().await;
        answer.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        answer.assert_header("retry-after", "5");
        assert_eq!(json_of(answer).await["code"], "unavailable");
    }
    for gate in [
        feature.clone().page("/plans"),
        feature.clone().api("/plans"),
    ] {
        let answer = layered(gate, Some("ana"), "retry-after").await;
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, "5".to_owned()));
    }
    let failed = feature.when_allowed(&"ana".into(), async {}).await;
    assert!(failed.is_err(), "it comes again: {failed:?}");
}
