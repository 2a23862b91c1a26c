//! The door: keys, unknown parameters, repeated requests, ordered faults, the
//! rig's own paths.

use std::time::Duration;

use billing_http::{HttpError, HttpOptions, Request, UnknownReason};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::Card;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::bench::{Bench, days, text};

#[tokio::test]
async fn a_bad_key_is_refused_and_never_written_down() {
    let bench = Bench::new().await;
    let headers = [("authorization", "Bearer sk_test_wrong")];
    let answer = bench
        .send(Method::GET, "v1/prices", &headers, &[])
        .await
        .unwrap();
    assert_eq!(answer.status.as_u16(), 401);
    bench.get("v1/prices").await;
    let seen = bench.fake.requests().all();
    let known: Vec<bool> = seen.iter().map(|one| one.authorized).collect();
    assert_eq!(known, [false, true]);
    assert!(seen.iter().all(|one| one.header("authorization").is_none()));
    assert!(!format!("{seen:?}").contains("sk_test"));
}

#[tokio::test]
async fn what_is_not_known_is_refused_before_anything_happens() {
    let bench = Bench::new().await;
    let fields = [("email", "a@b.test"), ("shoe_size", "42")];
    let (status, error) = bench.refused("v1/customers", &fields).await;
    assert_eq!((status, &error["code"]), (400, &json!("parameter_unknown")));
    assert_eq!(error["param"], "shoe_size");
    assert_eq!(bench.fake.books().count("customer"), 0);
    assert_eq!(bench.call(Method::POST, "v1/nothing", &[]).await.0, 404);
}

#[tokio::test]
async fn answers_carry_the_time_of_the_fake_and_a_request_id() {
    let bench = Bench::new().await;
    let answer = bench
        .send(Method::GET, "v1/prices", &[], &[])
        .await
        .unwrap();
    let date = answer.headers.get("date").unwrap();
    assert_eq!(date, "Thu, 15 Jan 2026 12:00:00 GMT");
    assert!(answer.request_id.unwrap().starts_with("req_"));
}

async fn keyed(bench: &Bench, key: &str, email: &str) -> (u16, Value, bool) {
    let headers = [("idempotency-key", key)];
    let fields = [("email", email)];
    let answer = bench
        .send(Method::POST, "v1/customers", &headers, &fields)
        .await;
    let answer = answer.unwrap();
    let replayed = answer.headers.contains_key("idempotent-replayed");
    let body = serde_json::from_slice(&answer.body).unwrap();
    (answer.status.as_u16(), body, replayed)
}

#[tokio::test]
async fn a_key_answers_the_same_for_a_day() {
    let bench = Bench::new().await;
    let (_, first, replayed) = keyed(&bench, "k1", "a@b.test").await;
    assert!(!replayed);
    let (_, second, replayed) = keyed(&bench, "k1", "a@b.test").await;
    assert!(replayed);
    assert_eq!(first, second);
    let (status, other, _) = keyed(&bench, "k1", "other@b.test").await;
    assert_eq!(
        (status, &other["error"]["type"]),
        (400, &json!("idempotency_error"))
    );
    bench.fake.advance(days(1));
    let (_, third, replayed) = keyed(&bench, "k1", "a@b.test").await;
    assert!(!replayed);
    assert_ne!(first["id"], third["id"]);
}

#[tokio::test]
async fn a_key_remembers_refusals_of_the_work_but_not_of_the_form() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    let item = bench.item(&id).await;
    let customer = text(&bench.subscription(&id).await["customer"]);
    bench
        .fake
        .set_card(&customer, Some(Card::Declined))
        .unwrap();
    let path = format!("v1/subscriptions/{id}");
    let fields = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", "price_pro"),
        ("proration_behavior", "always_invoice"),
        ("payment_behavior", "error_if_incomplete"),
    ];
    let headers = [("idempotency-key", "k2")];
    for card in [Card::Declined, Card::Good] {
        bench.fake.set_card(&customer, Some(card)).unwrap();
        let answer = bench
            .send(Method::POST, &path, &headers, &fields)
            .await
            .unwrap();
        assert_eq!(answer.status.as_u16(), 402, "a better card changes nothing");
    }
    let wrong = [("no_such", "field")];
    let headers = [("idempotency-key", "k3")];
    let answer = bench
        .send(Method::POST, &path, &headers, &wrong)
        .await
        .unwrap();
    assert_eq!(answer.status.as_u16(), 400);
    let right = [("metadata[a]", "b")];
    let answer = bench
        .send(Method::POST, &path, &headers, &right)
        .await
        .unwrap();
    assert_eq!(answer.status.as_u16(), 200);
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict_until_its_caller_gives_up() {
    let bench = Bench::new().await;
    let slow = FaultKind::Slow { millis: 60_000 };
    bench
        .fake
        .fault(Fault::next(slow).on("POST", "/v1/customers"));
    {
        let first = keyed(&bench, "k4", "a@b.test");
        tokio::pin!(first);
        // Until the fake has it in work.
        while bench.fake.requests().to("POST", "/v1/customers").is_empty() {
            tokio::select! {
                biased;
                _done = &mut first => panic!("slow, and yet done"),
                () = tokio::task::yield_now() => {}
            }
        }
        let (status, body, _) = keyed(&bench, "k4", "a@b.test").await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (409, &json!("idempotency_key_in_use"))
        );
    }
    // The connection is gone, and with it the work.
    let freed = async {
        while keyed(&bench, "k4", "a@b.test").await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), freed)
        .await
        .unwrap();
    assert_eq!(bench.fake.books().count("customer"), 1);
}

