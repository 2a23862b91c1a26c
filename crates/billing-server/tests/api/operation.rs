//! Keys, what waits for a person, health, metrics and the document's page.

use billing_domain::ids::IdSeq;
use billing_domain::parked::ParkReason;
use billing_ports::Clock as _;
use billing_ports::store::{
    Commit, Disabled, DisabledWhy, Endpoint, EndpointSecret, Endpoints as _, Ring,
};
use billing_server::{ApiOptions, AppState, RateOptions, api_routes};
use billing_testkit::memory::{Call, Fault};
use billing_testkit::{SeededIds, fixtures};
use poem::Endpoint as _;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::admin::unreadable;
use crate::rig::{ADMIN, Rig, text};

#[tokio::test]
async fn a_key_s_secret_is_told_once() {
    let rig = Rig::new().await;
    let made = rig
        .post("/v1/keys")
        .by(ADMIN)
        .json(json!({ "name": "ci", "scope": "write" }))
        .send()
        .await;
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.ok(201);
    insta::assert_json_snapshot!(made, { ".key.id" => "[id]", ".secret" => "[secret]" }, @r#"
    {
      "key": {
        "created_at": "2026-03-01T12:00:00Z",
        "expires_at": null,
        "id": "[id]",
        "name": "ci",
        "revoked_at": null,
        "scope": "write"
      },
      "secret": "[secret]"
    }
    "#);
    let secret = text(&made["secret"]);
    assert!(secret.starts_with("bk_") && secret.len() == 67);
    let listed = rig.get("/v1/keys").by(ADMIN).send().await;
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&secret));
    assert_eq!(listed.ok(200)["data"].as_array().unwrap().len(), 4);
    let ask = |body| rig.post("/v1/keys").by(ADMIN).json(body);
    ask(json!({ "name": "x" })).send().await.wrong("scope");
    ask(json!({ "name": "x", "scope": "root" }))
        .send()
        .await
        .wrong("scope");
    ask(json!({ "scope": "read" })).send().await.wrong("name");
    rig.delete("/v1/keys/x")
        .by(ADMIN)
        .send()
        .await
        .refused(404, "not_found");
}

/// Sets something aside about a customer of the fixtures; gives its id.
pub(crate) async fn park(rig: &Rig, seed: u64) -> String {
    let mut make = fixtures::Maker::new(seed);
    let account = make.subscriber();
    let parked = make.parked(ParkReason::AmountMismatch);
    let id = parked.id.to_string();
    let commit = Commit {
        parked: vec![parked],
        ..fixtures::creation(&account, make.now)
    };
    rig.store.commit(commit).await.unwrap();
    id
}

