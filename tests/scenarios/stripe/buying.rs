//! Buying through Stripe: checkouts, customers, the portal.

use poem::http::StatusCode;
use serde_json::json;

use super::shop::{bought, opened, pays, plan_of, session_of, shop};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-05: the first checkout makes the customer at Stripe, the second uses it again.
    s_05_a_second_checkout_reuses_the_customer;
    /// S-05: without a customer at Stripe there is no portal.
    s_05_no_portal_without_a_customer;
    /// W-03: the mailbox is filled in, and our ids travel in the metadata.
    w_03_a_signed_in_checkout_is_prefilled;
    /// W-05: a paid page changes nothing until the webhook has come.
    w_05_stripe_s_webhook_completes_a_checkout;
}

async fn s_05_a_second_checkout_reuses_the_customer(kind: StoreKind) {
    let shop = shop(kind).await;
    shop.post_as("", "/v1/me/portal", &json!({}))
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
    let ana = bought(&shop, "ana", "deckhand-monthly").await;
    assert_eq!(plan_of(&shop, &ana).await, "deckhand");
    assert_eq!(shop.fake.books().count("customer"), 1);

    let again = opened(&shop, &ana, "lifetime-once").await;
    pays(&shop, &again);
    shop.settle().await;
    assert_eq!(shop.fake.books().count("customer"), 1);
    let page = shop.fake.object(&session_of(&again)).unwrap();
    let customer = page["customer"].as_str().unwrap();
    assert_eq!(shop.fake.books().of(customer).charged["usd"], 10_200);

    let session = shop.session(&ana).await;
    let asked = json!({ "return_url": "https://billing.test/back" });
    let portal = shop.post_as(&session, "/v1/me/portal", &asked).await;
    let portal = portal.is(StatusCode::CREATED).json();
    assert!(portal["url"].as_str().unwrap().starts_with("http"));
    shop.ends_well().await;
}

async fn s_05_no_portal_without_a_customer(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    let portal = shop.post_as(&session, "/v1/me/portal", &json!({})).await;
    portal.refused(StatusCode::NOT_FOUND, "customer_not_found");
    assert_eq!(shop.fake.books().count("customer"), 0);
}

async fn w_03_a_signed_in_checkout_is_prefilled(kind: StoreKind) {
    let shop = shop(kind).await;
    let asked = json!({ "external_ref": "ana", "email": "ana@buyers.test" });
    let ana = shop.operate("/v1/customers", &asked).await;
    let ana = ana.is(StatusCode::CREATED).json()["id"].take();
    let ana = ana.as_str().unwrap();
    let checkout = opened(&shop, ana, "bosun-monthly").await;
    let page = shop.fake.object(&session_of(&checkout)).unwrap();
    let prefilled = match page["customer"].as_str() {
        Some(customer) => shop.fake.object(customer).unwrap()["email"].clone(),
        None => page["customer_email"].clone(),
    };
    assert_eq!(prefilled, "ana@buyers.test");
    let metadata = &page["metadata"];
    assert_eq!(metadata["billing_customer"], ana);
    assert_eq!(metadata["billing_checkout"], checkout["id"]);
    assert_eq!(metadata["billing_ref"], "ana");
    assert_eq!(metadata["billing_operator"], "cellar");
    pays(&shop, &checkout);
    shop.settle().await;
    assert_eq!(plan_of(&shop, ana).await, "bosun");
    shop.ends_well().await;
}

async fn w_05_stripe_s_webhook_completes_a_checkout(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    let id = checkout["id"].as_str().unwrap();
    let waits = async || {
        let page = format!("/checkout/success?checkout={id}");
        let page = shop.get(&page).await.is(StatusCode::OK);
        page.text.contains("Waiting for your payment")
    };
    pays(&shop, &checkout);
    shop.work().await;
    assert!(waits().await);
    assert_eq!(plan_of(&shop, &ana).await, "free");
    shop.settle().await;
    assert!(!waits().await);
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.ends_well().await;
}
