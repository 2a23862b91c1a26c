//! A billing session by mail: whoever asks is told the same, whoever reads the
//! mailbox gets in, once.

use billing_catalog::sample_catalog;
use billing_domain::time::shifted;
use billing_ports::{Clock, Mail};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::{CARDS, on_both_stores};
use crate::rig::{KEY, PUBLIC, Seen, Site, StoreKind};

on_both_stores! {
    /// H-01: 204 whoever asks, and a link to the address on file that opens once.
    h_01_a_link_is_mailed_and_opens_once;
    /// H-01: who is new becomes a customer by opening the link, and not before.
    h_01_who_is_new_begins_by_opening_the_link;
}

const SESSIONS: &str = "/v1/billing-sessions";

async fn site(kind: StoreKind) -> Site {
    let start = "2026-01-10T09:00:00Z".parse().unwrap();
    Site::new(kind, CARDS, &sample_catalog().unwrap(), start).await
}

/// Asks for a link as nobody in particular.
async fn asks(site: &Site, body: Value) {
    let seen = site.post_as("", SESSIONS, &body).await;
    let seen = seen.is(StatusCode::NO_CONTENT);
    assert_eq!(seen.text, "", "{body}");
}

/// The link in a mail.
fn link(mail: &Mail) -> String {
    let (before, rest) = mail.text.split_once("?link=").expect("a link");
    assert!(before.ends_with(&format!("{PUBLIC}/account")), "{before}");
    rest.lines().next().unwrap().to_owned()
}

async fn open(site: &Site, link: &str) -> Seen {
    let body = json!({ "link": link });
    site.post_as("", "/v1/billing-sessions/open", &body).await
}

/// Who is at the other end of a session.
async fn whoami(site: &Site, opened: &Value) -> Value {
    let token = opened["token"].as_str().unwrap();
    let me = site.get_as(token, "/v1/me").await.is(StatusCode::OK);
    me.json()["customer"].take()
}

async fn h_01_a_link_is_mailed_and_opens_once(kind: StoreKind) {
    let site = site(kind).await;
    let ana = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let made = site.operate("/v1/customers", &ana).await;
    let made = made.is(StatusCode::CREATED).json();
    let bare = json!({ "external_ref": "no mail" });
    let bare = site.operate("/v1/customers", &bare).await;
    bare.is(StatusCode::CREATED);
    let account = format!("{PUBLIC}/account");

    asks(&site, json!({ "customer": "nobody" })).await;
    asks(
        &site,
        json!({ "customer": "no mail", "email": "eve@x.test" }),
    )
    .await;
    asks(&site, json!({ "customer": made["id"] })).await;
    assert_eq!(site.mail().await, []);
    for address in ["https://evil.test/account", "//evil.test"] {
        for customer in ["ana", "nobody"] {
            let body = json!({ "customer": customer, "return_url": address });
            let seen = site.post_as("", SESSIONS, &body).await;
            seen.refused(StatusCode::BAD_REQUEST, "invalid_request");
        }
    }
    // Whatever address is given, it is the one on file.
    let asked = json!({ "customer": "ana", "email": "eve@x.test", "return_url": account });
    asks(&site, asked).await;
    let mail = site.mail().await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].to, "ana@buyers.test");

    let opened = open(&site, &link(&mail[0])).await;
    let opened = opened.is(StatusCode::CREATED).json();
    assert_eq!(opened["customer"], made["id"]);
    assert_eq!(whoami(&site, &opened).await["external_ref"], "ana");
    let twice = open(&site, &link(&mail[0])).await;
    twice.refused(StatusCode::NOT_FOUND, "session_expired");

    let asked = json!({ "customer": "ana", "return_url": account });
    asks(&site, asked).await;
    let mail = site.mail().await;
    let later = shifted(site.rig.clock.now(), SignedDuration::from_mins(15));
    site.rig.clock.set(later);
    let late = open(&site, &link(&mail[1])).await;
    late.refused(StatusCode::NOT_FOUND, "session_expired");
}

async fn h_01_who_is_new_begins_by_opening_the_link(kind: StoreKind) {
    let site = site(kind).await;
    let account = format!("{PUBLIC}/account");
    let asked = json!({ "customer": "hub-7", "email": "new@buyers.test", "return_url": account });
    asks(&site, asked.clone()).await;
    asks(&site, asked).await;
    let mail = site.mail().await;
    assert_eq!(mail.len(), 2);
    let customers = async || {
        let seen = site.get_as(KEY, "/v1/customers").await;
        seen.is(StatusCode::OK).json()["data"].take()
    };
    assert_eq!(customers().await, json!([]));

    let opened = open(&site, &link(&mail[0])).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let me = whoami(&site, &opened).await;
    assert_eq!(me["external_ref"], "hub-7");
    assert_eq!(me["email"], "new@buyers.test");
    let twice = open(&site, &link(&mail[0])).await;
    twice.refused(StatusCode::NOT_FOUND, "session_expired");
    let again = open(&site, &link(&mail[1])).await;
    let again = again.is(StatusCode::CREATED).json();
    assert_eq!(again["customer"], opened["customer"]);
    assert_eq!(customers().await.as_array().unwrap().len(), 1);
    site.rig.settle().await;
    site.rig.assert_nothing_left().await;
    site.rig.assert_sound().await;
}
