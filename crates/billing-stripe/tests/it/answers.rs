//! What an answer means: a refusal, an outcome nobody knows, or our own mistake.

use std::net::TcpListener;

use billing_domain::provider::RefKind;
use billing_ports::{PaymentProvider, PerformError, PortalAnswer, PortalAsk, PortalPurpose};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{Far, header, no, ok};

const PAGES: &str = "/v1/billing_portal/sessions";

async fn asked(answer: ResponseTemplate) -> Result<PortalAnswer, PerformError> {
    let far = Far::start().await;
    far.answers("POST", PAGES, answer).await;
    ask(&far).await
}

async fn ask(far: &Far) -> Result<PortalAnswer, PerformError> {
    let ask = PortalAsk {
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        customer_ref: "cus_9".to_owned(),
        subscription_ref: None,
        purpose: PortalPurpose::Overview,
        return_url: "https://app.example.com/".to_owned(),
    };
    far.stripe.portal(&ask).await
}

fn error(kind: &str, code: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": "No: sk_test_51Secret." } })
}

#[tokio::test]
async fn a_page_is_answered_and_not_shown() {
    let answer = asked(ok(&json!({ "url": "https://billing.stripe.com/p/1" }))).await;
    let url = "https://billing.stripe.com/p/1".to_owned();
    assert_eq!(answer, Ok(PortalAnswer::Page { url }));
    assert!(!format!("{answer:?}").contains("stripe.com"));
}

#[tokio::test]
async fn what_stripe_refuses_is_a_refusal() {
    for (status, kind, code) in [
        (400, "invalid_request_error", "resource_missing"),
        (402, "card_error", "card_declined"),
        (404, "invalid_request_error", "resource_missing"),
    ] {
        match asked(no(status, &error(kind, code))).await {
            Ok(PortalAnswer::Refused(refusal)) => {
                assert_eq!(refusal.code, code);
                assert!(refusal.message.contains("req_7"), "{refusal:?}");
            }
            other => panic!("{status} is a refusal, not {other:?}"),
        }
    }
    let declined = json!({ "error": {
        "type": "card_error", "decline_code": "insufficient_funds", "message": "Declined.",
    }});
    match asked(no(402, &declined)).await {
        Ok(PortalAnswer::Refused(refusal)) => {
            assert_eq!(
                refusal.code, "card_error",
                "the kind, where there is no code"
            );
            assert!(refusal.message.contains("insufficient_funds"));
        }
        other => panic!("a refusal, not {other:?}"),
    }
}

