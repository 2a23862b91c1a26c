//! The portal as a customer's browser shows it, over the course of an agreement.

use billing::sandbox::TestCard;
use billing_catalog::sample_catalog;
use poem::http::StatusCode;
use serde_json::json;

use super::{CARDS, on_both_stores};
use crate::rig::{Seen, Site, StoreKind};

on_both_stores! {
    /// W-10: each status in a word and in its color, with what recurs and what ends when.
    w_10_how_it_stands_in_words_and_colors;
    /// W-10: a cancellation, as it comes and as it came.
    w_10_what_is_canceled_says_until_when;
}

const START: &str = "2026-01-10T09:00:00Z";

async fn site(kind: StoreKind) -> Site {
    let catalog = sample_catalog().unwrap();
    Site::new(kind, CARDS, &catalog, START.parse().unwrap()).await
}

/// A new customer who pays for `price` with this card; gives its id.
async fn buys(site: &Site, who: &str, price: &str, card: TestCard) -> String {
    let customer = json!({ "external_ref": who });
    let customer = site.operate("/v1/customers", &customer).await;
    let customer = customer.is(StatusCode::CREATED).json();
    let bought = json!({ "customer": customer["id"], "price": price });
    let bought = site.operate("/v1/checkouts", &bought).await;
    let bought = bought.is(StatusCode::CREATED).json();
    let reference = bought["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let paying = site.rig.sandbox.pay(reference, card, None);
    paying.await.unwrap();
    site.rig.settle().await;
    customer["id"].as_str().unwrap().to_owned()
}

/// The portal as this customer sees it, with a session of its own.
async fn sees(site: &Site, customer: &str) -> Seen {
    let session = site.session(customer).await;
    let seen = site.get_in(&session, "/portal").await;
    seen.is(StatusCode::OK)
}

#[track_caller]
fn says(seen: &Seen, all: &[&str]) {
    for words in all {
        assert!(seen.text.contains(words), "no {words:?}: {}", seen.text);
    }
}

/// A status in a word, and in the color that stands for it.
fn badge(class: &str, word: &str) -> String {
    format!("<span class=\"badge {class}\">{word}</span>")
}

async fn w_10_how_it_stands_in_words_and_colors(kind: StoreKind) {
    let site = site(kind).await;
    let ana = buys(&site, "ana", "personal-monthly", TestCard::Pays).await;
    let ben = buys(&site, "ben", "personal-monthly", TestCard::PaysOnce).await;
    let cem = buys(&site, "cem", "lifetime-once", TestCard::Pays).await;
    let tia = buys(&site, "tia", "team-monthly", TestCard::Pays).await;

    let seen = sees(&site, &ana).await;
    says(&seen, &["Personal", "Recurring", "$5 per month"]);
    says(
        &seen,
        &[&badge("good", "Active"), "Renews", "10 February 2026"],
    );
    let seen = sees(&site, &cem).await;
    says(&seen, &["Lifetime", "One-time", "$99 once", "Never"]);
    says(&seen, &[&badge("good", "Active")]);
    let seen = sees(&site, &tia).await;
    says(&seen, &["Team", &badge("trial", "Trial"), "Recurring"]);
    says(&seen, &["Free until", "24 January 2026"]);

    site.rig
        .run_until("2026-02-10T10:00:00Z".parse().unwrap())
        .await;
    let seen = sees(&site, &ben).await;
    says(&seen, &["Personal", &badge("due", "Past due"), "Recurring"]);
    says(&seen, &["Owed since", "10 February 2026", "To be paid"]);
    site.rig
        .run_until("2026-03-20T10:00:00Z".parse().unwrap())
        .await;
    let seen = sees(&site, &ben).await;
    says(&seen, &[&badge("over", "Lapsed"), "Ended"]);
    // What is paid goes on as it was.
    let seen = sees(&site, &ana).await;
    says(&seen, &[&badge("good", "Active"), "10 April 2026"]);
    let seen = sees(&site, &tia).await;
    says(&seen, &[&badge("good", "Active"), "Renews"]);

    // Somebody who has none of it.
    let nobody = site.get("/portal").await.is(StatusCode::SEE_OTHER);
    assert_eq!(nobody.header("location"), "/portal/sign-in");
    site.rig.assert_nothing_left().await;
    site.rig.assert_sound().await;
}

async fn w_10_what_is_canceled_says_until_when(kind: StoreKind) {
    let site = site(kind).await;
    let ana = buys(&site, "ana", "personal-monthly", TestCard::Pays).await;
    let session = site.session(&ana).await;
    let home = site.get_in(&session, "/portal").await.is(StatusCode::OK);
    let (_, id) = home.text.split_once("/portal/subscriptions/").unwrap();
    let id = id.split('"').next().unwrap();
    let token = home.field("form_token");

    // Quoted, accepted, and shown; without the page's token nothing is done.
    let quotes = format!("/portal/subscriptions/{id}/quotes");
    let cancel = [("form_token", token.as_str()), ("step", "cancel")];
    let forged = site.submit_in(&session, &quotes, &cancel[1..]).await;
    forged.is(StatusCode::FORBIDDEN);
    let told = site.submit_in(&session, &quotes, &cancel).await;
    let told = told.is(StatusCode::SEE_OTHER);
    let at = told.header("location").to_owned();
    let shown = site.get_in(&session, &at).await.is(StatusCode::OK);
    says(&shown, &["Cancel ", "10 February 2026"]);
    let accept = format!("{at}/accept");
    let done = site.submit_in(&session, &accept, &cancel[..1]).await;
    let done = done.is(StatusCode::SEE_OTHER);
    let done = site.get_in(&session, done.header("location")).await;
    says(&done.is(StatusCode::OK), &["Done"]);
    site.rig.settle().await;
    let seen = sees(&site, &ana).await;
    says(
        &seen,
        &[&badge("good", "Active"), "Ends", "10 February 2026"],
    );

    site.rig
        .run_until("2026-02-10T10:00:00Z".parse().unwrap())
        .await;
    let seen = sees(&site, &ana).await;
    says(
        &seen,
        &[&badge("over", "Canceled"), "Ended", "10 February 2026"],
    );
    says(&seen, &["You have <strong><bdi>Free</bdi></strong>"]);
    site.rig.assert_nothing_left().await;
    site.rig.assert_sound().await;
}