#[tokio::test]
async fn what_waits_is_listed_and_resolved_once() {
    let rig = Rig::new().await;
    let id = park(&rig, 1).await;
    let listed = rig
        .get("/v1/parked?reason=amount_mismatch")
        .by(ADMIN)
        .send()
        .await
        .ok(200);
    assert_eq!(listed["data"][0]["id"], id.as_str());
    let one = rig
        .get(&format!("/v1/parked/{id}"))
        .by(ADMIN)
        .send()
        .await
        .ok(200);
    assert_eq!(one, listed["data"][0]);
    let none = rig
        .get("/v1/parked?reason=unlinked")
        .by(ADMIN)
        .send()
        .await
        .ok(200);
    assert_eq!(none["data"], json!([]));
    rig.get("/v1/parked?reason=bad")
        .by(ADMIN)
        .send()
        .await
        .wrong("reason");
    let path = format!("/v1/parked/{id}/discard");
    assert_eq!(rig.post(&path).by(ADMIN).send().await.status, 204);
    rig.post(&path)
        .by(ADMIN)
        .send()
        .await
        .refused(404, "not_found");
    rig.get(&format!("/v1/parked/{id}"))
        .by(ADMIN)
        .send()
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn what_waits_is_linked_to_customers_that_exist() {
    let rig = Rig::new().await;
    let id = park(&rig, 2).await;
    let path = format!("/v1/parked/{id}/link");
    let ask = |body| rig.post(&path).by(ADMIN).json(body);
    ask(json!({})).send().await.wrong("customer");
    ask(json!({ "customer": "nobody" }))
        .send()
        .await
        .refused(404, "customer_not_found");
    for action in ["replay", "discard", "link"] {
        let path = format!("/v1/parked/x/{action}");
        rig.customer(action).await;
        rig.post(&path)
            .by(ADMIN)
            .json(json!({ "customer": action }))
            .send()
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn health_is_told_without_a_credential() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/healthz").send().await.status, 200);
    assert_eq!(rig.get("/readyz").send().await.status, 200);
    rig.store.fail_next(Call::Read, Fault::Before);
    rig.get("/readyz").send().await.refused(503, "unavailable");
    rig.get("/metrics").send().await.refused(404, "not_found");
}

#[tokio::test]
async fn metrics_count_routes_not_paths() {
    let rig = Rig::new().await;
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let state = rig.state.clone().with_metrics(recorder.handle());
    let guard = metrics::set_default_local_recorder(&recorder);
    let app = api_routes(state);
    let get = |path: &str| poem::Request::builder().uri_str(path).finish();
    app.get_response(get("/v1/checkouts/chk_secretish?token=secretish"))
        .await;
    app.get_response(get("/v1/plans")).await;
    app.get_response(get("/nosuch/secretish")).await;
    for method in ["SECRETISH", "BREW"] {
        let mut invented = get("/v1/plans");
        invented.set_method(method.parse().unwrap());
        app.get_response(invented).await;
    }
    let shown = app
        .get_response(get("/metrics"))
        .await
        .into_body()
        .into_string()
        .await
        .unwrap();
    drop(guard);
    for line in [
        r#"billing_http_requests_total{method="GET",route="/v1/plans",status="200"} 1"#,
        r#"billing_http_requests_total{method="GET",route="/v1/checkouts/:param0",status="404"} 1"#,
        r#"billing_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"billing_http_requests_total{method="other",route="/v1/plans",status="405"} 2"#,
        "# TYPE billing_provider_key_refused gauge",
        r#"billing_provider_key_refused{account="sandbox/main"} 0"#,
        "\nbilling_parked 0\n",
        "\nbilling_receivers_disabled 0\n",
    ] {
        assert!(shown.contains(line), "{line} not in:\n{shown}");
    }
    assert!(!shown.to_lowercase().contains("secretish"), "{shown}");
}

#[tokio::test]
async fn what_waits_for_a_person_is_an_alarm_whoever_it_belongs_to() {
    let rig = Rig::new().await;
    // Nobody's: no event of a customer tells of it.
    unreadable(&rig, 5).await;
    let at = rig.clock.now();
    let mut ids = IdSeq::new(at, 1);
    for why in [DisabledWhy::Failing, DisabledWhy::Operator] {
        let receiver = Endpoint {
            id: ids.draw(),
            url: "https://gone.example/hook".to_owned(),
            events: Vec::new(),
            secret: EndpointSecret([7; 32]),
            old_secret: None,
            failing_since: None,
            disabled: Some(Disabled { at, why }),
            created_at: at,
        };
        assert!(rig.store.add_endpoint(&receiver).await.unwrap());
    }
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let app = api_routes(rig.state.clone().with_metrics(recorder.handle()));
    let asked = poem::Request::builder().uri_str("/metrics").finish();
    let shown = app.get_response(asked).await.into_body().into_string();
    let shown = shown.await.unwrap();
    for line in ["\nbilling_parked 1\n", "\nbilling_receivers_disabled 1\n"] {
        assert!(shown.contains(line), "{line} not in:\n{shown}");
    }
}

#[tokio::test]
async fn the_document_s_page_asks_nobody_else() {
    let rig = Rig::new().await;
    let page = rig.get("/docs").send().await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("http"),
        "{policy}"
    );
    let document = rig.get("/openapi.json").send().await.ok(200);
    let printed: Value = serde_json::from_str(billing_server::openapi_document()).unwrap();
    assert_eq!(document, printed);
}

#[tokio::test]
async fn billing_switched_off_is_said_on_every_billing_route() {
    let rig = Rig::new().await;
    let off = AppState::new(
        billing_engine::Billing::disabled(),
        Arc::new(SeededIds::new(1)),
        ApiOptions {
            rates: RateOptions::default(),
            ..ApiOptions::default()
        },
    );
    let rig = Rig {
        app: Arc::new(api_routes(off)),
        ..rig
    };
    for path in [
        "/v1/plans",
        "/v1/me",
        "/v1/nosuch",
        "/v1/customers/x/check/y",
    ] {
        rig.get(path).send().await.refused(404, "billing_disabled");
        rig.get(path)
            .by(ADMIN)
            .send()
            .await
            .refused(404, "billing_disabled");
    }
    rig.post("/v1/webhooks/sandbox")
        .send()
        .await
        .refused(404, "billing_disabled");
    assert_eq!(rig.get("/readyz").send().await.status, 200);
}
