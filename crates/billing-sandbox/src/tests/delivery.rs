//! Events on their way: retried, doubled, late, lost, swapped, and believed only
//! when genuine.

use std::sync::{Arc, Mutex};

use billing_domain::fact::Fact;
use billing_domain::time::Timestamp;
use billing_ports::{Clock, Reading, WebhookDecoder, WebhookRequest};
use bytes::Bytes;
use jiff::SignedDuration;

use super::{Rig, account, at, options};
use crate::{
    EventState, Fault, FnSink, Mode, Sandbox, SandboxDecoder, SandboxOptions, SinkError, TestCard,
    WebhookSink,
};

/// A receiver that keeps what it got and answers from a list, then with 200.
struct Receiver {
    got: Arc<Mutex<Vec<WebhookRequest>>>,
    sink: Box<dyn WebhookSink>,
}

fn receiver(answers: Vec<Result<u16, SinkError>>) -> Receiver {
    let got: Arc<Mutex<Vec<WebhookRequest>>> = Arc::default();
    let answers = Mutex::new(answers.into_iter());
    let kept = Arc::clone(&got);
    let sink = FnSink(move |request| {
        kept.lock().unwrap().push(request);
        let answer = answers.lock().unwrap().next().unwrap_or(Ok(200));
        async { answer }
    });
    Receiver {
        got,
        sink: Box::new(sink),
    }
}

