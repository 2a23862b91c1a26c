//! Licenses that were paid for here: the exchange, the ways back, tokens and refreshing.

use billing_testkit::fakes::btcpay::FakeBtcPay;

use super::shop::{Buyer, days, page, pays, pays_untold, shop};
use crate::rig::StoreKind;
use crate::scenarios::handed_by::{self, Till};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// H-05: exchanged for the license, 202 before the webhook and 200 after it.
    h_05_a_purchase_at_btcpay_is_exchanged;
    /// H-06: nothing else shows it.
    h_06_a_license_of_btcpay_leaves_by_one_door;
    /// H-07: the browser is led back with the session or the license.
    h_07_a_link_leads_back_with_a_license_of_btcpay;
    /// H-08: its token says it all.
    h_08_a_token_of_btcpay_says_it_all;
    /// H-09: its token is refreshed.
    h_09_a_license_of_btcpay_is_refreshed;
}

/// The deck, which has a license.
async fn till(kind: StoreKind) -> Till<FakeBtcPay> {
    Till {
        shop: shop(kind).await,
        price: "deck-monthly",
        plan: "deck",
        pays: |shop, opened| pays_untold(shop, &page(&opened["url"])),
        renews: |shop, buyer| {
            Box::pin(async move {
                shop.pass(days(32)).await;
                let ana = Buyer {
                    customer: buyer.customer.clone(),
                    page: page(&buyer.opened["url"]),
                };
                pays(shop, &ana.owes(shop).await).await;
            })
        },
        ends: |shop, _| Box::pin(shop.pass(days(60))),
        over: "unpaid",
    }
}

async fn h_05_a_purchase_at_btcpay_is_exchanged(kind: StoreKind) {
    handed_by::h_05(&till(kind).await).await;
}

async fn h_06_a_license_of_btcpay_leaves_by_one_door(kind: StoreKind) {
    handed_by::h_06(&till(kind).await).await;
}

async fn h_07_a_link_leads_back_with_a_license_of_btcpay(kind: StoreKind) {
    handed_by::h_07(&till(kind).await).await;
}

async fn h_08_a_token_of_btcpay_says_it_all(kind: StoreKind) {
    handed_by::h_08(&till(kind).await).await;
}

async fn h_09_a_license_of_btcpay_is_refreshed(kind: StoreKind) {
    handed_by::h_09(&till(kind).await).await;
}
