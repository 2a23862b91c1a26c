//! What BTCPay's refusals mean.

use billing_ports::PerformError;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_error::{ApiError, CallError};
use crate::options::{BtcPayOptions, OptionsError};

fn judged(status: u16, body: &Value) -> CallError {
    let status = StatusCode::from_u16(status).unwrap();
    ApiError::read(status, body.to_string().as_bytes()).judged()
}

#[test]
fn refusals_have_stable_codes() {
    let code = |status, body| {
        let CallError::Refused(error) = judged(status, &body) else {
            panic!("{status}");
        };
        (error.code, error.detail)
    };
    let (named, _) = code(
        404,
        json!({ "code": "invoice-not-found", "message": "The invoice was not found" }),
    );
    assert_eq!(named, "invoice_not_found");
    for status in [400, 422] {
        let body = json!([{ "path": "amount", "message": "too much" }, { "path": null, "message": "odd" }]);
        let (named, detail) = code(status, body);
        assert_eq!(named, "validation_failed");
        assert_eq!(detail, "amount: too much; : odd");
    }
    let (named, _) = code(418, json!("tea"));
    assert_eq!(named, "http_418");
    let (named, _) = code(
        400,
        json!({ "code": "<b>Odd</b>", "message": "x".repeat(5_000) }),
    );
    assert_eq!(named, "http_400");
}

#[test]
fn a_nameless_failure_passes_and_a_missing_permission_is_named() {
    let nameless = json!({ "code": "generic-error", "message": "Lightning node is not available" });
    assert!(matches!(judged(400, &nameless), CallError::Unknown(_)));
    // Whoever stands in front of BTCPay sends elsewhere, or knows nothing of that path.
    for status in [301, 302, 307, 401, 403, 404, 500, 502, 503] {
        assert!(matches!(
            judged(status, &json!("<html>")),
            CallError::Unknown(_)
        ));
    }
    assert!(matches!(judged(429, &json!({})), CallError::NotSent(_)));
    for status in [401, 403] {
        let body = json!({ "code": "missing-permission", "message": "no", "missingPermission": "btcpay.store.cancreateinvoice" });
        let CallError::Misconfigured(why) = judged(status, &body) else {
            panic!("{status}");
        };
        assert!(why.contains("btcpay.store.cancreateinvoice"), "{why}");
    }
}

#[test]
fn what_is_not_there_is_btcpay_s_word_alone() {
    let missing = |status, body: &Value| judged(status, body).is_not_found();
    let named = |code: &str| json!({ "code": code, "message": "gone" });
    assert!(missing(404, &named("invoice-not-found")));
    assert!(missing(404, &named("pullpayment-not-found")));
    for (status, body) in [
        (404, named("store-not-found")),
        (404, named("generic-error")),
        (404, json!({ "message": "no route" })),
        (404, json!("<html>404 Not Found</html>")),
        (404, Value::Null),
        (400, named("invoice-not-found")),
    ] {
        assert!(!missing(status, &body), "{status} {body}");
    }
}

#[test]
fn a_refused_read_is_ours_to_mend() {
    let refused = judged(422, &json!([{ "path": "take", "message": "odd" }]));
    assert!(matches!(refused.of_read(), PerformError::Misconfigured(_)));
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let check = |change: fn(&mut BtcPayOptions)| {
        let mut options = super::options();
        change(&mut options);
        options.check()
    };
    assert_eq!(check(|_| {}), Ok(()));
    assert_eq!(check(|it| it.store_id.clear()), Err(OptionsError::Store));
    assert_eq!(
        check(|it| it.store_id = "../a".to_owned()),
        Err(OptionsError::Store)
    );
    assert_eq!(
        check(|it| it.base_url = "mailto:a@example.com".parse().unwrap()),
        Err(OptionsError::NoBase)
    );
    assert_eq!(
        check(|it| it.monitoring = jiff::SignedDuration::from_secs(59)),
        Err(OptionsError::Lifetime)
    );
    assert!(!format!("{:?}", super::options()).contains("hush"));
}
