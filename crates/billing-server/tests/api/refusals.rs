//! What the framework refuses, in our words; limits; failures of the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use billing_server::{ApiOptions, RateOptions};
use billing_testkit::memory::{Call, Fault};
use poem::http::{Method, StatusCode};
use poem::{Endpoint as _, EndpointExt as _};
use serde_json::{Value, json};

use crate::rig::{ADMIN, ORIGIN, READ, Rig, WRITE};
use crate::routes::{ROUTES, Who};

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let rig = Rig::new().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/nosuch",
        "/v2/plans",
        "/v1/plans/x",
        "/%00",
    ] {
        rig.get(path).send().await.refused(404, "not_found");
    }
    rig.ask(Method::PUT, "/v1/plans")
        .send()
        .await
        .refused(405, "method_not_allowed");
    rig.delete("/v1/customers")
        .by(ADMIN)
        .send()
        .await
        .refused(405, "method_not_allowed");
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_what_can() {
    let rig = Rig::new().await;
    let document: Value = serde_json::from_str(billing_server::openapi_document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        let trace = rig.ask(Method::TRACE, &path).by(ADMIN).send().await;
        trace.refused(405, "method_not_allowed");
        let told = trace
            .header("allow")
            .split(", ")
            .filter(|one| *one != "HEAD");
        let told: BTreeSet<String> = told.map(str::to_lowercase).collect();
        let known: BTreeSet<String> = methods.as_object().unwrap().keys().cloned().collect();
        assert_eq!(told, known, "{path}");
        let read = trace.header("allow").contains("GET, HEAD");
        assert_eq!(read, known.contains("get"), "{path}");
    }
    for path in ["/healthz", "/openapi.json"] {
        let got = rig.post(path).send().await;
        got.refused(405, "method_not_allowed");
        assert_eq!(got.header("allow"), "GET, HEAD");
        let head = rig.ask(Method::HEAD, path).send().await;
        assert_eq!((head.status, head.bytes.len()), (200, 0));
    }
    assert_eq!(rig.get("/v1/nosuch").send().await.header("allow"), "");
    // Under a host's prefix, too.
    let nested = poem::Route::new().nest("/host/v1/billing", Arc::clone(&rig.app));
    let trace = poem::Request::builder().method(Method::TRACE);
    let trace = trace.uri_str("/host/v1/billing/v1/checkouts/x").finish();
    let got = nested.get_response(trace).await;
    assert_eq!(got.headers()["allow"], "GET, HEAD");
    let trace = poem::Request::builder().method(Method::TRACE);
    let trace = trace.uri_str("/host/v1/billing/v1/checkouts").finish();
    let got = nested.get_response(trace).await;
    assert_eq!(got.headers()["allow"], "POST");
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let rig = Rig::new().await;
    let ask = |content_type: &str, body: Vec<u8>| {
        rig.post("/v1/customers")
            .by(WRITE)
            .bytes(content_type, body)
    };
    for content_type in ["text/plain", "application/xml", "jso", ""] {
        let got = ask(content_type, b"{}".to_vec()).send().await;
        got.refused(415, "unsupported_media_type");
    }
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
    ] {
        ask(content_type, b"{}".to_vec()).send().await.ok(201);
    }
    let deep = [
        b"{\"a\":".repeat(100_000),
        b"1".to_vec(),
        b"}".repeat(100_000),
    ]
    .concat();
    let broken: [&[u8]; 8] = [
        b"",
        b"{",
        b"{\"email\": \xff\xfe}",
        b"[1]",
        b"{\"email\": NaN}",
        b"{} {}",
        b"{\"email\": 1e999}",
        &deep,
    ];
    for body in broken {
        let got = ask("application/json", body.to_vec()).send().await;
        got.wrong("body");
    }
    let number = b"{\"external_ref\": 99999999999999999999}".to_vec();
    ask("application/json", number)
        .send()
        .await
        .wrong("external_ref");
}

#[tokio::test]
async fn a_request_keeps_its_id_if_it_is_a_plain_one() {
    let rig = Rig::new().await;
    let ask = |id: &str| rig.get("/v1/plans").header("x-request-id", id);
    assert_eq!(
        ask("abc-1.2_3").send().await.header("x-request-id"),
        "abc-1.2_3"
    );
    for odd in ["a b", "<x>", "", &"x".repeat(65)] {
        let given = ask(odd).send().await;
        assert!(given.header("x-request-id").starts_with("req_"), "{odd}");
    }
}

#[tokio::test]
async fn the_store_s_failures_tell_nothing_of_the_store() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let cases = [
        (Call::Credential, "/v1/customers/ana", READ),
        (Call::Load, "/v1/customers/ana", WRITE),
        (Call::Read, "/v1/customers", ADMIN),
    ];
    for (call, path, key) in cases {
        // The key is looked up once, so that the fault falls where it should.
        if call != Call::Credential {
            rig.get("/v1/customers").by(key).send().await.ok(200);
        }
        rig.store.fail_next(call, Fault::Before);
        let got = rig.get(path).by(key).send().await;
        let body = got.refused(503, "unavailable");
        assert_eq!(got.header("retry-after"), "5");
        assert!(!body.to_string().contains("written"), "{body}");
        rig.get(path).by(key).send().await.ok(200);
    }
}

