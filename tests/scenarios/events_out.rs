//! An application is told what happens: signed, once under one id, in an order that it can
//! tell; by rows that outlive whoever sends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use billing::notify::{Reaching, Sender};
use billing::system::SystemClock;
use billing_catalog::sample_catalog;
use billing_ports::Clock;
use billing_testkit::SeededIds;
use billing_testkit::receiver::{Got, Receiver, Reply};
use http::HeaderMap;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, Site, StoreKind, assert_sent_as_documented};

on_both_stores! {
    /// what happens arrives once, signed, each customer's in an order.
    x_12_an_application_is_told_what_happens;
    /// a receiver that is down is told later, and one that is up at once.
    x_12_a_receiver_that_is_down_holds_up_nobody;
    /// what was given up is listed, and is sent again when an operator says so.
    x_12_what_was_given_up_is_sent_again;
    /// while a secret is rotated, what is signed fits the old one and the new.
    x_12_a_rotated_secret_is_believed_beside_the_old_one;
    /// another process goes on with what one that died has left.
    x_12_what_a_process_left_another_sends_under_the_same_id;
    /// a sender that runs is woken by what happens.
    x_12_what_happens_is_sent_at_once;
}

const ENDPOINTS: &str = "/v1/webhook-endpoints";

/// How long what comes at once may take on a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A site whose engine tells its sender what happens. It begins by the real clock, which the
/// official library goes by.
async fn site(kind: StoreKind) -> Site {
    let start = SystemClock.now();
    let site = Site::new(kind, CARDS, &sample_catalog().unwrap(), start).await;
    let told = site.rig.billing.also_tell(Arc::new(site.events.clone()));
    assert!(told, "nobody else is told");
    site
}

/// A receiver with its id and its secret.
struct Listener {
    receiver: Receiver,
    id: String,
    secret: String,
}

impl Listener {
    async fn at(site: &Site) -> Self {
        let receiver = Receiver::start().await.unwrap();
        let body = json!({ "url": receiver.url("/billing-events") });
        let made = site.operate(ENDPOINTS, &body).await;
        let made = made.is(StatusCode::CREATED).json();
        Self {
            receiver,
            id: made["endpoint"]["id"].as_str().unwrap().to_owned(),
            secret: made["secret"].as_str().unwrap().to_owned(),
        }
    }

    /// What came, each taken by the official library.
    fn events(&self) -> Vec<Value> {
        let got = self.receiver.got();
        got.iter().map(|got| verified(got, &self.secret)).collect()
    }
}

/// Whether it is signed as the official library signs it, however the clock was moved.
fn is_genuine(got: &Got, secret: &str) -> bool {
    let library = Webhook::new(secret).unwrap();
    let sent_at = got.header("webhook-timestamp").parse().unwrap();
    let theirs = library.sign(got.header("webhook-id"), sent_at, &got.body);
    let theirs = theirs.unwrap();
    let mut ours = got.header("webhook-signature").split(' ');
    ours.any(|ours| ours == theirs)
}

/// As a receiver does it, by the real clock.
fn is_taken(got: &Got, secret: &str) -> bool {
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, got.header(name).parse().unwrap());
    }
    let library = Webhook::new(secret).unwrap();
    library.verify(&got.body, &headers).is_ok()
}

fn verified(got: &Got, secret: &str) -> Value {
    assert!(is_genuine(got, secret), "{got:?}");
    serde_json::from_slice(&got.body).unwrap()
}

/// Somebody buys, and everything that follows is worked off.
async fn buys(site: &Site, who: &str) -> String {
    let customer = site.paid_by(who, "personal-monthly").await;
    site.rig.settle().await;
    customer
}

async fn sends(site: &Site) -> usize {
    site.events.send_due().await.unwrap()
}

async fn x_12_an_application_is_told_what_happens(kind: StoreKind) {
    let site = site(kind).await;
    let listener = Listener::at(&site).await;
    let customer = buys(&site, "ana").await;
    assert!(sends(&site).await > 3);
    assert_eq!(sends(&site).await, 0);
    let got = listener.receiver.got();
    assert!(got.iter().all(|got| is_taken(got, &listener.secret)));
    let mut events = listener.events();
    assert_sent_as_documented(&events);
    events.sort_by_key(|event| event["data"]["sequence"].as_u64().unwrap());
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(names[..2], ["customer.created", "checkout.created"]);
    for name in [
        "checkout.completed",
        "subscription.activated",
        "invoice.settled",
    ] {
        assert_eq!(
            names.iter().filter(|held| **held == name).count(),
            1,
            "{names:?}"
        );
    }
    // The journal says the same under the same ids, which within a millisecond are in no order.
    let journal = site
        .get_as(KEY, &format!("/v1/customers/{customer}/journal?limit=100"))
        .await;
    let journal = journal.is(StatusCode::OK).json();
    let pair = |id: &Value, name: &Value| (id.to_string(), name.to_string());
    let kept = journal["data"].as_array().unwrap().iter();
    let kept: BTreeSet<_> = kept.map(|row| pair(&row["id"], &row["event"])).collect();
    let sent = events.iter();
    let sent: BTreeSet<_> = sent
        .map(|row| pair(&row["data"]["id"], &row["type"]))
        .collect();
    assert_eq!(sent, kept);
    assert!(
        events
            .iter()
            .all(|event| event["data"]["customer"] == customer.as_str())
    );
    let mut places: Vec<_> = events
        .iter()
        .map(|event| event["data"]["sequence"].as_u64())
        .collect();
    places.dedup();
    assert_eq!(places.len(), events.len(), "no two have the same place");
}

