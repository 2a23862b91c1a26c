//! A guest at Stripe's page: the address that is given there is mailed, and nobody
//! is found by it.

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, pays, plan_of, session_of, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// W-04: what a guest bought at Stripe belongs to whoever opens the mailed link.
    w_04_a_guest_of_stripe_s_is_claimed_by_mail;
}

/// A guest who bought `price`, and gave this address at the page.
async fn guest(shop: &Shop, price: &str, email: &str) -> Value {
    let asked = json!({ "price": price });
    let opened = shop.post_as("", "/v1/checkouts", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    shop.fake.give_email(&session_of(&opened), email).unwrap();
    pays(shop, &opened);
    shop.settle().await;
    opened
}

/// Opens the link of the last mail; gives the session's token and customer.
async fn opens(shop: &Shop) -> (String, String) {
    let mail = shop.mail().await;
    let (_, rest) = mail.last().unwrap().text.split_once("?link=").unwrap();
    let asked = json!({ "link": rest.lines().next().unwrap() });
    let opened = shop.post_as("", "/v1/billing-sessions/open", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let text = |field: &str| opened[field].as_str().unwrap().to_owned();
    (text("token"), text("customer"))
}

async fn w_04_a_guest_of_stripe_s_is_claimed_by_mail(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let ana = shop.operate("/v1/customers", &ana).await;
    let ana = ana.is(StatusCode::CREATED).json()["id"].take();
    let ana = ana.as_str().unwrap();

    guest(&shop, "bosun-monthly", "Ana@buyers.test").await;
    assert_eq!(plan_of(&shop, ana).await, "free");
    assert_eq!(shop.mail().await.len(), 1);
    let (token, customer) = opens(&shop).await;
    assert_eq!(customer, ana);
    assert_eq!(plan_of(&shop, ana).await, "bosun");

    // The guest is Stripe's customer, and its portal is the account's now.
    let portal = shop.post_as(&token, "/v1/me/portal", &json!({})).await;
    portal.is(StatusCode::CREATED);
    let held = shop.me(ana).await;
    let id = held["subscriptions"][0]["id"].as_str().unwrap();
    let cancel = format!("/v1/me/subscriptions/{id}/cancel");
    let canceled = shop.post_as(&token, &cancel, &json!({})).await;
    canceled.is(StatusCode::OK);
    shop.settle().await;

    // Bought once, and with nobody's account: the guest becomes it.
    guest(&shop, "lifetime-once", "ben@buyers.test").await;
    assert_eq!(shop.mail().await.len(), 2);
    let (_, ben) = opens(&shop).await;
    let held = shop.me(&ben).await;
    assert_eq!(held["subscriptions"][0]["plan"], "lifetime");
    assert_eq!(shop.rows("/v1/customers").await.len(), 3);
    // What was canceled is looked at a moment later.
    shop.pass(jiff::SignedDuration::from_secs(5)).await;
    shop.ends_well().await;
}