#[tokio::test]
async fn too_many_public_posts_are_told_to_wait() {
    let rig = Rig::with(ApiOptions {
        rates: RateOptions {
            public_posts_per_minute: 2,
            failures_per_minute: 2,
            ..RateOptions::default()
        },
        trust_forwarded_for: true,
        ..ApiOptions::default()
    })
    .await;
    let buy = |from: &str| {
        rig.post("/v1/checkouts")
            .header("x-forwarded-for", from)
            .json(json!({ "plan": "free" }))
    };
    for _ in 0..2 {
        buy("203.0.113.9, 198.51.100.1").send().await.ok(201);
    }
    // What the client invents in front changes nothing.
    let got = buy("203.0.113.10, 198.51.100.1").send().await;
    got.refused(429, "rate_limited");
    assert!(got.header("retry-after").parse::<u64>().unwrap() >= 1);
    buy("198.51.100.2").send().await.ok(201);
    buy("2001:db8::1").send().await.ok(201);
    buy("2001:db8::2").send().await.ok(201);
    buy("2001:db8::3").send().await.refused(429, "rate_limited");
    buy("198.51.100.1").by(WRITE).send().await.ok(201);

    let guess = || {
        rig.get("/v1/me")
            .header("x-forwarded-for", "198.51.100.7")
            .by("bs_x")
    };
    guess().send().await.refused(401, "unauthorized");
    guess().send().await.refused(401, "unauthorized");
    guess().send().await.refused(429, "rate_limited");
}

#[tokio::test]
async fn an_address_in_a_header_counts_only_behind_a_proxy_of_ours() {
    let rig = Rig::with(ApiOptions {
        rates: RateOptions {
            public_posts_per_minute: 1,
            failures_per_minute: 0,
            ..RateOptions::default()
        },
        ..ApiOptions::default()
    })
    .await;
    let buy = |from: &str| {
        rig.post("/v1/checkouts")
            .header("x-forwarded-for", from)
            .json(json!({ "plan": "free" }))
    };
    buy("198.51.100.1").send().await.ok(201);
    buy("198.51.100.2")
        .send()
        .await
        .refused(429, "rate_limited");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_public_and_session_routes_alone() {
    let rig = Rig::new().await;
    let preflight = |path: &str, origin: &str| {
        rig.ask(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
    };
    for path in [
        "/v1/checkouts",
        "/v1/me",
        "/v1/me/entitlements/x",
        "/v1/billing-sessions",
        "/v1/billing-sessions/open",
    ] {
        let got = preflight(path, ORIGIN).send().await;
        assert_eq!(got.status, 204);
        assert_eq!(got.header("access-control-allow-origin"), ORIGIN, "{path}");
        assert!(
            got.header("access-control-allow-headers")
                .contains("authorization")
        );
        let got = preflight(path, "https://evil.example").send().await;
        assert_eq!(got.header("access-control-allow-origin"), "", "{path}");
    }
    for route in ROUTES
        .iter()
        .filter(|route| matches!(route.who, Who::Customer))
    {
        let got = preflight(route.path, ORIGIN).send().await;
        let may = got.header("access-control-allow-methods").split(", ");
        let may: Vec<_> = may.collect();
        assert!(may.contains(&route.method.as_str()), "{} {may:?}", route.id);
    }
    for path in [
        "/v1/keys",
        "/v1/customers",
        "/v1/mean",
        "/v1/billing-session",
    ] {
        let got = preflight(path, ORIGIN).send().await;
        assert_eq!(got.header("access-control-allow-origin"), "", "{path}");
    }
    let refused = rig.get("/v1/me").header("origin", ORIGIN).send().await;
    refused.refused(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), ORIGIN);
}

#[tokio::test]
async fn the_api_nests_under_any_prefix_behind_the_host_s_own_login() {
    let rig = Rig::new().await;
    let api = billing_server::api_routes(rig.state.clone()).around(|next, request| async move {
        if request.headers().contains_key("x-host-login") {
            next.call(request).await
        } else {
            Err(poem::Error::from_status(StatusCode::IM_A_TEAPOT))
        }
    });
    let host = poem::Route::new()
        .at("/", poem::endpoint::make_sync(|_| "the host's own"))
        .nest("/billing", api);
    let mounted = Rig {
        app: Arc::new(host.map_to_response().boxed()),
        ..rig
    };
    assert_eq!(mounted.get("/").send().await.bytes, b"the host's own");
    let shut = mounted.get("/billing/v1/plans").send().await;
    assert_eq!(shut.status, 418);
    let get = |path: &str| mounted.get(path).header("x-host-login", "ana");
    get("/billing/v1/plans").send().await.ok(200);
    get("/billing/v1/keys")
        .send()
        .await
        .refused(401, "unauthorized");
    get("/billing/v1/keys").by(ADMIN).send().await.ok(200);
    get("/billing/v1/nosuch")
        .send()
        .await
        .refused(404, "not_found");
    let buy = || {
        mounted
            .post("/billing/v1/checkouts")
            .header("x-host-login", "ana")
            .header("origin", ORIGIN)
            .header("idempotency-key", "nested-0123456789")
            .json(json!({ "plan": "free" }))
    };
    let bought = buy().send().await;
    assert_eq!(bought.ok(201)["status"], "completed");
    assert_eq!(bought.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(buy().send().await.bytes, bought.bytes);
}
