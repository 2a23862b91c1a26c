//! A guest's purchase: it belongs to whoever reads the mailbox that was given at
//! the provider's page, and to nobody before the mailed link was opened.

use billing::sandbox::TestCard;
use billing_domain::time::shifted;
use billing_ports::{Clock, Mail};
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{END, MIDDLE, exchanged, harbor, read, text, until};
use super::{CARDS, on_both_stores};
use crate::rig::{KEY, PUBLIC, Seen, Site, StoreKind};

on_both_stores! {
    /// W-04: a typed address gives nobody anything; the mailed link makes the guest an account.
    w_04_a_guest_confirms_by_mail_and_has_an_account;
    /// W-04: who has an account finds the purchase there, and acts on it; nothing is doubled.
    w_04_an_account_is_attached_and_not_duplicated;
}

const SESSIONS: &str = "/v1/billing-sessions";

/// A guest who bought `deck`, and gave this address at the page.
struct Guest {
    secret: String,
}

async fn buys(site: &Site, email: &str) -> Guest {
    let wanted = json!({ "price": "deck-monthly" });
    let opened = site.post_as("", "/v1/checkouts", &wanted).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let page = text(&opened["url"]);
    let reference = page.rsplit('/').next().unwrap();
    let paying = site.rig.sandbox.pay(reference, TestCard::Pays, Some(email));
    paying.await.unwrap();
    site.rig.settle().await;
    let secret = text(&opened["checkout_secret"]);
    Guest { secret }
}

/// The link in a mail.
fn link(mail: &Mail) -> String {
    let (before, rest) = mail.text.split_once("?link=").expect("a link");
    assert!(before.ends_with(&format!("{PUBLIC}/session")), "{before}");
    rest.lines().next().unwrap().to_owned()
}

async fn open(site: &Site, link: &str) -> Seen {
    let body = json!({ "link": link });
    site.post_as("", "/v1/billing-sessions/open", &body).await
}

/// Opens a link; gives the session's token and customer.
async fn opened(site: &Site, link: &str) -> (String, String) {
    let opened = open(site, link).await.is(StatusCode::CREATED).json();
    (text(&opened["token"]), text(&opened["customer"]))
}

async fn me(site: &Site, token: &str) -> Value {
    site.get_as(token, "/v1/me").await.is(StatusCode::OK).json()
}

async fn customers(site: &Site) -> usize {
    let all = site.get_as(KEY, "/v1/customers").await;
    all.is(StatusCode::OK).json()["data"]
        .as_array()
        .unwrap()
        .len()
}

async fn w_04_a_guest_confirms_by_mail_and_has_an_account(kind: StoreKind) {
    let site = harbor(kind, CARDS).await;
    let guest = buys(&site, "Ana@buyers.test").await;
    let mail = site.mail().await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].to, "Ana@buyers.test");
    // The buyer at the page has what was bought by the checkout's secret, at once.
    let license = exchanged(&site, &guest.secret).await;

    let (token, customer) = opened(&site, &link(&mail[0])).await;
    let twice = open(&site, &link(&mail[0])).await;
    twice.refused(StatusCode::NOT_FOUND, "session_expired");
    let shown = me(&site, &token).await;
    assert_eq!(shown["customer"]["email"], "Ana@buyers.test");
    assert_eq!(shown["customer"]["claim"]["state"], "confirmed");
    assert_eq!(shown["access"]["plan"], "deck");
    assert_eq!(shown["licenses"][0]["id"], license["id"]);

    // From now on the address alone is enough to get in, by mail.
    let asked = json!({ "email": "ana@buyers.test" });
    let seen = site.post_as("", SESSIONS, &asked).await;
    assert_eq!(seen.is(StatusCode::NO_CONTENT).text, "");
    let mail = site.mail().await;
    assert_eq!(mail.len(), 2);
    assert_eq!(mail[1].to, "Ana@buyers.test");
    assert_eq!(opened(&site, &link(&mail[1])).await.1, customer);
    assert_eq!(customers(&site).await, 1);
    exchanged(&site, &guest.secret).await;
    site.rig.settle().await;
    site.rig.assert_nothing_left().await;
    site.rig.assert_sound().await;
}

