//! Pausing and resuming what the engine runs: quoted, done as quoted, and repeated.

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::{Books, differing};
use super::harbor::{Held, MIDDLE, PAGES, bought, ends_well, over, text, until, usd};
use super::on_both_stores;
use crate::rig::{KEY, Seen, Site, StoreKind};

on_both_stores! {
    /// H-11: a quote writes nothing but itself; a pause and a resumption come as quoted.
    h_11_pause_and_resume_as_quoted;
    /// H-11: nobody pauses what is another's, and an operator may.
    h_11_only_ones_own_is_paused;
}

async fn asks(site: &Site, held: &Held, path: &str, body: Value) -> Seen {
    let session = site.session(&held.customer).await;
    let url = format!("/v1/me/subscriptions/{}/{path}", held.subscription);
    site.post_as(&session, &url, &body).await
}

async fn quoted(site: &Site, held: &Held, step: &str) -> Value {
    let quote = asks(site, held, "quotes", json!({ step: true })).await;
    let quote = quote.is(StatusCode::CREATED).json();
    assert_eq!(
        (&quote["kind"], &quote["kinds"]),
        (&json!(step), &json!([]))
    );
    quote
}

async fn accepted(site: &Site, held: &Held, quote: &Value) -> Value {
    let session = site.session(&held.customer).await;
    let url = format!("/v1/me/quotes/{}/accept", text(&quote["id"]));
    let accepted = site.post_as(&session, &url, &json!({})).await;
    accepted.is(StatusCode::OK).json()
}

async fn h_11_pause_and_resume_as_quoted(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    quoted(&site, &held, "pause").await;
    site.session(&held.customer).await;
    for step in ["cancel", "pause"] {
        let session = site.session(&held.customer).await;
        let url = format!("/v1/me/subscriptions/{}/quotes", held.subscription);
        let before = books.dump().await;
        let quote = site.post_as(&session, &url, &json!({ step: true })).await;
        quote.is(StatusCode::CREATED);
        let after = books.dump().await;
        assert_eq!(differing(&before, &after), [("quotes".to_owned(), 1)]);
    }
    let pause = quoted(&site, &held, "pause").await;
    assert_eq!(
        (&pause["owed_now"], &pause["next_charge"]),
        (&usd(0), &Value::Null)
    );
    let change = accepted(&site, &held, &pause).await;
    assert_eq!(change["status"], "applied");
    assert_eq!(accepted(&site, &held, &pause).await["id"], change["id"]);
    assert_eq!(held.stands(&site).await["status"], "paused");
    let again = asks(&site, &held, "quotes", json!({ "pause": true })).await;
    again.refused(StatusCode::UNPROCESSABLE_ENTITY, "nothing_changes");
    let again = asks(&site, &held, "pause", json!({})).await;
    assert_eq!(again.is(StatusCode::OK).json()["already"], true);

    // What is left comes back, and the next charge is at its end.
    until(&site, "2026-06-01T00:00:00Z").await;
    let resume = quoted(&site, &held, "resume").await;
    assert_eq!(resume["owed_now"], usd(0));
    assert_eq!(resume["next_charge"]["amount"], usd(2500));
    let change = accepted(&site, &held, &resume).await;
    assert_eq!(
        (&change["status"], &change["kind"]),
        (&json!("applied"), &json!("resume"))
    );
    let stands = held.stands(&site).await;
    assert_eq!(stands["status"], "active");
    assert_eq!(stands["paid_through"], resume["next_charge"]["at"]);
    ends_well(&site).await;
}

async fn h_11_only_ones_own_is_paused(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let held = bought(&site, "deck-monthly").await;
    let other = bought(&site, "deck-monthly").await;
    let session = site.session(&other.customer).await;
    for (path, body) in [
        ("pause", json!({})),
        ("resume", json!({})),
        ("quotes", json!({ "pause": true })),
        ("quotes", json!({ "resume": true })),
        ("quotes", json!({ "cancel": true })),
    ] {
        let nobodys = "sub_00000000000000000000000000";
        let of = async |id: &str| {
            let url = format!("/v1/me/subscriptions/{id}/{path}");
            site.post_as(&session, &url, &body).await
        };
        let (theirs, none) = (of(&held.subscription).await, of(nobodys).await);
        theirs.refused(StatusCode::NOT_FOUND, "not_found");
        none.refused(StatusCode::NOT_FOUND, "not_found");
    }
    for body in [
        json!({ "pause": true, "resume": true }),
        json!({ "pause": false }),
        json!({ "cancel": true, "plan": "bridge" }),
    ] {
        let refused = asks(&site, &held, "quotes", body).await;
        refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    }
    for (path, status) in [("pause", "paused"), ("resume", "active")] {
        let url = format!("/v1/subscriptions/{}/{path}", held.subscription);
        for already in [false, true] {
            let seen = site.post_as(KEY, &url, &json!({})).await;
            let seen = seen.is(StatusCode::OK).json();
            assert_eq!(
                (&seen["ok"], &seen["already"]),
                (&json!(true), &json!(already))
            );
        }
        assert_eq!(held.stands(&site).await["status"], status);
    }
    ends_well(&site).await;
}
