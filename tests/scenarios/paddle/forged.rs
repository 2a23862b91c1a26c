//! What a buyer writes in the browser by the public token: other items, other custom
//! data, a checkout of its own. Nothing is got by it that was not paid for.

use billing_domain::money::Currency;
use billing_testkit::fakes::paddle::{Card, PriceSeed};
use serde_json::{Value, json};

use super::shop::{Shop, days, held, id, opened, pays, plan_of, shop, transaction_of};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// what is bought once is had for its price alone, and the money waits for a person.
    x_09_a_page_at_paddle_that_sells_something_else_gives_nothing;
    /// a page that the buyer opened is none of ours, whatever it says.
    x_09_a_page_that_the_buyer_opened_gives_nothing;
    /// H-02: what recurs is had at the price that is paid, where that is on offer.
    h_02_a_price_put_in_at_paddle_is_held_where_it_is_on_offer;
    /// H-02: a note on a change that is to come counts where it was written here alone.
    h_02_a_note_that_the_buyer_wrote_gives_nothing;
    /// H-02: what is paid once buys nothing that recurs.
    h_02_a_payment_at_paddle_is_no_subscription;
}

/// A shop at an account that sells a mug, too.
async fn shop_with_mugs(kind: StoreKind) -> Shop {
    let shop = shop(kind).await;
    let mug = PriceSeed::new("pri_mug", 100, Currency::USD, None);
    shop.fake.sell(&mug);
    shop
}

/// The items that a browser puts on a page.
fn items(sold: &[(&str, u32)]) -> Value {
    let item = |(price, quantity): &(&str, u32)| json!({ "priceId": price, "quantity": quantity });
    sold.iter().map(item).collect()
}

/// What waits for a person: why, and what is said of it.
async fn set_aside(shop: &Shop) -> Vec<(String, String)> {
    let parked = shop.parked().await;
    let of = |row: &billing_domain::parked::Parked| {
        (row.reason.as_str().to_owned(), row.evidence.clone())
    };
    parked.iter().map(of).collect()
}

/// One thing waits for a person, for this reason, with this amount, however often it is
/// told; given back, nothing more does.
async fn waits_once(shop: &Shop, customer: &str, transaction: &str, amount: &str) {
    shop.pass(days(2)).await;
    let parked = set_aside(shop).await;
    let [(reason, evidence)] = parked.as_slice() else {
        panic!("one thing waits: {parked:#?}");
    };
    assert_eq!(reason, "amount_mismatch");
    assert!(evidence.contains(amount), "{evidence}");
    assert!(evidence.contains(transaction), "{evidence}");
    assert_eq!(plan_of(shop, customer).await, "");
    assert_eq!(held(shop, customer).await.len(), 0);
    shop.fake.refund(transaction).unwrap();
    shop.pass(days(2)).await;
    assert!(set_aside(shop).await.len() <= 1);
    assert_eq!(plan_of(shop, customer).await, "");
    shop.is_sound().await;
}

async fn x_09_a_page_at_paddle_that_sells_something_else_gives_nothing(kind: StoreKind) {
    for (sold, amount) in [
        (&[("pri_mug", 1)][..], "USD 1.00"),
        (&[("pri_mug", 99)], "USD 99.00"),
        (&[("pri_lifetime", 2)], "USD 198.00"),
        (&[("pri_lifetime", 1), ("pri_mug", 1)], "USD 100.00"),
    ] {
        let shop = shop_with_mugs(kind).await;
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, &json!({ "price": "lifetime-once" })).await;
        let page = transaction_of(&checkout);
        let swapped = json!({ "items": items(sold) });
        shop.fake.rewrite_in_browser(&page, &swapped).unwrap();
        pays(&shop, &checkout, Card::Pays);
        waits_once(&shop, &ana, &page, amount).await;
        let of = format!("/v1/checkouts/{}", id(&checkout));
        assert_ne!(shop.read(&of).await["status"], "completed");
        assert_eq!(shop.told("checkout.completed"), 0);
    }
}

