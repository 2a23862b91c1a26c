//! Webhooks on their way: held, signed, played with, delivered.

use std::time::Duration;

use billing_testkit::fakes::rig::hmac_sha256_hex;
use billing_testkit::fakes::stripe::{Card, OLD_VERSION, SIGNATURE_HEADER, Version};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::bench::{Bench, days};

fn body(webhook: &billing_testkit::fakes::rig::SignedWebhook) -> Value {
    serde_json::from_slice(&webhook.event.body).unwrap()
}

#[tokio::test]
async fn events_are_signed_with_every_secret_when_they_are_sent() {
    let bench = Bench::new().await;
    let outbox = bench.fake.deliveries();
    bench.bought("price_basic", Card::Good).await;
    outbox.set_secrets(vec!["whsec_old".to_owned(), "whsec_new".to_owned()]);
    bench.fake.advance(days(1));
    let webhook = outbox.take_kind("invoice.paid").unwrap();
    let request = webhook.request();
    let header = request.header(SIGNATURE_HEADER).unwrap();
    let seconds = bench.fake.now().as_second();
    let mut message = format!("{seconds}.").into_bytes();
    message.extend_from_slice(&request.body);
    let expected = format!(
        "t={seconds},v1={},v1={}",
        hmac_sha256_hex("whsec_old", &message),
        hmac_sha256_hex("whsec_new", &message),
    );
    assert_eq!(header, expected);
    let event = body(&webhook);
    assert_eq!(event["id"], json!(webhook.event.id));
    // It happened a day before it was sent.
    assert_eq!(event["created"], seconds - 86_400);
    assert!(!format!("{webhook:?} {outbox:?}").contains("whsec"));
}

#[tokio::test]
async fn an_update_says_what_it_changed_and_who_asked() {
    let bench = Bench::new().await;
    let id = bench.bought("price_basic", Card::Good).await;
    assert!(!bench.fake.deliveries().take().is_empty());
    let path = format!("v1/subscriptions/{id}");
    bench.post(&path, &[("metadata[a]", "b")]).await;
    let webhooks = bench.fake.deliveries().take();
    assert_eq!(webhooks.len(), 1);
    let event = body(&webhooks[0]);
    assert_eq!(event["type"], "customer.subscription.updated");
    assert_eq!(
        event["data"]["previous_attributes"],
        json!({ "metadata": {} })
    );
    assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn what_waits_can_be_reordered_doubled_and_lost() {
    let bench = Bench::new().await;
    bench.bought("price_basic", Card::Good).await;
    let outbox = bench.fake.deliveries();
    let mut kinds = outbox.kinds();
    assert_eq!(outbox.lose("invoice.paid"), 1);
    kinds.retain(|kind| kind != "invoice.paid");
    outbox.reverse();
    kinds.reverse();
    assert_eq!(outbox.kinds(), kinds);
    outbox.duplicate();
    let all = outbox.take();
    assert_eq!(all.len(), kinds.len() * 2);
    assert_eq!(all[0].event, all[1].event);
    assert!(outbox.is_empty());
}

#[tokio::test]
async fn seconds_collide_when_they_are_told_to() {
    let bench = Bench::new().await;
    let outbox = bench.fake.deliveries();
    let at = bench.fake.now();
    outbox.freeze(Some(at));
    bench.bought("price_basic", Card::Good).await;
    bench.fake.advance(days(32));
    let created = |one| body(&one)["created"].as_i64();
    let mut seconds: Vec<_> = outbox.take().into_iter().map(created).collect();
    seconds.dedup();
    assert_eq!(seconds, [Some(at.as_second())]);
}

#[tokio::test]
async fn an_endpoint_of_an_old_version_gets_old_bodies() {
    let bench = Bench::new().await;
    bench.fake.set_webhook_version(Version::Old);
    let id = bench.bought("price_basic", Card::Good).await;
    let outbox = bench.fake.deliveries();
    let created = body(&outbox.take_kind("customer.subscription.created").unwrap());
    assert_eq!(created["api_version"], OLD_VERSION);
    assert!(created["data"]["object"]["current_period_end"].is_i64());
    let paid = body(&outbox.take_kind("invoice.paid").unwrap());
    assert_eq!(paid["data"]["object"]["subscription"], json!(id));
    assert_eq!(paid["data"]["object"]["parent"], json!(null));
}

/// A server that answers each request with the next status: the bodies that it got.
async fn listen(listener: TcpListener, statuses: &[u16]) -> Vec<String> {
    let mut bodies = Vec::new();
    for status in statuses {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        let text = loop {
            let mut part = [0; 4_096];
            let read = stream.read(&mut part).await.unwrap();
            seen.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&seen).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map(|length| length.parse::<usize>().unwrap());
                if Some(body.len()) == length {
                    break body.to_owned();
                }
            }
        };
        bodies.push(text);
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    bodies
}

#[tokio::test]
async fn a_target_is_sent_everything_again_until_it_answers() {
    let bench = Bench::new().await;
    let fields = [("email", "a@b.test")];
    bench.post("v1/customers", &fields).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let url: Url = url.parse().unwrap();
    bench.fake.deliveries().set_target(Some(url));
    // The pauses between attempts are the runtime's, which passes them by.
    tokio::time::pause();
    let bodies = tokio::time::timeout(Duration::from_mins(10), listen(listener, &[500, 503, 200]));
    let bodies = bodies.await.unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body == &bodies[0]));
    assert!(bodies[0].contains("customer.created"));
}

#[tokio::test]
async fn one_sending_by_hand_tells_the_answer() {
    let bench = Bench::new().await;
    bench.post("v1/customers", &[]).await;
    let webhook = bench.fake.deliveries().take().remove(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let (status, bodies) = tokio::join!(bench.fake.post(&url, &webhook), listen(listener, &[204]));
    assert_eq!(status.unwrap(), 204);
    assert_eq!(bodies[0].as_bytes(), webhook.event.body.as_ref());
}