async fn w_04_an_account_is_attached_and_not_duplicated(kind: StoreKind) {
    let site = harbor(kind, CARDS).await;
    let ana = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let ana = site.operate("/v1/customers", &ana).await;
    let ana = text(&ana.is(StatusCode::CREATED).json()["id"]);
    let token = site.session(&ana).await;
    let guest = buys(&site, "ANA@buyers.test").await;

    // Whoever typed the address is not in the account, and the account holds nothing.
    let shown = me(&site, &token).await;
    assert_eq!(shown["subscriptions"], json!([]));
    assert_eq!(shown["customer"]["attached"], json!([]));
    let license = exchanged(&site, &guest.secret).await;
    let row = read(&site, &format!("/v1/licenses/{}", text(&license["id"]))).await;
    let subscription = text(&row["subscription"]);
    let path = |what: &str| format!("/v1/me/subscriptions/{subscription}/{what}");
    let early = site.post_as(&token, &path("cancel"), &json!({})).await;
    early.refused(StatusCode::NOT_FOUND, "not_found");

    let mail = site.mail().await;
    assert_eq!(mail.len(), 1);
    let week = SignedDuration::from_hours(7 * 24);
    site.rig.clock.set(shifted(site.rig.clock.now(), week));
    let late = open(&site, &link(&mail[0])).await;
    late.refused(StatusCode::NOT_FOUND, "session_expired");
    // Whoever is late asks again: a link to the account, and one for the claim.
    let asked = json!({ "email": "ana@buyers.test" });
    let seen = site.post_as("", SESSIONS, &asked).await;
    assert_eq!(seen.is(StatusCode::NO_CONTENT).text, "");
    let mail = site.mail().await;
    let to: Vec<_> = mail.iter().skip(1).map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["ana@buyers.test", "ANA@buyers.test"]);
    let (token, customer) = opened(&site, &link(&mail[2])).await;
    assert_eq!(customer, ana, "the account's session, not the guest's");
    assert_eq!(customers(&site).await, 2, "the host's, and the guest");

    let shown = me(&site, &token).await;
    assert_eq!(shown["customer"]["external_ref"], "ana");
    assert_eq!(shown["customer"]["attached"], json!([row["customer"]]));
    assert_eq!(shown["access"]["plan"], "deck");
    assert_eq!(shown["subscriptions"][0]["id"], subscription);
    assert_eq!(shown["licenses"][0]["id"], license["id"]);
    let held = read(&site, "/v1/customers/ana/entitlements").await;
    assert_eq!(held["access"]["plan"], "deck");
    let given = site
        .post_as(&token, "/v1/licenses/exchange", &json!({}))
        .await;
    assert_eq!(
        given.is(StatusCode::OK).json()["license"]["id"],
        license["id"]
    );
    exchanged(&site, &guest.secret).await;

    // The account changes, and ends, what the guest bought.
    until(&site, MIDDLE).await;
    let wish = json!({ "plan": "bridge" });
    let token = site.session(&ana).await;
    let quote = site.post_as(&token, &path("quotes"), &wish).await;
    let quote = quote.is(StatusCode::CREATED).json();
    let accept = format!("/v1/me/quotes/{}/accept", text(&quote["id"]));
    let change = site.post_as(&token, &accept, &json!({})).await;
    let change = change.is(StatusCode::OK).json();
    site.rig.settle().await;
    let mine = site.get_as(&token, "/v1/me/changes").await;
    assert_eq!(
        mine.is(StatusCode::OK).json()["data"][0]["id"],
        change["id"]
    );
    assert_eq!(me(&site, &token).await["access"]["plan"], "bridge");
    // A stranger's session does none of it.
    site.operate("/v1/customers", &json!({ "external_ref": "eve" }))
        .await
        .is(StatusCode::CREATED);
    let eve = site.session("eve").await;
    let strange = site.post_as(&eve, &path("cancel"), &json!({})).await;
    strange.refused(StatusCode::NOT_FOUND, "not_found");
    let canceled = site.post_as(&token, &path("cancel"), &json!({})).await;
    canceled.is(StatusCode::OK);
    until(&site, END).await;
    let token = site.session(&ana).await;
    assert_eq!(me(&site, &token).await["access"]["plan"], Value::Null);
    site.rig.assert_nothing_left().await;
    site.rig.assert_sound().await;
}
