//! Licenses that were paid for here: the exchange, the ways back, tokens and refreshing.

use billing_testkit::fakes::stripe::{Card, FakeStripe};

use super::shop::{days, licensed, pays, session_of, shop_selling};
use crate::rig::StoreKind;
use crate::scenarios::handed_by::{self, Till};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-05: exchanged for the license, 202 before the webhook and 200 after it.
    h_05_a_purchase_at_stripe_is_exchanged;
    /// H-06: nothing else shows it.
    h_06_a_license_of_stripe_leaves_by_one_door;
    /// H-07: the browser is led back with the session or the license.
    h_07_a_link_leads_back_with_a_license_of_stripe;
    /// H-08: its token says it all.
    h_08_a_token_of_stripe_says_it_all;
    /// H-09: its token is refreshed.
    h_09_a_license_of_stripe_is_refreshed;
}

/// The hold, with a license.
async fn till(kind: StoreKind) -> Till<FakeStripe> {
    Till {
        shop: shop_selling(kind, &licensed()).await,
        price: "bosun-monthly",
        plan: "bosun",
        pays,
        renews: |shop, _| Box::pin(shop.pass(days(33))),
        ends: |shop, buyer| {
            Box::pin(async move {
                let session = shop.fake.object(&session_of(&buyer.opened)).unwrap();
                let payer = session["customer"].as_str().unwrap();
                shop.fake.set_card(payer, Some(Card::FailsLater)).unwrap();
                shop.pass(days(60)).await;
            })
        },
        over: "expired",
    }
}

async fn h_05_a_purchase_at_stripe_is_exchanged(kind: StoreKind) {
    handed_by::h_05(&till(kind).await).await;
}

async fn h_06_a_license_of_stripe_leaves_by_one_door(kind: StoreKind) {
    handed_by::h_06(&till(kind).await).await;
}

async fn h_07_a_link_leads_back_with_a_license_of_stripe(kind: StoreKind) {
    handed_by::h_07(&till(kind).await).await;
}

async fn h_08_a_token_of_stripe_says_it_all(kind: StoreKind) {
    handed_by::h_08(&till(kind).await).await;
}

async fn h_09_a_license_of_stripe_is_refreshed(kind: StoreKind) {
    handed_by::h_09(&till(kind).await).await;
}
