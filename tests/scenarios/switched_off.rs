//! Billing that is switched off: on purpose, and visibly so.

use std::sync::Arc;

use billing::{Billing, Gate, Need};
use billing_server::{AppState, api_routes, page_routes};
use billing_testkit::SeededIds;
use poem::http::StatusCode;
use poem::test::TestClient;

use crate::rig::options;

/// S-01: switched off, everything is allowed, and nothing has a store to ask.
#[tokio::test]
async fn s_01_switched_off_everything_is_allowed() {
    let billing = Billing::disabled();
    assert!(!billing.is_enabled());
    for feature in ["sso", "quota", "a feature that no file declares"] {
        for need in [Need::Some, Need::Amount(1_000_000)] {
            let gate = billing.gate(&"ana".into(), feature, need).await.unwrap();
            assert!(matches!(gate, Gate::Allowed { .. }), "{feature}: {gate:?}");
        }
    }
    assert!(billing.work_until_idle().await.is_err());
}

/// S-01: switched off, billing routes say so, and the server is healthy.
#[tokio::test]
async fn s_01_switched_off_routes_say_so() {
    let ids = Arc::new(SeededIds::new(1));
    let state = AppState::new(Billing::disabled(), ids, options());
    let api = TestClient::new(api_routes(state.clone()));
    for path in ["/v1/plans", "/v1/me", "/v1/customers", "/v1/parked"] {
        let answer = api.get(path).send().await;
        answer.assert_status(StatusCode::NOT_FOUND);
        let body = answer.0.into_body().into_string().await.unwrap();
        assert!(body.contains("\"billing_disabled\""), "{path}: {body}");
    }
    for path in ["/healthz", "/readyz"] {
        api.get(path).send().await.assert_status_is_ok();
    }
    let pages = TestClient::new(page_routes(&state));
    let pricing = pages.get("/pricing").send().await;
    pricing.assert_status(StatusCode::NOT_FOUND);
}
