//! Receivers of events and what is on its way to them, as operators see them.

use billing_domain::journal::Event;
use billing_notify::Reaching;
use billing_ports::Notifier;
use billing_testkit::fixtures::Maker;
use billing_testkit::receiver::{Receiver, Reply};
use serde_json::{Value, json};

use crate::rig::{ADMIN, Making, Rig, WRITE};

const ENDPOINTS: &str = "/v1/webhook-endpoints";

/// A rig that may send to this machine.
async fn local() -> Rig {
    Rig::made(Making {
        reaching: Reaching::Anywhere,
        ..Making::default()
    })
    .await
}

async fn made(rig: &Rig, url: &str) -> Value {
    let body = json!({ "url": url });
    rig.post(ENDPOINTS)
        .by(ADMIN)
        .json(body)
        .send()
        .await
        .ok(201)
}

async fn got(rig: &Rig, path: &str) -> Value {
    rig.get(path).by(ADMIN).send().await.ok(200)
}

async fn posted(rig: &Rig, path: &str) -> Value {
    rig.post(path).by(ADMIN).send().await.ok(200)
}

/// Something happens, and is told.
async fn happens(rig: &Rig, make: &mut Maker) {
    let customer = make.id();
    let entry = make.journal(customer, Event::InvoiceSettled);
    rig.events.notify(make.id(), &[entry]).await.unwrap();
}

#[tokio::test]
async fn a_receiver_is_made_listed_and_deleted_and_its_secret_is_told_once() {
    let rig = Rig::new().await;
    let body = json!({
        "url": "https://hooks.example.com/billing?of=app",
        "events": ["invoice.settled", "subscription.lapsed", "invoice.settled"],
    });
    let answer = rig.post(ENDPOINTS).by(ADMIN).json(body).send().await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let created = answer.ok(201);
    let secret = created["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    let endpoint = &created["endpoint"];
    let id = endpoint["id"].as_str().unwrap();
    assert!(id.starts_with("we_"));
    assert_eq!(endpoint["url"], "https://hooks.example.com/billing?of=app");
    let events = json!(["invoice.settled", "subscription.lapsed"]);
    assert_eq!(endpoint["events"], events);
    assert_eq!(endpoint["status"], "enabled");
    let listed = got(&rig, ENDPOINTS).await;
    assert_eq!(listed["data"], json!([endpoint]));
    let one = got(&rig, &format!("{ENDPOINTS}/{id}")).await;
    assert_eq!(&one, endpoint);
    for shown in [&listed, &one] {
        assert!(!shown.to_string().contains(secret));
    }
    let path = format!("{ENDPOINTS}/{id}");
    rig.delete(&path).by(ADMIN).send().await.ok(204);
    rig.delete(&path)
        .by(ADMIN)
        .send()
        .await
        .refused(404, "not_found");
    rig.get(&path)
        .by(ADMIN)
        .send()
        .await
        .refused(404, "not_found");
    rig.post(ENDPOINTS)
        .by(WRITE)
        .json(json!({}))
        .send()
        .await
        .refused(403, "insufficient_scope");
}

#[tokio::test]
async fn nothing_is_sent_into_private_networks() {
    let rig = Rig::new().await;
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://ana:secret@hooks.example.com/",
        "https://hooks.example.com/#part",
        "file:///etc/passwd",
        "hooks.example.com",
        "",
    ] {
        let body = json!({ "url": url });
        let answer = rig.post(ENDPOINTS).by(ADMIN).json(body).send().await;
        answer.wrong("url");
    }
    let body = json!({ "url": "https://hooks.example.com/", "events": ["invoice.paid"] });
    rig.post(ENDPOINTS)
        .by(ADMIN)
        .json(body)
        .send()
        .await
        .wrong("events");
    assert_eq!(got(&rig, ENDPOINTS).await["data"], json!([]));
}

#[tokio::test]
async fn a_secret_is_rotated_with_the_one_before_for_a_day() {
    let rig = Rig::new().await;
    let created = made(&rig, "https://hooks.example.com/").await;
    let id = created["endpoint"]["id"].as_str().unwrap();
    let path = format!("{ENDPOINTS}/{id}/rotate-secret");
    let rotated = rig.post(&path).by(ADMIN).send().await.ok(201);
    assert_ne!(rotated["secret"], created["secret"]);
    let until = &rotated["endpoint"]["old_secret_until"];
    assert_eq!(until, "2026-03-02T12:00:00Z");
}