async fn x_09_a_page_that_the_buyer_opened_gives_nothing(kind: StoreKind) {
    for (price, amount) in [("pri_mug", "USD 1.00"), ("pri_lifetime", "USD 99.00")] {
        let shop = shop_with_mugs(kind).await;
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, &json!({ "price": "lifetime-once" })).await;
        let ours = transaction_of(&checkout);
        let custom = &shop.fake.world().transactions[&ours].custom_data;
        let own = json!({ "items": items(&[(price, 1)]), "customData": custom });
        let own = shop.fake.open_in_browser(&own).unwrap();
        assert!(shop.fake.pay(&own, Card::Pays).unwrap());
        waits_once(&shop, &ana, &own, amount).await;
        // It can still be bought, at the page that was made for it.
        let again = opened(&shop, &ana, &json!({ "price": "lifetime-once" })).await;
        pays(&shop, &again, Card::Pays);
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "lifetime");
        shop.is_sound().await;
    }
}

async fn h_02_a_price_put_in_at_paddle_is_held_where_it_is_on_offer(kind: StoreKind) {
    for (asked, sold, plan) in [
        (json!({ "price": "team-monthly" }), ("pri_solo", 1), "solo"),
        (json!({ "price": "lifetime-once" }), ("pri_solo", 1), "solo"),
        (json!({ "price": "team-monthly" }), ("pri_crew", 3), "crew"),
        // A price that no plan of ours has, and fewer pieces than it is sold in.
        (json!({ "price": "team-monthly" }), ("pri_foreign", 1), ""),
        (json!({ "price": "lifetime-once" }), ("pri_foreign", 1), ""),
        (json!({ "price": "team-monthly" }), ("pri_crew", 1), ""),
        (
            json!({ "price": "crew-monthly", "quantity": 2 }),
            ("pri_crew", 1),
            "",
        ),
    ] {
        let shop = shop(kind).await;
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, &asked).await;
        let swapped = json!({ "items": items(&[sold]) });
        let page = transaction_of(&checkout);
        shop.fake.rewrite_in_browser(&page, &swapped).unwrap();
        pays(&shop, &checkout, Card::Pays);
        shop.settle().await;
        let told = format!("{asked} {sold:?}");
        assert_eq!(plan_of(&shop, &ana).await, plan, "{told}");
        let parked = set_aside(&shop).await;
        if plan.is_empty() {
            assert_eq!(held(&shop, &ana).await.len(), 0, "{told}");
            assert!(
                parked.iter().any(|(why, _)| why == "unknown_price"),
                "{told} {parked:#?}"
            );
        } else {
            let [bought] = &held(&shop, &ana).await[..] else {
                panic!("{told}: one is held");
            };
            assert_eq!(bought["quantity"], sold.1, "{told}");
            assert!(parked.is_empty(), "{told} {parked:#?}");
        }
        shop.is_sound().await;
    }
}

async fn h_02_a_payment_at_paddle_is_no_subscription(kind: StoreKind) {
    let shop = shop_with_mugs(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, &json!({ "price": "team-monthly" })).await;
    let page = transaction_of(&checkout);
    let swapped = json!({ "items": items(&[("pri_mug", 1)]) });
    shop.fake.rewrite_in_browser(&page, &swapped).unwrap();
    pays(&shop, &checkout, Card::Pays);
    waits_once(&shop, &ana, &page, "USD 1.00").await;
}

async fn h_02_a_note_that_the_buyer_wrote_gives_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, &json!({ "price": "solo-monthly" })).await;
    let page = transaction_of(&checkout);
    let mut custom = shop.fake.world().transactions[&page].custom_data.clone();
    custom["billing_deferred"] = json!({
        "paid": { "price": "pri_team", "quantity": 99 },
        "later": { "price": "pri_solo", "quantity": 1 },
        "until": "2099-01-01T00:00:00Z",
    });
    let forged = json!({ "customData": custom });
    shop.fake.rewrite_in_browser(&page, &forged).unwrap();
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    for _ in 0..2 {
        assert_eq!(plan_of(&shop, &ana).await, "solo");
        let [bought] = &held(&shop, &ana).await[..] else {
            panic!("one is held");
        };
        assert_eq!(bought["quantity"], 1);
        shop.pass(days(32)).await;
    }
    shop.ends_well().await;
}