#[tokio::test]
async fn each_fault_looks_as_it_does_in_life() {
    let bench = Bench::new().await;
    let limited = FaultKind::RateLimited {
        retry_after: Some(7),
    };
    for (kind, status) in [
        (limited, 429),
        (FaultKind::Conflict, 409),
        (FaultKind::ServerError, 500),
        (FaultKind::HtmlBadGateway, 502),
        (
            FaultKind::Fixed {
                status: 424,
                body: json!({}),
            },
            424,
        ),
    ] {
        bench
            .fake
            .fault(Fault::next(kind.clone()).on("GET", "/v1/prices"));
        let answer = bench
            .send(Method::GET, "v1/prices", &[], &[])
            .await
            .unwrap();
        assert_eq!(answer.status.as_u16(), status);
        let wait = answer.retry_after().map(|wait| wait.as_secs());
        assert_eq!(wait, (status == 429).then_some(7));
        assert_eq!(
            bench.fake.requests().last().unwrap().fault,
            Some(kind.name())
        );
    }
    assert_eq!(bench.fake.faults().open(), []);
    bench.get("v1/prices").await;
}

#[tokio::test]
async fn a_broken_connection_is_an_unknown_outcome() {
    let bench = Bench::new().await;
    let fields = [("email", "a@b.test")];
    for (fault, made) in [
        (Fault::next(FaultKind::LostAnswer), 0),
        (Fault::next(FaultKind::LostAnswer).after(), 1),
        (Fault::next(FaultKind::CutBody), 1),
        (Fault::next(FaultKind::CutBody).after(), 2),
    ] {
        bench.fake.fault(fault.on("POST", "/v1/customers"));
        let error = bench.send(Method::POST, "v1/customers", &[], &fields).await;
        let error = error.unwrap_err();
        let unknown = matches!(
            error,
            HttpError::Unknown {
                reason: UnknownReason::ConnectionLost,
                ..
            }
        );
        assert!(unknown, "{error:?}");
        assert_eq!(bench.fake.books().count("customer"), made);
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_again_under_its_key() {
    let bench = Bench::new().await;
    bench.fake.fault(Fault::next(FaultKind::LostAnswer).after());
    let headers = [("idempotency-key", "k5")];
    let fields = [("email", "a@b.test")];
    let lost = bench
        .send(Method::POST, "v1/customers", &headers, &fields)
        .await;
    assert!(lost.is_err());
    let (status, _, replayed) = keyed(&bench, "k5", "a@b.test").await;
    assert_eq!((status, replayed), (200, true));
    assert_eq!(bench.fake.books().count("customer"), 1);
    // A server error within the work is remembered as well.
    bench
        .fake
        .fault(Fault::next(FaultKind::ServerError).after());
    assert_eq!(keyed(&bench, "k6", "a@b.test").await.0, 500);
    assert_eq!(keyed(&bench, "k6", "a@b.test").await.0, 500);
    assert_eq!(bench.fake.books().count("customer"), 2);
}

#[tokio::test]
async fn faults_pick_their_requests() {
    let bench = Bench::new().await;
    let fault = Fault::next(FaultKind::ServerError).on("GET", "/v1/prices/");
    bench.fake.fault(fault.skip(1).times(2));
    let mut statuses = Vec::new();
    for _request in 0..4 {
        bench.get("v1/customers").await;
        statuses.push(bench.call(Method::GET, "v1/prices/price_pro", &[]).await.0);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
}

/// Calls one of the rig's own paths, without a key.
async fn rig(bench: &Bench, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let url = bench.fake.url().join(path).unwrap();
    let request = Request::new(method, url, billing_http::RetryPolicy::Never);
    let kind = HeaderValue::from_static("application/json");
    let request = request.with_body(kind, body.to_string());
    let client = billing_http::HttpClient::new(HttpOptions::default()).unwrap();
    let answer = client.send(request).await.unwrap();
    let body = serde_json::from_slice(&answer.body).unwrap();
    (answer.status.as_u16(), body)
}

#[tokio::test]
async fn another_process_moves_the_clock_and_orders_faults() {
    let bench = Bench::new().await;
    let session = bench.session("price_basic", &[]).await;
    let pay = json!({ "session": session, "card": "4242 4242 4242 4242" });
    let paid = rig(&bench, Method::POST, "_act/pay", &pay).await;
    assert_eq!(paid, (200, json!({ "payment": "complete" })));
    let on = json!({ "advance_seconds": 32 * 86_400 });
    assert_eq!(rig(&bench, Method::POST, "_clock", &on).await.0, 200);
    let (_, books) = rig(&bench, Method::GET, "_books", &json!({})).await;
    assert_eq!(books["objects"]["charge"], 2);
    let back = json!({ "advance_to": "2026-01-01T00:00:00Z" });
    assert_eq!(rig(&bench, Method::POST, "_clock", &back).await.0, 400);
    let fault = json!({ "method": "GET", "kind": "conflict", "times": 1 });
    assert_eq!(rig(&bench, Method::POST, "_faults", &fault).await.0, 200);
    assert_eq!(bench.call(Method::GET, "v1/prices", &[]).await.0, 409);
    let wrong = json!({ "kind": "conflict", "often": true });
    assert_eq!(rig(&bench, Method::POST, "_faults", &wrong).await.0, 400);
    assert_eq!(
        rig(&bench, Method::POST, "_act/fly", &json!({})).await.0,
        400
    );
    assert_eq!(rig(&bench, Method::GET, "_none", &json!({})).await.0, 404);
}