#[tokio::test]
async fn deliveries_are_listed_and_what_was_given_up_is_retried() {
    let (rig, mut make) = (local().await, Maker::new(5));
    let receiver = Receiver::start().await.unwrap();
    let created = made(&rig, &receiver.url("/hooks")).await;
    let id = created["endpoint"]["id"].as_str().unwrap();
    receiver.always(Reply::status(500));
    happens(&rig, &mut make).await;
    while rig.events.send_due().await.unwrap() > 0 {
        let waits = got(&rig, "/v1/deliveries").await;
        if let Some(at) = waits["data"][0]["next_attempt_at"].as_str() {
            rig.clock.set(at.parse().unwrap());
        }
    }
    let dead = got(&rig, "/v1/deliveries?status=dead").await;
    let row = &dead["data"][0];
    assert_eq!(row["endpoint"], id);
    assert_eq!(row["event"], "invoice.settled");
    assert_eq!(row["status"], "dead");
    assert_eq!(row["attempts"], 11);
    assert_eq!(row["last_status"], 500);
    assert_eq!(row["next_attempt_at"], Value::Null);
    for (filter, count) in [
        ("status=pending".to_owned(), 0),
        ("status=dead&limit=1".to_owned(), 1),
        (format!("endpoint={id}"), 1),
        (format!("endpoint=we_{}", "0".repeat(32)), 0),
    ] {
        let found = got(&rig, &format!("/v1/deliveries?{filter}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{filter}");
    }
    for (query, field) in [("status=lost", "status"), ("endpoint=1", "endpoint")] {
        let path = format!("/v1/deliveries?{query}");
        rig.get(&path).by(ADMIN).send().await.wrong(field);
    }
    let path = format!("/v1/deliveries/{}", row["id"].as_str().unwrap());
    let whole = got(&rig, &path).await;
    let sent: Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    assert_eq!(whole["payload"], sent);

    let retry = format!("{path}/retry");
    let shown = posted(&rig, &format!("{ENDPOINTS}/{id}/disable")).await;
    assert_eq!(shown["status"], "disabled");
    assert_eq!(shown["failing_since"], "2026-03-01T12:00:00Z");
    let refused = rig.post(&retry).by(ADMIN).send().await;
    refused.refused(409, "illegal_transition");
    let enabled = posted(&rig, &format!("{ENDPOINTS}/{id}/enable")).await;
    assert_eq!(enabled["status"], "enabled");
    assert_eq!(enabled["failing_since"], Value::Null);
    let retried = posted(&rig, &retry).await;
    assert_eq!(
        (&retried["status"], &retried["attempts"]),
        (&json!("pending"), &json!(0))
    );
    receiver.always(Reply::status(204));
    assert_eq!(rig.events.send_due().await, Ok(1));
    let taken = got(&rig, &path).await;
    assert_eq!(taken["status"], "delivered");
    assert_eq!(taken["last_status"], 204);
    let refused = rig.post(&retry).by(ADMIN).send().await;
    refused.refused(409, "illegal_transition");
}

#[tokio::test]
async fn a_receiver_that_an_operator_disables_gets_nothing_until_it_is_enabled() {
    let (rig, mut make) = (local().await, Maker::new(6));
    let receiver = Receiver::start().await.unwrap();
    let created = made(&rig, &receiver.url("/hooks")).await;
    let path = format!(
        "{ENDPOINTS}/{}",
        created["endpoint"]["id"].as_str().unwrap()
    );
    happens(&rig, &mut make).await;
    let disabled = posted(&rig, &format!("{path}/disable")).await;
    assert_eq!(disabled["disabled_why"], "operator");
    assert_eq!(disabled["disabled_at"], "2026-03-01T12:00:00Z");
    happens(&rig, &mut make).await;
    assert_eq!(rig.events.send_due().await, Ok(0));
    posted(&rig, &format!("{path}/enable")).await;
    assert_eq!(
        rig.events.send_due().await,
        Ok(1),
        "what waited; the rest is past"
    );
}