#[tokio::test]
async fn what_leaves_the_outcome_open_is_unknown() {
    let busy = error("idempotency_error", "idempotency_key_in_use");
    let used = error("idempotency_error", "idempotency_error");
    let html = || ResponseTemplate::new(400).set_body_string("<html>proxy</html>");
    let retry =
        no(402, &error("card_error", "card_declined")).insert_header("stripe-should-retry", "true");
    for answer in [
        no(409, &busy),
        no(400, &used),
        no(424, &error("api_error", "external")),
        no(500, &error("api_error", "api_error")),
        no(503, &Value::Null),
        ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>"),
        ResponseTemplate::new(302).insert_header("location", "https://example.com/"),
        html(),
        retry,
        ResponseTemplate::new(200).set_body_string("{\"url\": \"https://bill"),
        ok(&json!({ "object": "billing_portal.session" })),
    ] {
        let answer = asked(answer).await;
        assert!(
            matches!(answer, Err(PerformError::Unknown(_))),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn whatever_cannot_be_read_still_names_its_request() {
    let named = |status: u16| ResponseTemplate::new(status).insert_header("request-id", "req_8");
    let page = "<html>Bad Gateway</html>";
    for answer in [
        named(200).set_body_string("{\"url\": \"https://bill"),
        named(200).set_body_json(json!({ "object": "list" })),
        named(200).set_body_string(page),
        named(502).set_body_string(page),
        named(500).set_body_json(json!({ "odd": 1 })),
        named(429).set_body_string(page),
        named(403).set_body_string(page),
    ] {
        let shown = format!("{answer:?}");
        match asked(answer).await {
            Err(error) => {
                let why = error.to_string();
                assert!(why.contains("req_8"), "{shown}: {why}");
                assert!(!why.contains("html"), "{why}");
            }
            other => panic!("it cannot be read, and is not {other:?}"),
        }
    }
}

/// How often Stripe is asked that answers so, and what is concluded.
async fn asked_until(answer: ResponseTemplate) -> (usize, Result<PortalAnswer, PerformError>) {
    let far = Far::repeating(3).await;
    far.answers("POST", PAGES, answer).await;
    let concluded = ask(&far).await;
    (far.asked().await.len(), concluded)
}

fn saying(answer: ResponseTemplate, verdict: &str) -> ResponseTemplate {
    answer.insert_header("stripe-should-retry", verdict)
}

#[tokio::test]
async fn what_stripe_says_of_trying_again_counts_more_than_the_status() {
    let conflict = || no(409, &error("invalid_request_error", "state_conflict"));
    let failed = || no(500, &error("api_error", "internal"));
    // By the status alone: a conflict is asked about later, a failure at once.
    let (times, concluded) = asked_until(conflict()).await;
    assert_eq!(times, 1);
    assert!(
        matches!(concluded, Err(PerformError::Unknown(_))),
        "{concluded:?}"
    );
    assert_eq!(asked_until(failed()).await.0, 3);

    let (times, concluded) = asked_until(saying(conflict(), "true")).await;
    assert_eq!(times, 3);
    assert!(
        matches!(concluded, Err(PerformError::Unknown(_))),
        "{concluded:?}"
    );

    let (times, concluded) = asked_until(saying(conflict(), "false")).await;
    assert_eq!(times, 1);
    match concluded {
        Ok(PortalAnswer::Refused(refusal)) => assert_eq!(refusal.code, "state_conflict"),
        other => panic!("it stays a conflict, and is not {other:?}"),
    }
    // What failed over there may have been done all the same.
    let (times, concluded) = asked_until(saying(failed(), "false")).await;
    assert_eq!(times, 1);
    assert!(
        matches!(concluded, Err(PerformError::Unknown(_))),
        "{concluded:?}"
    );
    // Nothing was looked at, and the same call is for later.
    let turned = no(429, &error("invalid_request_error", "rate_limit"));
    let (times, concluded) = asked_until(saying(turned, "false")).await;
    assert_eq!(times, 1);
    assert!(
        matches!(concluded, Err(PerformError::NotSent(_))),
        "{concluded:?}"
    );
}

#[tokio::test]
async fn being_turned_away_has_no_effect() {
    for code in ["rate_limit", "lock_timeout"] {
        let turned = no(429, &error("invalid_request_error", code));
        let again = turned.clone().insert_header("stripe-should-retry", "true");
        for answer in [turned, again] {
            match asked(answer).await {
                Err(PerformError::NotSent(why)) => {
                    assert!(why.contains(code) && why.contains("req_7"), "{why}");
                }
                other => panic!("nothing happened, and not {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_accepted_is_our_mistake_and_is_not_repeated() {
    for status in [401, 403] {
        match asked(no(
            status,
            &error("invalid_request_error", "api_key_expired"),
        ))
        .await
        {
            Err(PerformError::Misconfigured(why)) => {
                assert!(
                    why.contains("api_key_expired") && why.contains("req_7"),
                    "{why}"
                );
                assert!(!why.contains("Secret"), "their words show the key: {why}");
            }
            other => panic!("{status} is our mistake, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_key_is_refused_from_the_answer_that_says_so_until_one_that_takes_it() {
    let far = Far::start().await;
    assert!(!far.stripe.refuses_key(), "nobody was asked");
    let says = |status, code| no(status, &error("invalid_request_error", code));
    for (answer, refused) in [
        // A restricted key that may not make this one page.
        (says(403, "more_permissions_required"), false),
        (says(401, "api_key_expired"), true),
        // None of these says that it is taken.
        (says(403, "more_permissions_required"), true),
        (says(400, "resource_missing"), true),
        (says(503, "api_error"), true),
        (ok(&json!({ "url": "https://x" })), false),
        (says(401, "api_key_expired"), true),
    ] {
        far.answers_once("POST", PAGES, answer).await;
        let outcome = ask(&far).await;
        assert_eq!(far.stripe.refuses_key(), refused, "{outcome:?}");
    }
    // An answer of our own asks nobody.
    let calls = far.calls().await.len();
    assert_eq!(far.read(RefKind::Invoice, "../in_1").await, []);
    assert_eq!(far.calls().await.len(), calls);
    assert!(far.stripe.refuses_key());
}

#[tokio::test]
async fn nobody_there_means_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let far = Far::start().await.at(&format!("http://{address}"));
    match ask(&far).await {
        Err(PerformError::NotSent(why)) => {
            assert!(
                why.to_lowercase().contains("refused"),
                "what was beneath: {why}"
            );
        }
        other => panic!("nothing was sent, and not {other:?}"),
    }
}

#[tokio::test]
async fn every_call_names_key_and_version() {
    let far = Far::start().await;
    far.answers("POST", PAGES, ok(&json!({ "url": "https://x" })))
        .await;
    ask(&far).await.unwrap();
    let asked = far.asked().await;
    assert_eq!(
        header(&asked[0], "authorization"),
        Some("Bearer sk_test_51Secret")
    );
    assert_eq!(
        header(&asked[0], "stripe-version"),
        Some(billing_stripe::API_VERSION)
    );
    let form = "application/x-www-form-urlencoded";
    assert_eq!(header(&asked[0], "content-type"), Some(form));
    assert!(!format!("{:?}", far.stripe).contains("sk_test"));
}
