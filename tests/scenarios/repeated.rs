//! The same event again and again, at once.

use std::sync::Mutex;

use billing::sandbox::FnSink;
use billing_catalog::sample_catalog;
use billing_ports::{Clock, WebhookRequest};
use futures_util::future::join_all;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, Site, StoreKind};

on_both_stores! {
    /// once, twice or twenty times at once, with workers at it: the same rows.
    x_01_twenty_at_once_are_one;
}

async fn x_01_twenty_at_once_are_one(kind: StoreKind) {
    let once = left_by(kind, 1).await;
    assert_eq!(once["subscriptions"].as_array().unwrap().len(), 1, "{once}");
    for times in [2, 20] {
        assert_eq!(left_by(kind, times).await, once, "{times} times");
    }
}

/// What is left when each webhook of a sale is posted `times` times at once
/// while two workers work.
async fn left_by(kind: StoreKind, times: usize) -> Value {
    let start = "2026-01-10T09:00:00Z".parse().unwrap();
    let site = Site::new(kind, CARDS, &sample_catalog().unwrap(), start).await;
    let of = site.paid_by("ana", "personal-monthly").await;
    for webhook in sent(&site).await {
        let posts = (0..times).map(|_| site.deliver("sandbox", &webhook));
        let works = (0..2).map(|_| site.rig.billing.work_until_idle());
        let (answers, worked) = futures_util::join!(join_all(posts), join_all(works));
        for answer in answers {
            answer.is(StatusCode::OK);
        }
        for work in worked {
            work.unwrap();
        }
    }
    site.rig.settle().await;
    assert_eq!(site.rig.parked().await, []);
    site.rig.assert_sound().await;

    let subscriptions = format!("/v1/subscriptions?customer={of}&limit=100");
    let invoices = format!("/v1/invoices?customer={of}&limit=100");
    let journal = format!("/v1/customers/{of}/journal?limit=100");
    let mut told: Vec<String> = site
        .rig
        .notifier
        .events()
        .iter()
        .map(|event| event.as_str().to_owned())
        .collect();
    // Notices are told in no promised order, and at one instant neither is the journal.
    told.sort();
    let mut happened = rows(&site, &journal, &["event"]).await;
    happened.sort_by_key(Value::to_string);
    json!({
        "subscriptions": rows(&site, &subscriptions, &["plan", "status", "paid_through"]).await,
        "invoices": rows(&site, &invoices, &["purpose", "cycle", "status", "amount"]).await,
        "journal": happened,
        "told": told,
    })
}

/// The webhooks that the sandbox sends now.
async fn sent(site: &Site) -> Vec<WebhookRequest> {
    let sent = Mutex::new(Vec::new());
    let sink = FnSink(|webhook| {
        sent.lock().unwrap().push(webhook);
        async { Ok(200) }
    });
    site.rig
        .sandbox
        .pump(site.rig.clock.now(), &sink)
        .await
        .unwrap();
    let sent = sent.into_inner().unwrap();
    assert!(!sent.is_empty());
    sent
}

/// These fields of every row of a list.
async fn rows(site: &Site, url: &str, fields: &[&str]) -> Vec<Value> {
    let list = site.get_as(KEY, url).await.is(StatusCode::OK).json();
    let rows = list["data"].as_array().unwrap();
    rows.iter()
        .map(|row| fields.iter().map(|field| row[*field].clone()).collect())
        .collect()
}
