//! Secrets go where they are needed and nowhere else.

use std::sync::Mutex;

use billing::sandbox::{FnSink, Sandbox, SandboxOptions, TestCard};
use billing_catalog::{SAMPLE, read_plan_file};
use billing_ports::{Clock, WebhookRequest};
use poem::http::StatusCode;
use secrecy::SecretString;
use serde_json::json;

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, SECRET, Site, StoreKind, account, alone, listen, logged};

on_both_stores! {
    /// whatever happens, no secret is in a log, an error or an answer that did not make it.
    x_08_secrets_stay_where_they_belong;
    /// two webhook secrets are valid while one replaces the other; a third is not.
    x_08_two_webhook_secrets_during_rotation;
}

async fn site(kind: StoreKind) -> Site {
    let catalog = read_plan_file("sample.yaml", SAMPLE.as_bytes()).unwrap();
    let start = "2026-01-10T09:00:00Z".parse().unwrap();
    Site::new(kind, CARDS, &catalog, start).await
}

async fn x_08_secrets_stay_where_they_belong(kind: StoreKind) {
    alone(match kind {
        StoreKind::Memory => unreachable!("on both stores that keep their rows"),
        StoreKind::Sqlite => "scenarios::secrets::alone_on_sqlite",
        StoreKind::Postgres => "scenarios::secrets::alone_on_postgres",
    });
}

#[tokio::test]
#[ignore = "started by another test, as a process of its own"]
async fn alone_on_sqlite() {
    secrets_stay_where_they_belong(StoreKind::Sqlite).await;
}

#[tokio::test]
#[ignore = "started by another test, as a process of its own"]
async fn alone_on_postgres() {
    secrets_stay_where_they_belong(StoreKind::Postgres).await;
}

async fn secrets_stay_where_they_belong(kind: StoreKind) {
    listen();
    let site = site(kind).await;
    let made = site
        .operate("/v1/keys", &json!({ "name": "ci", "scope": "read" }))
        .await;
    let key = made.is(StatusCode::CREATED).json()["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    site.operate("/v1/customers", &json!({ "external_ref": "ana" }))
        .await
        .is(StatusCode::CREATED);
    let session = site
        .operate("/v1/billing-sessions", &json!({ "customer": "ana" }))
        .await;
    let session = session.is(StatusCode::CREATED).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let bought = site
        .post_as(
            &session,
            "/v1/checkouts",
            &json!({ "price": "team-monthly" }),
        )
        .await;
    let bought = bought.is(StatusCode::CREATED).json();
    let checkout = bought["checkout_secret"].as_str().unwrap().to_owned();
    let page = bought["url"].as_str().unwrap();
    let reference = page.rsplit('/').next().unwrap();
    site.rig
        .sandbox
        .pay(reference, TestCard::Pays, None)
        .await
        .unwrap();
    site.rig.settle().await;
    site.rig.assert_sound().await;

    // What goes wrong must not tell either.
    let mut answers = Vec::new();
    let garbled = format!("{session}x");
    for who in [key.as_str(), session.as_str(), garbled.as_str(), "bk_wrong"] {
        for path in [
            "/v1/me",
            "/v1/keys",
            "/v1/customers",
            "/v1/subscriptions/sub_wrong",
        ] {
            answers.push(site.get_as(who, path).await.text);
        }
        let body = json!({ "price": checkout, "customer": "ana" });
        answers.push(site.post_as(who, "/v1/checkouts", &body).await.text);
    }
    let forged = site
        .post_as("", "/v1/webhooks/sandbox", &json!({ "type": "paid" }))
        .await;
    assert!(forged.status.is_client_error(), "{forged:?}");
    answers.push(forged.text);
    answers.push(site.get_as(KEY, "/v1/keys").await.is(StatusCode::OK).text);
    answers.push(format!("{:?} {:?}", site.rig.billing, site.rig.sandbox));

    let log = logged();
    assert!(log.contains("/v1/keys"), "the log listens");
    // The checkout's secret stands in the refusal that quotes it; that is the caller's own word.
    for (name, secret) in [
        ("operator key", KEY),
        ("key made", &key),
        ("session", &session),
        ("webhook secret", SECRET),
    ] {
        assert!(!log.contains(secret), "the log tells the {name}");
        let told = answers.iter().find(|text| text.contains(secret));
        assert_eq!(told, None, "an answer tells the {name}");
    }
    assert!(
        !log.contains(&checkout),
        "the log tells the checkout's secret"
    );
}

/// A webhook of a sandbox whose first secret is `secret`, about a checkout of its own.
async fn signed_with(secret: &str, site: &Site) -> WebhookRequest {
    let other = Sandbox::in_memory(SandboxOptions {
        account: account(),
        mode: CARDS,
        public_url: "http://sandbox.test/sandbox".parse().unwrap(),
        webhook_secrets: vec![SecretString::from(secret)],
        clock: std::sync::Arc::new(site.rig.clock.clone()),
        settles: None,
    })
    .unwrap();
    let billing = billing::Billing::builder(
        std::sync::Arc::new(billing_testkit::MemoryStore::new()),
        std::sync::Arc::new(site.rig.clock.clone()),
        std::sync::Arc::new(billing_testkit::SeededIds::new(9)),
    )
    .provider(std::sync::Arc::new(other.clone()))
    .webhooks(std::sync::Arc::new(other.decoder()))
    .build()
    .unwrap();
    let catalog = read_plan_file("sample.yaml", SAMPLE.as_bytes()).unwrap();
    billing.apply_catalog(&catalog).await.unwrap();
    billing.ensure_customer("ana", None).await.unwrap();
    let what = billing::What::Plan("team".parse().unwrap(), None);
    let ask = billing::CheckoutRequest::of("ana", what, "https://app.test");
    let page = billing.checkout(ask).await.unwrap().url.unwrap();
    let reference = page.rsplit('/').next().unwrap();
    other.pay(reference, TestCard::Pays, None).await.unwrap();
    let seen = Mutex::new(None);
    let sink = FnSink(|webhook| {
        seen.lock().unwrap().get_or_insert(webhook);
        async { Ok(200) }
    });
    other.pump(site.rig.clock.now(), &sink).await.unwrap();
    seen.into_inner().unwrap().expect("a webhook was sent")
}

async fn x_08_two_webhook_secrets_during_rotation(kind: StoreKind) {
    let site = site(kind).await;
    for (secret, accepted) in [
        (SECRET, true),
        (crate::rig::OLD_SECRET, true),
        ("a third", false),
    ] {
        let webhook = signed_with(secret, &site).await;
        let received = site.rig.billing.receive(&account(), &webhook).await;
        assert_eq!(received.is_ok(), accepted, "{secret}: {received:?}");
    }
    site.rig.settle().await;
    site.rig.assert_sound().await;
}
