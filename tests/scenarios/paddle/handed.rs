//! Licenses that were paid for here: the exchange, the ways back, tokens and refreshing.

use billing_testkit::fakes::paddle::{Card, FakePaddle};

use super::shop::{days, only_at_paddle, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::handed_by::{self, Till};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-05: exchanged for the license, 202 before the webhook and 200 after it.
    h_05_a_purchase_at_paddle_is_exchanged;
    /// H-06: nothing else shows it.
    h_06_a_license_of_paddle_leaves_by_one_door;
    /// H-07: the browser is led back with the session or the license.
    h_07_a_link_leads_back_with_a_license_of_paddle;
    /// H-08: its token says it all.
    h_08_a_token_of_paddle_says_it_all;
    /// H-09: its token is refreshed.
    h_09_a_license_of_paddle_is_refreshed;
}

/// The team, which has a license.
async fn till(kind: StoreKind) -> Till<FakePaddle> {
    Till {
        shop: shop(kind).await,
        price: "team-monthly",
        plan: "team",
        pays: |shop, opened| pays(shop, opened, Card::Pays),
        renews: |shop, _| Box::pin(shop.pass(days(33))),
        ends: |shop, _| {
            Box::pin(async move {
                let held = only_at_paddle(shop).id;
                shop.fake.set_card(&held, Card::Declined).unwrap();
                shop.pass(days(90)).await;
            })
        },
        over: "expired",
    }
}

async fn h_05_a_purchase_at_paddle_is_exchanged(kind: StoreKind) {
    handed_by::h_05(&till(kind).await).await;
}

async fn h_06_a_license_of_paddle_leaves_by_one_door(kind: StoreKind) {
    handed_by::h_06(&till(kind).await).await;
}

async fn h_07_a_link_leads_back_with_a_license_of_paddle(kind: StoreKind) {
    handed_by::h_07(&till(kind).await).await;
}

async fn h_08_a_token_of_paddle_says_it_all(kind: StoreKind) {
    handed_by::h_08(&till(kind).await).await;
}

async fn h_09_a_license_of_paddle_is_refreshed(kind: StoreKind) {
    handed_by::h_09(&till(kind).await).await;
}
