//! Calls: errors told apart, and the orders and reads around changes.

use std::net::TcpListener;

use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::Fact;
use billing_domain::ids::EffectId;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::Status;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::provider::{PortalAnswer, PortalAsk, PortalPurpose};
use billing_ports::{Answer, PaymentProvider, PerformError, Reading, Resent};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::{
    MONTHLY, account, answer, at, checkout, january, paddle, refusal, respond, sent, snapshot,
    subscription, transaction,
};
use crate::{Mode, OptionsError, Paddle, PaddleOptions};

const PLACE: &str = "/subscriptions/sub_1";

fn object(kind: RefKind, id: &str) -> ProviderRef {
    ProviderRef {
        account: account(),
        kind,
        id: id.to_owned(),
    }
}

async fn perform(paddle: &Paddle, order: &Order) -> Result<Answer, PerformError> {
    let effect: EffectId = "eff_00000000000000000000000000000003".parse().unwrap();
    let key = EffectKey::undo("chg_00000000000000000000000000000004".parse().unwrap());
    paddle.perform(effect, &key, order).await
}

fn cancel(at_once: bool) -> Order {
    Order::CancelSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        at_once,
    }
}

fn resume() -> Order {
    Order::ResumeSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
        quoted: None,
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_a_matter_of_configuration() {
    for status in [401, 403] {
        let (server, paddle) = paddle().await;
        respond(&server, "GET", PLACE, status, refusal("forbidden", "no")).await;
        let read = paddle.read(&object(RefKind::Subscription, "sub_1")).await;
        assert!(matches!(&read, Err(PerformError::Misconfigured(why)) if !why.contains("pdl_")));
    }
}

#[tokio::test]
async fn a_key_is_refused_from_the_answer_that_says_so_until_one_that_takes_it() {
    let (server, paddle) = paddle().await;
    assert!(!paddle.refuses_key(), "nobody was asked");
    let customer = json!({ "id": "ctm_1", "email": "ana@example.com" });
    for (status, body, refused) in [
        // A key that may not read customers.
        (403, refusal("forbidden", "no"), false),
        (403, refusal("invalid_token", "revoked"), true),
        // None of these says that it is taken.
        (403, refusal("forbidden", "no"), true),
        (404, refusal("not_found", "gone"), true),
        (200, json!({ "data": customer }), false),
        (403, refusal("authentication_missing", "no"), true),
        (200, json!({ "data": customer }), false),
        (403, refusal("authentication_malformed", "no"), true),
        (200, json!({ "data": customer }), false),
        (401, json!({}), true),
    ] {
        respond(&server, "GET", "/customers/ctm_1", status, body.clone()).await;
        let outcome = paddle.read(&object(RefKind::Customer, "ctm_1")).await;
        assert_eq!(outcome.is_ok(), status == 200 || status == 404, "{body}");
        assert_eq!(paddle.refuses_key(), refused, "{status} {body}");
        server.reset().await;
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_outcome_open() {
    let (server, paddle) = paddle().await;
    answer(&server, "GET", PLACE, &subscription(MONTHLY, january())).await;
    for (status, body) in [
        (200, json!({ "odd": 1 })),
        (502, json!("<html>")),
        (500, json!({})),
    ] {
        let place = "/subscriptions/sub_1/cancel";
        respond(&server, "POST", place, status, body).await;
        let outcome = perform(&paddle, &cancel(true)).await;
        assert!(
            matches!(outcome, Err(PerformError::Unknown(_))),
            "{status}: {outcome:?}"
        );
        let cancels = sent(&server, "POST", place).await;
        assert_eq!(cancels.len(), 1, "never sent twice by itself");
        server.reset().await;
        answer(&server, "GET", PLACE, &subscription(MONTHLY, january())).await;
    }
}

/// What a call came to that was answered so.
async fn failed_with(answer: ResponseTemplate) -> PerformError {
    let (server, paddle) = paddle().await;
    Mock::given(method("GET"))
        .and(path(PLACE))
        .respond_with(answer)
        .mount(&server)
        .await;
    let read = paddle.read(&object(RefKind::Subscription, "sub_1")).await;
    read.expect_err("nothing was answered that can be read")
}

#[tokio::test]
async fn whatever_cannot_be_read_still_names_its_request() {
    let header = |status: u16| ResponseTemplate::new(status).insert_header("request-id", "req-h");
    let page = "<html>Bad Gateway</html>";
    let meta = json!({ "odd": 1, "meta": { "request_id": "req-b" } });
    for (answer, named) in [
        // After a success, by the body or beside it.
        (
            header(200).set_body_string("{\"data\": {\"id\": \"sub"),
            "req-h",
        ),
        (header(200).set_body_json(json!({ "odd": 1 })), "req-h"),
        (ResponseTemplate::new(200).set_body_json(&meta), "req-b"),
        // Errors that are none of Paddle's, and one in a shape that is not known.
        (header(502).set_body_string(page), "req-h"),
        (header(429).set_body_string(page), "req-h"),
        (header(403).set_body_string(page), "req-h"),
        (ResponseTemplate::new(500).set_body_json(&meta), "req-b"),
        (
            header(500).set_body_json(refusal("internal_error", "no")),
            "req-1",
        ),
    ] {
        let shown = format!("{answer:?}");
        let why = failed_with(answer).await.to_string();
        assert!(
            why.contains(&format!("(request {named})")),
            "{shown}: {why}"
        );
        assert!(!why.contains("html"), "{why}");
    }
    // What names no request says so by its silence.
    let silent = ResponseTemplate::new(502).set_body_string(page);
    let why = failed_with(silent).await.to_string();
    assert!(!why.contains("request"), "{why}");
}

#[tokio::test]
async fn a_failure_on_the_way_says_what_was_beneath_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = PaddleOptions {
        base_url: Some(format!("http://{address}").parse().unwrap()),
        ..super::options()
    };
    let once = HttpOptions {
        max_attempts: 1,
        ..HttpOptions::default()
    };
    let http = HttpClient::new(once).unwrap();
    let paddle = Paddle::new(&options, http, super::clock()).unwrap();
    let read = paddle.read(&object(RefKind::Subscription, "sub_1")).await;
    match read {
        Err(PerformError::NotSent(why)) => {
            assert!(why.starts_with("connect for GET"), "{why}");
            assert!(why.to_lowercase().contains("refused"), "{why}");
        }
        other => panic!("nobody is there, and not {other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_there_reads_as_nothing() {
    let (server, paddle) = paddle().await;
    for (kind, place) in [
        (RefKind::Subscription, "/subscriptions/x"),
        (RefKind::Invoice, "/transactions/x"),
        (RefKind::Checkout, "/transactions/x"),
        (RefKind::Customer, "/customers/x"),
    ] {
        respond(
            &server,
            "GET",
            place,
            404,
            refusal("entity_not_found", "no"),
        )
        .await;
        assert_eq!(paddle.read(&object(kind, "x")).await, Ok(Vec::new()));
    }
    let elsewhere = ProviderRef {
        account: "paddle/other".parse().unwrap(),
        ..object(RefKind::Customer, "x")
    };
    let read = paddle.read(&elsewhere).await;
    assert!(matches!(read, Err(PerformError::Misconfigured(_))));
}

#[tokio::test]
async fn a_transaction_is_read_with_what_was_given_back() {
    let (server, paddle) = paddle().await;
    let mut paid = transaction("completed", january());
    paid["adjustments"] = json!([{
        "id": "adj_1", "action": "refund", "status": "approved", "transaction_id": "txn_completed",
        "currency_code": "USD", "totals": { "total": "100" }, "created_at": "2026-01-05T00:00:00Z",
    }]);
    answer(&server, "GET", "/transactions/txn_completed", &paid).await;
    let facts = paddle
        .read(&object(RefKind::Invoice, "txn_completed"))
        .await
        .unwrap();
    assert!(matches!(facts[0].fact, Fact::ProviderInvoiceSeen { .. }));
    assert!(matches!(facts[1].fact, Fact::RefundSeen(_)));
    let customer =
        json!({ "id": "ctm_1", "status": "active", "updated_at": "2026-01-01T00:00:00Z" });
    answer(&server, "GET", "/customers/ctm_1", &customer).await;
    let facts = paddle
        .read(&object(RefKind::Customer, "ctm_1"))
        .await
        .unwrap();
    assert_eq!(facts[0].link.refs, [object(RefKind::Customer, "ctm_1")]);
}

/// How the subscription stands, whether it is to end at once, and from when Paddle
/// is told to end it. `None`: it is told nothing.
type Case<'a> = (&'a dyn Fn(&mut Value), bool, Option<&'a str>);

#[tokio::test]
async fn canceling_says_from_when_and_not_twice() {
    let paused = |held: &mut Value| held["status"] = json!("paused");
    let to_end = |held: &mut Value| {
        held["scheduled_change"] = json!({ "action": "cancel", "effective_at": january().end });
    };
    let ended = |held: &mut Value| held["status"] = json!("canceled");
    let as_is = |_held: &mut Value| {};
    let (soon, end) = (Some("immediately"), Some("next_billing_period"));
    let table: [Case<'_>; 6] = [
        (&as_is, false, end),
        (&as_is, true, soon),
        (&paused, false, soon),
        (&to_end, false, None),
        (&to_end, true, soon),
        (&ended, true, None),
    ];
    for (case, (set, at_once, from)) in table.into_iter().enumerate() {
        let (server, paddle) = paddle().await;
        let mut held = subscription(MONTHLY, january());
        set(&mut held);
        answer(&server, "GET", PLACE, &held).await;
        answer(&server, "GET", "/transactions", &json!([])).await;
        answer(&server, "POST", "/subscriptions/sub_1/cancel", &held).await;
        assert!(perform(&paddle, &cancel(at_once)).await.is_ok(), "{case}");
        let bodies = sent(&server, "POST", "/subscriptions/sub_1/cancel").await;
        let told = bodies
            .first()
            .map(|body| body["effective_from"].as_str().unwrap());
        assert_eq!(told, from, "{case}");
    }
}

#[tokio::test]
async fn what_is_scheduled_otherwise_is_taken_back_first() {
    let pause = Order::PauseSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
    };
    for (order, what, scheduled) in [
        (cancel(false), "cancel", "pause"),
        (cancel(true), "cancel", "resume"),
        (pause, "pause", "cancel"),
    ] {
        let (server, paddle) = paddle().await;
        let active = subscription(MONTHLY, january());
        let mut held = active.clone();
        held["scheduled_change"] = json!({ "action": scheduled, "effective_at": january().end });
        answer(&server, "GET", PLACE, &held).await;
        answer(&server, "GET", "/transactions", &json!([])).await;
        answer(&server, "PATCH", PLACE, &active).await;
        let place = format!("{PLACE}/{what}");
        answer(&server, "POST", &place, &active).await;
        assert!(perform(&paddle, &order).await.is_ok(), "{what}");
        let kept = json!({ "scheduled_change": null });
        assert_eq!(sent(&server, "PATCH", PLACE).await, [kept], "{what}");
        let requests = server.received_requests().await.unwrap();
        let acts = requests.iter().map(|request| request.method.as_str());
        let acts: Vec<&str> = acts.filter(|verb| *verb != "GET").collect();
        assert_eq!(acts, ["PATCH", "POST"], "{what}");
    }
}

#[tokio::test]
async fn what_is_scheduled_alike_is_taken_back_where_it_is_in_the_way() {
    let (server, paddle) = paddle().await;
    let active = subscription(MONTHLY, january());
    let mut held = active.clone();
    held["scheduled_change"] = json!({ "action": "cancel", "effective_at": january().end });
    answer(&server, "GET", PLACE, &held).await;
    answer(&server, "PATCH", PLACE, &active).await;
    let locked = refusal("subscription_locked_pending_changes", "no");
    let place = "/subscriptions/sub_1/cancel";
    respond(&server, "POST", place, 400, locked).await;
    let answer = perform(&paddle, &cancel(true)).await;
    assert!(matches!(answer, Ok(Answer::Refused(_))), "{answer:?}");
    assert_eq!(sent(&server, "PATCH", PLACE).await.len(), 1);
    assert_eq!(sent(&server, "POST", place).await.len(), 2, "once more");
}

#[tokio::test]
async fn pausing_and_resuming_do_what_is_not_done_yet() {
    let (server, paddle) = paddle().await;
    let active = subscription(MONTHLY, january());
    let mut paused = active.clone();
    paused["status"] = json!("paused");
    answer(&server, "GET", PLACE, &paused).await;
    let paid = json!([transaction("completed", january())]);
    answer(&server, "GET", "/transactions", &paid).await;
    answer(&server, "POST", "/subscriptions/sub_1/resume", &active).await;
    let pause = Order::PauseSubscription {
        provider: account(),
        reference: "sub_1".to_owned(),
        change: None,
    };
    let Ok(Answer::Done(facts)) = perform(&paddle, &pause).await else {
        panic!("it is paused already");
    };
    assert_eq!(snapshot(&facts).status, Status::Paused);
    let Ok(Answer::Done(facts)) = perform(&paddle, &resume()).await else {
        panic!("it can be resumed");
    };
    assert_eq!(snapshot(&facts).status, Status::Active);
    let body = &sent(&server, "POST", "/subscriptions/sub_1/resume").await[0];
    assert_eq!(body["on_resume"], "start_new_billing_period");
    server.reset().await;
    let mut to_pause = active.clone();
    to_pause["scheduled_change"] = json!({ "action": "pause", "effective_at": january().end });
    answer(&server, "GET", PLACE, &to_pause).await;
    answer(&server, "GET", "/transactions", &paid).await;
    answer(&server, "PATCH", PLACE, &active).await;
    assert!(perform(&paddle, &resume()).await.is_ok());
    assert_eq!(
        sent(&server, "PATCH", PLACE).await,
        [json!({ "scheduled_change": null })]
    );
}

#[tokio::test]
async fn an_invoice_of_ours_is_beyond_paddle() {
    let (_server, paddle) = paddle().await;
    let void = Order::VoidInvoice {
        provider: account(),
        invoice: "inv_00000000000000000000000000000005".parse().unwrap(),
        reference: None,
    };
    let outcome = perform(&paddle, &void).await;
    assert!(matches!(outcome, Err(PerformError::Unsupported(_))));
}

#[tokio::test]
async fn the_portal_opens_where_it_was_asked_to() {
    let (server, paddle) = paddle().await;
    let text =
        include_str!("../../tests/fixtures/customerportalsessions_full_entity_multiple.json");
    let body: Value = serde_json::from_str(text).unwrap();
    // What was linked by hand is another customer's over there, and so is its page.
    for of in ["ctm_1", "ctm_linked"] {
        let place = format!("/customers/{of}/portal-sessions");
        respond(&server, "POST", &place, 201, body.clone()).await;
    }
    let mut linked = subscription(MONTHLY, january());
    linked["customer_id"] = json!("ctm_linked");
    let of_first = "/subscriptions/sub_01h04vsc0qhwtsbsxh3422wjs4";
    for place in ["/subscriptions/sub_9", of_first] {
        answer(&server, "GET", place, &linked).await;
    }
    let customer = json!({ "id": "ctm_1", "custom_data": {
        "billing_customer": checkout().customer, "billing_operator": "acme",
    }});
    answer(&server, "GET", "/customers/ctm_1", &customer).await;
    let method = json!({ "id": "txn_1", "checkout": { "url": "https://pay.example.com/m" } });
    let place = "/subscriptions/sub_9/update-payment-method-transaction";
    answer(&server, "GET", place, &method).await;
    let first = "sub_01h04vsc0qhwtsbsxh3422wjs4";
    for (subscription, purpose, part) in [
        (None, PortalPurpose::Overview, "action=overview"),
        (None, PortalPurpose::PaymentMethod, "action=overview"),
        (
            Some(first),
            PortalPurpose::PaymentMethod,
            "action=update_subscription_payment_method",
        ),
        (
            Some("sub_9"),
            PortalPurpose::PaymentMethod,
            "https://pay.example.com/m",
        ),
    ] {
        let ask = PortalAsk {
            customer: checkout().customer,
            customer_ref: "ctm_1".to_owned(),
            subscription_ref: subscription.map(str::to_owned),
            purpose,
            return_url: "https://app.example.com".to_owned(),
        };
        match paddle.portal(&ask).await {
            Ok(PortalAnswer::Page { url }) => assert!(url.contains(part), "{part}"),
            other => panic!("{other:?}"),
        }
    }
    for of in ["ctm_1", "ctm_linked"] {
        let place = format!("/customers/{of}/portal-sessions");
        assert_eq!(sent(&server, "POST", &place).await.len(), 2, "{of}");
    }
}

#[tokio::test]
async fn a_payment_behind_pages_of_others_still_counts() {
    let page = |rows: &[Value], more: bool| {
        let meta = json!({ "pagination": { "has_more": more } });
        ResponseTemplate::new(200).set_body_json(json!({ "data": rows, "meta": meta }))
    };
    // Declined, a month long.
    let mut declined = transaction("canceled", january());
    declined["origin"] = json!("subscription_update");
    let declined = vec![declined; 30];
    let seen = object(RefKind::Subscription, "sub_1");
    let newest = Mock::given(method("GET")).and(path("/transactions"));
    let further = Mock::given(method("GET"))
        .and(path("/transactions"))
        .and(query_param("after", "txn_canceled"));
    let (server, paddle) = paddle().await;
    answer(&server, "GET", PLACE, &subscription(MONTHLY, january())).await;
    let paid = [transaction("completed", january())];
    further
        .respond_with(page(&paid, false))
        .with_priority(1)
        .mount(&server)
        .await;
    newest
        .respond_with(page(&declined, true))
        .mount(&server)
        .await;
    let facts = paddle.read(&seen).await.unwrap();
    assert_eq!(snapshot(&facts).status, Status::Active);

    // Further back than is looked, nobody says that it is not there.
    server.reset().await;
    answer(&server, "GET", PLACE, &subscription(MONTHLY, january())).await;
    let endless = Mock::given(method("GET")).and(path("/transactions"));
    endless
        .respond_with(page(&declined, true))
        .mount(&server)
        .await;
    let read = paddle.read(&seen).await;
    assert!(matches!(read, Err(PerformError::Unknown(_))), "{read:?}");
    let asked = server.received_requests().await.unwrap().len();
    assert_eq!(asked, 1 + 10);
}

#[tokio::test]
async fn a_customer_who_may_be_anothers_is_not_shown() {
    for custom in [
        json!(null),
        json!({ "billing_customer": "cus_00000000000000000000000000000009" }),
        json!({ "billing_customer": checkout().customer, "billing_operator": "other" }),
    ] {
        let (server, paddle) = paddle().await;
        let customer = json!({ "id": "ctm_1", "custom_data": custom });
        answer(&server, "GET", "/customers/ctm_1", &customer).await;
        for purpose in [PortalPurpose::Overview, PortalPurpose::PaymentMethod] {
            let ask = PortalAsk {
                customer: checkout().customer,
                customer_ref: "ctm_1".to_owned(),
                subscription_ref: None,
                purpose,
                return_url: "https://app.example.com".to_owned(),
            };
            match paddle.portal(&ask).await {
                Ok(PortalAnswer::Refused(refusal)) => assert_eq!(refusal.code, "customer_shared"),
                other => panic!("{custom}: {other:?}"),
            }
        }
        let made = sent(&server, "POST", "/customers/ctm_1/portal-sessions").await;
        assert!(made.is_empty());
    }
}

#[tokio::test]
async fn subscriptions_are_listed_to_the_end() {
    let (server, paddle) = paddle().await;
    let mut owing = subscription(MONTHLY, january());
    owing["status"] = json!("past_due");
    owing["id"] = json!("sub_2");
    let rows = json!([subscription(MONTHLY, january()), owing]);
    let page = |more: bool| json!({ "data": rows, "meta": { "pagination": { "has_more": more, "next": "https://x.example.com" } } });
    respond(&server, "GET", "/subscriptions", 200, page(true)).await;
    let listed = paddle.list_subscriptions(None).await.unwrap();
    assert_eq!(listed.next.as_deref(), Some("sub_2"));
    assert!(
        matches!(listed.rows[0].fact, Fact::Hinted { .. }),
        "to be read"
    );
    assert!(matches!(listed.rows[1].fact, Fact::SubscriptionSeen(_)));
    server.reset().await;
    respond(&server, "GET", "/subscriptions", 200, page(false)).await;
    let listed = paddle
        .list_subscriptions(Some("sub_2".to_owned()))
        .await
        .unwrap();
    assert_eq!(listed.next, None);
    let requests = server.received_requests().await.unwrap();
    let query = requests[0].url.query().unwrap();
    assert!(
        query.contains("after=sub_2") && query.contains("canceled"),
        "{query}"
    );
}

#[tokio::test]
async fn events_are_listed_oldest_first_and_no_older_than_asked() {
    let (server, paddle) = paddle().await;
    let event = |id: &str, at: &str| json!({ "event_id": id, "event_type": "customer.updated", "occurred_at": at, "data": {} });
    let rows = json!([
        event("evt_3", "2026-01-03T00:00:00Z"),
        event("evt_2", "2026-01-02T00:00:00Z"),
        event("evt_1", "2026-01-01T00:00:00Z"),
    ]);
    let body = json!({ "data": rows, "meta": { "pagination": { "has_more": true } } });
    respond(&server, "GET", "/events", 200, body).await;
    let all = paddle
        .list_events(at("2025-12-01T00:00:00Z"), None)
        .await
        .unwrap();
    let ids: Vec<&str> = all.rows.iter().map(|row| row.event_id.as_str()).collect();
    assert_eq!(ids, ["evt_1", "evt_2", "evt_3"]);
    assert_eq!(all.next.as_deref(), Some("evt_1"));
    assert_eq!(all.rows[0].reading, Reading::Facts(Vec::new()));
    let late = paddle
        .list_events(at("2026-01-02T00:00:00Z"), None)
        .await
        .unwrap();
    assert_eq!(late.rows.len(), 2);
    assert_eq!(late.next, None, "what follows is older");
}

#[tokio::test]
async fn a_notification_is_sent_again() {
    let (server, paddle) = paddle().await;
    let place = "/notifications/ntf_1/replay";
    answer(
        &server,
        "POST",
        place,
        &json!({ "notification_id": "ntf_2" }),
    )
    .await;
    let sending = Resent::Sending {
        under: Some("ntf_2".to_owned()),
    };
    assert_eq!(paddle.resend("ntf_1").await, Ok(sending));
    assert_eq!(sent(&server, "POST", place).await.len(), 1);
    // Nothing answers under another id: the server says 404.
    assert_eq!(paddle.resend("ntf_9").await, Ok(Resent::NoSuch));
}

#[test]
fn the_key_says_the_mode() {
    let with = |key: &str, url: Option<&str>| {
        let options = PaddleOptions::new(account(), key.into(), "acme".to_owned());
        PaddleOptions {
            base_url: url.map(|url| url.parse().unwrap()),
            ..options
        }
        .resolved_url()
        .map(|url| url.to_string())
    };
    let (live, sandbox) = ("https://api.paddle.com/", "https://sandbox-api.paddle.com/");
    assert_eq!(with("pdl_live_apikey_x", None), Ok(live.to_owned()));
    assert_eq!(with("pdl_sdbx_apikey_x", None), Ok(sandbox.to_owned()));
    assert_eq!(with("old", None), Err(OptionsError::UnknownMode));
    assert_eq!(with("old", Some(live)), Ok(live.to_owned()));
    let (key, url) = (Mode::Sandbox, Mode::Live);
    let mismatch = Err(OptionsError::ModeMismatch { key, url });
    assert_eq!(with("pdl_sdbx_apikey_x", Some(live)), mismatch);
}

#[tokio::test]
async fn no_secret_is_shown() {
    let (_server, paddle) = paddle().await;
    let shown = format!("{paddle:?} {:?}", super::options());
    assert!(
        !shown.contains("apikey") && !shown.contains("ntfset"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_cancellation_is_not_taken_back_in_a_lock_that_ends_with_it() {
    let undo = Order::UndoCancellation {
        provider: account(),
        reference: "sub_1".to_owned(),
        subscription: "sub_00000000000000000000000000000005".parse().unwrap(),
    };
    for (code, for_good) in [
        ("subscription_locked_renewal", true),
        ("subscription_locked_pending_changes", true),
        (
            "subscription_credit_creation_against_processing_transaction",
            false,
        ),
    ] {
        let (server, paddle) = paddle().await;
        let mut ending = subscription(MONTHLY, january());
        ending["scheduled_change"] = json!({
            "action": "cancel", "effective_at": "2026-02-01T00:00:00Z", "resume_at": null,
        });
        answer(&server, "GET", PLACE, &ending).await;
        respond(&server, "PATCH", PLACE, 409, refusal(code, "not now")).await;
        let outcome = perform(&paddle, &undo).await;
        match outcome {
            Ok(Answer::Refused(refused)) if for_good => assert_eq!(refused.code, code),
            Err(PerformError::NotSent(_)) if !for_good => {}
            other => panic!("{code} is another matter than {other:?}"),
        }
        let asked = sent(&server, "PATCH", PLACE).await;
        assert_eq!(asked.len(), 1);
    }
}