async fn x_12_a_receiver_that_is_down_holds_up_nobody(kind: StoreKind) {
    let site = site(kind).await;
    let (down, up) = (Listener::at(&site).await, Listener::at(&site).await);
    down.receiver
        .next([Reply::Reset, Reply::status(503), Reply::status(302)]);
    buys(&site, "ana").await;
    sends(&site).await;
    let all = up.events().len();
    assert!(all > 3);
    while down.events().len() < all + 3 {
        site.rig.clock.advance(SignedDuration::from_mins(1));
        sends(&site).await;
    }
    assert_eq!(up.events().len(), all, "told once");
    let mut ids: Vec<_> = down
        .receiver
        .got()
        .iter()
        .map(|got| got.header("webhook-id").to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "the same ids again");
}

async fn x_12_what_was_given_up_is_sent_again(kind: StoreKind) {
    let site = site(kind).await;
    let listener = Listener::at(&site).await;
    listener.receiver.always(Reply::status(500));
    let customer = json!({ "external_ref": "ana" });
    site.operate("/v1/customers", &customer)
        .await
        .is(StatusCode::CREATED);
    site.rig.settle().await;
    while sends(&site).await > 0 {
        let waits = site.get_as(KEY, "/v1/deliveries").await.json();
        if let Some(at) = waits["data"][0]["next_attempt_at"].as_str() {
            site.rig.clock.set(at.parse().unwrap());
        }
    }
    let dead = site.get_as(KEY, "/v1/deliveries?status=dead").await;
    let dead = dead.is(StatusCode::OK).json();
    let id = dead["data"][0]["id"].as_str().unwrap();
    listener.receiver.always(Reply::status(200));
    let retry = format!("/v1/deliveries/{id}/retry");
    site.operate(&retry, &json!({})).await.is(StatusCode::OK);
    assert_eq!(sends(&site).await, 1);
    let got = listener.receiver.got();
    assert_eq!(got.len(), 12);
    assert!(got.iter().all(|got| got.header("webhook-id") == id));
    let dead = site.get_as(KEY, "/v1/deliveries?status=dead").await;
    assert_eq!(dead.json()["data"], json!([]));
}

async fn x_12_a_rotated_secret_is_believed_beside_the_old_one(kind: StoreKind) {
    let site = site(kind).await;
    let listener = Listener::at(&site).await;
    let rotate = format!("{ENDPOINTS}/{}/rotate-secret", listener.id);
    let rotated = site.operate(&rotate, &json!({})).await;
    let rotated = rotated.is(StatusCode::CREATED).json();
    let new = rotated["secret"].as_str().unwrap();
    for (who, old_fits) in [("ana", true), ("ben", false)] {
        let so_far = listener.receiver.got().len();
        let customer = json!({ "external_ref": who });
        site.operate("/v1/customers", &customer)
            .await
            .is(StatusCode::CREATED);
        site.rig.settle().await;
        assert_eq!(sends(&site).await, 1);
        let got = listener.receiver.got();
        assert!(is_genuine(&got[so_far], new));
        assert_eq!(is_genuine(&got[so_far], &listener.secret), old_fits);
        site.rig.clock.advance(SignedDuration::from_hours(24));
    }
}

async fn x_12_what_a_process_left_another_sends_under_the_same_id(kind: StoreKind) {
    let site = site(kind).await;
    let listener = Listener::at(&site).await;
    listener.receiver.next([Reply::Hang]);
    let customer = json!({ "external_ref": "ana" });
    site.operate("/v1/customers", &customer)
        .await
        .is(StatusCode::CREATED);
    site.rig.settle().await;
    // It dies after it has sent, and before it knows what came of it.
    let dies = site.events.clone();
    let dies = tokio::spawn(async move { dies.send_due().await });
    let arrived = listener.receiver.wait_for(1);
    tokio::time::timeout(AT_ONCE, arrived).await.unwrap();
    dies.abort();
    assert!(dies.await.unwrap_err().is_cancelled());
    let other = Sender::new(
        Arc::clone(&site.rig.store),
        Arc::new(site.rig.clock.clone()),
        Arc::new(SeededIds::new(4)),
        Reaching::Anywhere,
    )
    .unwrap();
    assert_eq!(other.send_due().await, Ok(0), "the claim stands");
    let later = site.rig.clock.now() + SignedDuration::from_mins(2);
    site.rig.clock.set(later);
    assert_eq!(other.send_due().await, Ok(1));
    let got = listener.receiver.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(got[0].body, got[1].body);
}

async fn x_12_what_happens_is_sent_at_once(kind: StoreKind) {
    let site = site(kind).await;
    let listener = Listener::at(&site).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runs = site.events.clone();
    let runs = tokio::spawn(async move { runs.run(async { drop(stopped.await) }).await });
    buys(&site, "ana").await;
    // The clock of this test stands still: nothing but being told has woken it.
    let got = tokio::time::timeout(AT_ONCE, listener.receiver.wait_for(4)).await;
    for got in got.unwrap() {
        verified(&got, &listener.secret);
    }
    drop(stop);
    tokio::time::timeout(AT_ONCE, runs).await.unwrap().unwrap();
}