impl Receiver {
    fn kinds(&self) -> Vec<String> {
        self.got
            .lock()
            .unwrap()
            .iter()
            .map(|request| {
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                body["type"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

/// A sandbox with three events waiting: completed, created, paid.
async fn bought() -> Rig {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    rig.buys(ana, TestCard::Pays).await;
    rig
}

async fn pump(rig: &Rig, receiver: &Receiver) -> crate::Pumped {
    let now = rig.sandbox.clock().now();
    rig.sandbox.pump(now, receiver.sink.as_ref()).await.unwrap()
}

#[tokio::test]
async fn an_event_that_is_not_accepted_is_sent_again_with_growing_pauses_then_kept() {
    let rig = bought().await;
    let down: Vec<_> = (0..18)
        .map(|place| {
            if place % 2 == 0 {
                Ok(503)
            } else {
                Err(SinkError("connection refused".to_owned()))
            }
        })
        .collect();
    let receiver = receiver(down);
    let start = rig.sandbox.clock().now();
    let mut tried_at = vec![SignedDuration::ZERO];
    assert_eq!(pump(&rig, &receiver).await.failed, 3);
    assert_eq!(pump(&rig, &receiver).await, crate::Pumped::default());
    for _ in 0..5 {
        let due = rig.sandbox.next_due().unwrap();
        tried_at.push(due.duration_since(start));
        rig.sandbox.set_clock(due).await.unwrap();
        assert_eq!(pump(&rig, &receiver).await.failed, 3);
    }
    let seconds: Vec<i64> = tried_at.iter().map(SignedDuration::as_secs).collect();
    assert_eq!(seconds, [0, 5, 35, 155, 755, 4_355]);
    let books = rig.sandbox.books();
    assert_eq!(books.events_in(EventState::Failed).len(), 3);
    assert_eq!(rig.sandbox.next_due(), Some(at("2026-02-01T01:00:00Z")));
    assert!(rig.sandbox.send_again("sbx_evt_000001").await.unwrap());
    assert!(!rig.sandbox.send_again("sbx_evt_999999").await.unwrap());
    assert_eq!(pump(&rig, &receiver).await.delivered, 1);
    assert!(!rig.sandbox.send_again("sbx_evt_000001").await.unwrap());
}

#[tokio::test]
async fn a_repetition_has_the_same_id_and_a_fresh_signature() {
    let rig = bought().await;
    let receiver = receiver(vec![Ok(500), Ok(500), Ok(302)]);
    pump(&rig, &receiver).await;
    rig.sandbox
        .set_clock(at("2026-01-01T03:00:00Z"))
        .await
        .unwrap();
    assert_eq!(pump(&rig, &receiver).await.delivered, 3);
    let got = receiver.got.lock().unwrap();
    let decoder = rig.sandbox.decoder();
    let first = decoder.decode(&got[0], at("2026-01-01")).unwrap();
    let again = decoder.decode(&got[3], at("2026-01-01T03:00:00Z")).unwrap();
    assert_eq!(first, again);
    assert!(decoder.decode(&got[0], at("2026-01-01T03:00:00Z")).is_err());
}

#[tokio::test]
async fn delivery_faults_double_delay_lose_and_swap() {
    let rig = bought().await;
    let receiver = receiver(Vec::new());
    rig.sandbox.inject(Fault::DeliverTwice);
    rig.sandbox.inject(Fault::Reorder);
    let pumped = pump(&rig, &receiver).await;
    assert_eq!((pumped.delivered, pumped.dropped), (3, 0));
    assert_eq!(
        receiver.kinds(),
        [
            "checkout.completed",
            "checkout.completed",
            "invoice.paid",
            "subscription.created",
        ]
    );

    let rig = bought().await;
    let receiver = self::receiver(Vec::new());
    rig.sandbox.inject(Fault::Drop);
    rig.sandbox
        .inject(Fault::DeliverLate(SignedDuration::from_mins(20)));
    let pumped = pump(&rig, &receiver).await;
    assert_eq!((pumped.delivered, pumped.dropped), (1, 1));
    assert_eq!(receiver.kinds(), ["invoice.paid"]);
    assert_eq!(rig.sandbox.next_due(), Some(at("2026-01-01T00:20:00Z")));
    rig.sandbox
        .set_clock(at("2026-01-01T00:20:00Z"))
        .await
        .unwrap();
    pump(&rig, &receiver).await;
    assert_eq!(receiver.kinds(), ["invoice.paid", "subscription.created"]);
    let books = rig.sandbox.books();
    assert_eq!(books.events_in(EventState::Dropped), ["sbx_evt_000001"]);
    assert_eq!(books.events_in(EventState::Delivered).len(), 2);
}

#[tokio::test]
async fn an_event_to_be_swapped_waits_for_a_follower() {
    let rig = bought().await;
    let receiver = receiver(Vec::new());
    for _ in 0..3 {
        rig.sandbox.inject(Fault::Reorder);
    }
    assert_eq!(pump(&rig, &receiver).await.delivered, 0);
    rig.sandbox
        .advance(SignedDuration::from_mins(1))
        .await
        .unwrap();
    assert_eq!(pump(&rig, &receiver).await.delivered, 3);
}

#[tokio::test]
async fn a_receiver_may_order_something_while_it_receives() {
    let mut rig = bought().await;
    let ana = rig.customer();
    let order = billing_domain::effect::Order::OpenCheckout(rig.checkout(ana));
    let sandbox = rig.sandbox.clone();
    let sink = FnSink(move |_request| {
        let (sandbox, order) = (sandbox.clone(), order.clone());
        async move {
            let key = billing_domain::effect::EffectKey::from_stored("k".to_owned());
            let effect = billing_domain::ids::IdSeq::new(Timestamp::UNIX_EPOCH, 2).draw();
            let done = billing_ports::PaymentProvider::perform(&sandbox, effect, &key, &order);
            done.await.unwrap();
            Ok(200)
        }
    });
    let now = rig.sandbox.clock().now();
    let pumped = rig.sandbox.pump(now, &sink).await.unwrap();
    assert_eq!(pumped.delivered, 3);
    assert_eq!(rig.sandbox.books().calls["k"].times, 3);
}

#[tokio::test]
async fn secrets_rotate_without_losing_an_event() {
    let rig = bought().await;
    let receiver = receiver(Vec::new());
    pump(&rig, &receiver).await;
    let got = receiver.got.lock().unwrap();
    let now = rig.sandbox.clock().now();
    let decoder = |secrets: &[&str]| {
        let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).into()).collect();
        SandboxDecoder::new(account(), &secrets).unwrap()
    };
    assert!(decoder(&["whsec_first"]).decode(&got[0], now).is_ok());
    assert!(
        decoder(&["whsec_new", "whsec_first"])
            .decode(&got[0], now)
            .is_ok()
    );
    assert!(
        decoder(&["whsec_new", "whsec_second"])
            .decode(&got[0], now)
            .is_err()
    );
    assert!(SandboxDecoder::new(account(), &[]).is_none());
    assert!(SandboxDecoder::new(account(), &["".into()]).is_none());
    let unsigned = SandboxOptions {
        webhook_secrets: Vec::new(),
        ..options(Mode::OwnSchedule, "2026-01-01")
    };
    assert!(Sandbox::in_memory(unsigned).is_err());
    assert!(!format!("{:?}", rig.sandbox).contains("whsec"));
}

#[tokio::test]
async fn only_exact_and_timely_bytes_are_believed() {
    let rig = bought().await;
    let receiver = receiver(Vec::new());
    pump(&rig, &receiver).await;
    let genuine = receiver.got.lock().unwrap()[0].clone();
    let decoder = rig.sandbox.decoder();
    let sent = rig.sandbox.clock().now();
    let seconds = SignedDuration::from_secs;
    for (by, believed) in [
        (-301, false),
        (-300, true),
        (0, true),
        (300, true),
        (301, false),
    ] {
        let verdict = decoder.decode(&genuine, sent + seconds(by));
        assert_eq!(verdict.is_ok(), believed, "{by} s");
    }
    let signature = genuine.header("sandbox-signature").unwrap().to_owned();
    let (time, tag) = signature.split_once(",v1=").unwrap();
    let signed = |value: String| WebhookRequest {
        headers: vec![("sandbox-signature".to_owned(), value)],
        body: genuine.body.clone(),
    };
    for good in [
        signature.clone(),
        format!("{time},v0=abc,v1={}, v1={tag}", "0".repeat(64)),
        format!("v1={tag},{time}"),
        format!("{time},v1={}", tag.to_uppercase()),
    ] {
        assert!(
            decoder.decode(&signed(good.clone()), sent).is_ok(),
            "{good}"
        );
    }
    for bad in [
        String::new(),
        time.to_owned(),
        format!("v1={tag}"),
        format!("t=,v1={tag}"),
        format!("t={},v1={tag}", sent.as_second() + 1),
        format!("t={},v1={tag}", i64::MAX),
        format!("{time},v1={}", &tag[1..]),
        format!("{time},v1={}", &tag[2..]),
        format!("{time},v1=é{tag}"),
        format!("{time},{}v1={tag}", "v1=00,".repeat(8)),
        format!(
            "{signature},{}",
            "x".repeat(billing_http::SIGNATURE_HEADER_MAX_BYTES)
        ),
    ] {
        assert!(decoder.decode(&signed(bad.clone()), sent).is_err(), "{bad}");
    }
    let mut changed = genuine.clone();
    changed.body = Bytes::from([genuine.body.as_ref(), b" "].concat());
    assert!(decoder.decode(&changed, sent).is_err());
    let headless = WebhookRequest {
        headers: Vec::new(),
        ..genuine.clone()
    };
    assert!(decoder.decode(&headless, sent).is_err());
    let delivery = decoder.decode(&genuine, sent).unwrap();
    assert_eq!(
        (delivery.event_id.as_str(), delivery.kind.as_str()),
        ("sbx_evt_000001", "checkout.completed")
    );
    let Reading::Facts(facts) = delivery.reading else {
        panic!("unreadable");
    };
    assert!(matches!(facts[0].fact, Fact::CheckoutCompleted { .. }));
}

#[tokio::test]
async fn what_is_genuine_and_unknown_is_accepted() {
    let rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let decoder = rig.sandbox.decoder();
    let now = rig.sandbox.clock().now();
    let decode = |body: &str| {
        let body = Bytes::from(body.to_owned());
        let request = WebhookRequest {
            headers: vec![(
                "sandbox-signature".to_owned(),
                rig.sandbox.inner.keys.sign(&body, now),
            )],
            body,
        };
        decoder.decode(&request, now).unwrap()
    };
    let unknown = decode(r#"{"id":"e1","type":"cake.baked","extra":1}"#);
    assert_eq!(unknown.reading, Reading::Facts(Vec::new()));
    assert_eq!(
        (unknown.event_id.as_str(), unknown.kind.as_str()),
        ("e1", "cake.baked")
    );
    let odd =
        decode(r#"{"id":"e2","type":"x","created":"2026-01-01T00:00:00Z","facts":[{"fact":1}]}"#);
    assert!(matches!(
        odd.reading,
        Reading::Unreadable { at: Some(sent), .. } if sent == at("2026-01-01")
    ));
    assert_eq!(odd.event_id, "e2");
    let long = format!(r#"{{"id":"{}","type":"x"}}"#, "e".repeat(129));
    let mut ids = Vec::new();
    for body in [
        "",
        "no json",
        "[]",
        "{}",
        r#"{"id":"","type":"x"}"#,
        long.as_str(),
    ] {
        let delivery = decode(body);
        assert!(
            matches!(delivery.reading, Reading::Unreadable { at: None, .. }),
            "{body}"
        );
        assert_eq!(delivery.event_id, decode(body).event_id);
        assert_eq!(delivery.body, body);
        ids.push(delivery.event_id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn over_http_the_receiver_gets_the_exact_bytes_and_its_status_counts() {
    use wiremock::matchers::{header, header_exists, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/webhooks/sandbox"))
        .and(header("content-type", "application/json"))
        .and(header_exists("sandbox-signature"))
        .respond_with(ResponseTemplate::new(200))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    let rig = bought().await;
    let client = billing_http::HttpClient::new(billing_http::HttpOptions::default()).unwrap();
    let url = format!("{}/webhooks/sandbox", server.uri())
        .parse()
        .unwrap();
    let sink = crate::HttpSink::new(client, url);
    let now = rig.sandbox.clock().now();
    let pumped = rig.sandbox.pump(now, &sink).await.unwrap();
    assert_eq!(
        (pumped.delivered, pumped.failed),
        (2, 1),
        "the third met a 404"
    );
    let got = server.received_requests().await.unwrap();
    let decoder = rig.sandbox.decoder();
    for request in got {
        let webhook = WebhookRequest {
            headers: vec![(
                "sandbox-signature".to_owned(),
                request.headers["sandbox-signature"]
                    .to_str()
                    .unwrap()
                    .to_owned(),
            )],
            body: Bytes::from(request.body),
        };
        assert!(decoder.decode(&webhook, now).is_ok());
    }
    let address = server.address().to_owned();
    drop(server);
    let gone = format!("http://{address}/").parse().unwrap();
    let client = billing_http::HttpClient::new(billing_http::HttpOptions::default()).unwrap();
    rig.sandbox
        .set_clock(at("2026-01-01T00:00:05Z"))
        .await
        .unwrap();
    let now = rig.sandbox.clock().now();
    let pumped = rig
        .sandbox
        .pump(now, &crate::HttpSink::new(client, gone))
        .await;
    assert_eq!(pumped.unwrap().failed, 1);
}
