//! Paddle's events as they come: several times, all at once, in another order, or
//! long after.

use billing_testkit::fakes::paddle::{Card, Rules};
use billing_testkit::fakes::rig::SignedWebhook;
use futures_util::future::join_all;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    Shop, bought_with, days, held, invoices, only, only_at_paddle, opened, pays, plan_of, shop,
    shop_of,
};
use crate::rig::{StoreKind, permutations};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// once, twice or twenty times at once leaves the same rows.
    x_01_paddle_s_events_twenty_times_at_once;
    /// the events of one purchase, in any order, are one purchase.
    x_02_one_purchase_in_any_order;
    /// what is older than what is known changes nothing.
    x_05_an_older_snapshot_of_paddle_changes_nothing;
}

/// What is kept of a customer, but for ids and instants of ours.
async fn kept(shop: &Shop, customer: &str) -> Value {
    let mut held = held(shop, customer).await;
    for row in &mut held {
        for own in ["id", "customer", "created_at"] {
            row[own].take();
        }
    }
    let url = format!("/v1/customers/{customer}/journal?limit=100");
    let mut events: Vec<Value> = shop.rows(&url).await;
    let mut events: Vec<String> = events
        .iter_mut()
        .map(|row| row["event"].as_str().unwrap().to_owned())
        .collect();
    events.sort();
    let mut told = shop.notifier.events();
    told.sort();
    json!({
        "held": held,
        "invoices": invoices(shop, customer).await,
        "journal": events,
        "told": told,
    })
}

async fn about_to_buy(shop: &Shop) -> (String, Vec<SignedWebhook>) {
    let ana = shop.customer("ana").await;
    let checkout = opened(shop, &ana, &json!({ "price": "solo-monthly" })).await;
    pays(shop, &checkout, Card::Pays);
    (ana, shop.fake.deliveries().take())
}

async fn x_01_paddle_s_events_twenty_times_at_once(kind: StoreKind) {
    let mut left = Vec::new();
    for times in [1, 2, 20] {
        let shop = shop(kind).await;
        let (ana, told) = about_to_buy(&shop).await;
        for one in &told {
            let request = one.request();
            let all = (0..times).map(|_| shop.deliver("paddle", &request));
            let works = async {
                shop.billing.work_until_idle().await.unwrap();
            };
            let (answers, ()) = tokio::join!(join_all(all), works);
            assert!(answers.iter().all(|seen| seen.status == StatusCode::OK));
        }
        shop.settle().await;
        shop.deliver_each(&told).await;
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "solo");
        left.push(kept(&shop, &ana).await);
        shop.ends_well().await;
    }
    assert_eq!(left[0], left[1]);
    assert_eq!(left[0], left[2]);
}

async fn x_02_one_purchase_in_any_order(kind: StoreKind) {
    let mut first = None;
    // Those that say something of the purchase; the others come before them all.
    let telling = [
        "transaction.completed",
        "subscription.created",
        "subscription.activated",
    ];
    for order in permutations(&telling) {
        for settle_between in [true, false] {
            let shop = shop(kind).await;
            let (ana, mut told) = about_to_buy(&shop).await;
            let place = |one: &SignedWebhook| order.iter().position(|kind| *kind == one.event.kind);
            told.sort_by_key(place);
            let known = told.iter().filter(|one| place(one).is_some()).count();
            assert!(
                known >= 2,
                "{:?}",
                told.iter().map(|one| &one.event.kind).collect::<Vec<_>>()
            );
            for one in &told {
                shop.deliver_each(std::slice::from_ref(one)).await;
                if settle_between {
                    shop.work().await;
                }
            }
            shop.settle().await;
            assert_eq!(plan_of(&shop, &ana).await, "solo", "{order:?}");
            assert_eq!(held(&shop, &ana).await.len(), 1, "{order:?}");
            for once in [
                "subscription.activated",
                "license.issued",
                "checkout.completed",
            ] {
                assert_eq!(shop.told(once), 1, "{once} {order:?}");
            }
            let kept = kept(&shop, &ana).await;
            assert_eq!(
                *first.get_or_insert_with(|| kept.clone()),
                kept,
                "{order:?}"
            );
            shop.ends_well().await;
        }
    }
}

async fn x_05_an_older_snapshot_of_paddle_changes_nothing(kind: StoreKind) {
    let rules = Rules {
        retries: vec![days(3), days(7)],
        ..Rules::default()
    };
    let shop = shop_of(kind, rules).await;
    let ana = bought_with(&shop, "ana", "solo-monthly", Card::PaysOnce).await;
    let born = shop.fake.world().events;
    let subscription = only_at_paddle(&shop).id;
    // Past due at the renewal, and paid three days later.
    shop.pass(days(32)).await;
    assert_eq!(only(&shop, &ana).await["status"], "past_due");
    shop.fake.set_card(&subscription, Card::Pays).unwrap();
    shop.pass(days(4)).await;
    let now = only(&shop, &ana).await;
    assert_eq!(now["status"], "active");
    let paid = invoices(&shop, &ana).await;
    // Everything again, in other events of the same content.
    let events = shop.fake.world().events;
    assert!(events.len() > born.len());
    let mut told = 0;
    for event in events.iter().rev() {
        if event.kind.starts_with("subscription.") || event.kind.starts_with("transaction.") {
            shop.fake.tell(&event.kind, event.data.clone());
            told += 1;
        }
    }
    assert!(told > 6, "{told}");
    shop.settle().await;
    assert_eq!(only(&shop, &ana).await, now);
    assert_eq!(invoices(&shop, &ana).await, paid);
    assert_eq!(shop.told("subscription.past_due"), 1);

    shop.fake.cancel_in_portal(&subscription).unwrap();
    shop.pass(days(40)).await;
    let over = only(&shop, &ana).await;
    assert_eq!(over["status"], "canceled");
    for event in events
        .iter()
        .filter(|event| event.kind.starts_with("subscription."))
    {
        shop.fake.tell(&event.kind, event.data.clone());
    }
    shop.settle().await;
    assert_eq!(only(&shop, &ana).await, over);
    assert_eq!(plan_of(&shop, &ana).await, "");
    shop.ends_well().await;
}
