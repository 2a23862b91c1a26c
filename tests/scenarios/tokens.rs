//! Quotes that are handed out: whoever holds the token accepts that quote, and
//! nothing else.

use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::books::{Books, differing};
use super::harbor::{
    Held, MIDDLE, PAGES, bought, ends_well, harbor, listed, over, pays, text, until, usd,
};
use super::on_both_stores;
use crate::rig::{Seen, Site, StoreKind};

on_both_stores! {
    /// K-05: a token accepts exactly its quote, without any other credential, once.
    k_05_a_token_accepts_exactly_its_quote;
    /// K-05: a token that was altered is nobody's, wherever it was altered.
    k_05_an_altered_token_is_refused;
    /// K-05: a token ends with its quote.
    k_05_an_expired_token_is_gone;
    /// K-05: what a token was priced from has to stand still.
    k_05_a_token_of_what_is_over_is_refused;
}

async fn accepts(site: &Site, token: &str) -> Seen {
    let body = json!({ "token": token });
    site.post_as("", "/v1/quotes/accept", &body).await
}

/// A quote of a session.
async fn quote(site: &Site, held: &Held, wanted: Value) -> Value {
    let session = site.session(&held.customer).await;
    let path = format!("/v1/me/subscriptions/{}/quotes", held.subscription);
    let quote = site.post_as(&session, &path, &wanted).await;
    quote.is(StatusCode::CREATED).json()
}

async fn k_05_a_token_accepts_exactly_its_quote(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let other = quote(&site, &held, json!({ "price": "bridge-yearly" })).await;
    let meant = quote(&site, &held, json!({ "plan": "bridge" })).await;
    let token = text(&meant["token"]);
    let wish = json!({ "token": token, "owed_now": 1 });
    let refused = site.post_as("", "/v1/quotes/accept", &wish).await;
    refused.refused(StatusCode::BAD_REQUEST, "invalid_request");
    // Ten minutes later the share is another, and the quote is not.
    site.rig.clock.advance(SignedDuration::from_mins(10));

    let change = accepts(&site, &token).await.is(StatusCode::OK).json();
    assert_eq!(change["quote"], meant["id"]);
    for (said, quoted) in [("owed", "owed_now"), ("lines", "lines"), ("plan", "plan")] {
        assert_eq!(change[said], meant[quoted], "{said}");
    }
    assert_eq!(change["owed"], usd(2_500));
    let again = accepts(&site, &token).await.is(StatusCode::OK).json();
    assert_eq!(again, change);
    pays(&site, &text(&change["checkout_url"])).await;
    assert_eq!(
        held.invoices(&site).await[1]["payments"][0]["amount"],
        usd(2_500)
    );
    assert_eq!(held.stands(&site).await["price"], "bridge-monthly");
    let stale = accepts(&site, &text(&other["token"])).await;
    stale.refused(StatusCode::CONFLICT, "quote_stale");
    let late = accepts(&site, &token).await.is(StatusCode::OK).json();
    assert_eq!(
        (&late["id"], &late["status"]),
        (&change["id"], &json!("applied"))
    );
    assert_eq!(listed(&site, "/v1/changes").await.len(), 1);
    ends_well(&site).await;
}

async fn k_05_an_altered_token_is_refused(kind: StoreKind) {
    let books = Books::fresh(kind).await;
    let site = over(std::sync::Arc::clone(&books.store), PAGES, None).await;
    let (one, two) = (
        bought(&site, "deck-monthly").await,
        bought(&site, "deck-monthly").await,
    );
    let quotes = (
        quote(&site, &one, json!({ "plan": "bridge" })).await,
        quote(&site, &two, json!({ "plan": "bridge" })).await,
    );
    let (token, foreign) = (text(&quotes.0["token"]), text(&quotes.1["token"]));
    let before = books.dump().await;
    let mut wrong: Vec<String> = (0..token.len())
        .map(|place| {
            let mut altered = token.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            String::from_utf8(altered).unwrap()
        })
        .collect();
    // The id of one with the signature of the other.
    let (id, signature) = (&token[..35], &foreign[35..]);
    wrong.push(format!("{id}{signature}"));
    wrong.extend([
        token.to_uppercase(),
        token[1..].to_owned(),
        format!("{token}0"),
    ]);
    wrong.extend([text(&quotes.0["id"]), "x".to_owned(), "bq_".to_owned()]);
    let mut bodies = Vec::new();
    for altered in wrong {
        let seen = accepts(&site, &altered).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        let mut body = seen.json();
        body["instance"] = Value::Null;
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one answer for all causes: {bodies:?}");
    // With a session, a token of another quote is none either.
    let session = site.session(&one.customer).await;
    let before_session = books.dump().await;
    let path = format!("/v1/me/quotes/{}/accept", text(&quotes.0["id"]));
    let seen = site
        .post_as(&session, &path, &json!({ "token": foreign }))
        .await;
    seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    assert_eq!(differing(&before_session, &books.dump().await), []);
    // The operator who made the session is on record.
    let made = [("acts".to_owned(), 1), ("sessions".to_owned(), 1)];
    assert_eq!(differing(&before, &before_session), made);
    accepts(&site, &token).await.is(StatusCode::OK);
    ends_well(&site).await;
}

async fn k_05_an_expired_token_is_gone(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let first = quote(&site, &held, json!({ "plan": "bridge" })).await;
    assert_eq!(first["expires_at"], "2026-03-17T00:15:00.000001Z");
    let end = "2026-03-17T00:15:00.000001Z".parse().unwrap();
    site.rig.clock.set(end);
    let gone = accepts(&site, &text(&first["token"])).await;
    gone.refused(StatusCode::GONE, "quote_expired");
    assert_eq!(listed(&site, "/v1/changes").await, [] as [Value; 0]);
    // A microsecond before its end it is still good.
    let next = quote(&site, &held, json!({ "plan": "bridge" })).await;
    let end = "2026-03-17T00:30:00Z".parse().unwrap();
    site.rig.clock.set(end);
    accepts(&site, &text(&next["token"]))
        .await
        .is(StatusCode::OK);
    ends_well(&site).await;
}

async fn k_05_a_token_of_what_is_over_is_refused(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let held = bought(&site, "deck-monthly").await;
    until(&site, MIDDLE).await;
    let meant = quote(&site, &held, json!({ "plan": "bridge" })).await;
    let path = format!("/v1/subscriptions/{}/cancel", held.subscription);
    let ended = site.operate(&path, &json!({ "when": "now" })).await;
    ended.is(StatusCode::OK);
    let refused = accepts(&site, &text(&meant["token"])).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert_eq!(listed(&site, "/v1/changes").await, [] as [Value; 0]);
    assert_eq!(held.stands(&site).await["status"], "canceled");
    let key = held
        .asks(&site, "/v1/upgrade", &json!({ "plan": "bridge" }))
        .await;
    assert!(key.status.is_client_error(), "{}", key.text);
    assert!(site.rig.sandbox.books().invoices.is_empty());
    ends_well(&site).await;
}
