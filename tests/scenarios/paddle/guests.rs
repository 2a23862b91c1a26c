//! A guest at Paddle's checkout: the address that is given there is mailed, and
//! nobody is found by it.

use billing_testkit::fakes::paddle::Card;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, days, only_at_paddle, pays, plan_of, shop, transaction_of};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// W-04: what a guest bought at Paddle belongs to whoever opens the mailed link.
    w_04_a_guest_of_paddle_s_is_claimed_by_mail;
}

/// A guest who bought `price`, and gave this address in the checkout.
async fn guest(shop: &Shop, price: &str, email: &str) -> Value {
    let asked = json!({ "price": price });
    let opened = shop.post_as("", "/v1/checkouts", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    let transaction = transaction_of(&opened);
    shop.fake.give_email(&transaction, email).unwrap();
    pays(shop, &opened, Card::Pays);
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

async fn w_04_a_guest_of_paddle_s_is_claimed_by_mail(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let ana = shop.operate("/v1/customers", &ana).await;
    let ana = ana.is(StatusCode::CREATED).json()["id"].take();
    let ana = ana.as_str().unwrap();

    guest(&shop, "solo-monthly", "Ana@buyers.test").await;
    assert_eq!(plan_of(&shop, ana).await, "", "an address is no proof");
    let mail = shop.mail().await;
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].to.to_lowercase(), "ana@buyers.test");
    let (token, customer) = opens(&shop).await;
    assert_eq!(customer, ana, "attached, and not a second account");
    assert_eq!(plan_of(&shop, ana).await, "solo");

    // It is the account's from now on, which ends it.
    let of_ana = shop.me(ana).await["subscriptions"].take();
    assert_eq!(of_ana.as_array().unwrap().len(), 1, "{of_ana:#}");
    let id = of_ana[0]["id"].as_str().unwrap();
    let cancel = format!("/v1/me/subscriptions/{id}/cancel");
    let canceled = shop.post_as(&token, &cancel, &json!({})).await;
    canceled.is(StatusCode::OK);
    shop.settle().await;
    assert!(only_at_paddle(&shop).scheduled.is_some());
    shop.pass(days(40)).await;
    assert_eq!(plan_of(&shop, ana).await, "");

    // Bought once, and with nobody's account: the guest becomes it.
    guest(&shop, "lifetime-once", "ben@buyers.test").await;
    assert_eq!(shop.mail().await.len(), 2);
    let (_, ben) = opens(&shop).await;
    let of_ben = shop.me(&ben).await["subscriptions"].take();
    assert_eq!(of_ben.as_array().unwrap().len(), 1, "{of_ben:#}");
    assert_eq!(of_ben[0]["plan"], "lifetime");
    assert_eq!(plan_of(&shop, &ben).await, "lifetime");
    assert_eq!(shop.rows("/v1/customers").await.len(), 3);
    shop.ends_well().await;
}
