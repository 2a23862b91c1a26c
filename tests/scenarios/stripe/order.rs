//! Stripe's events in any order, more than once, and late.

use billing_testkit::fakes::rig::SignedWebhook;
use billing_testkit::fakes::stripe::{Card, FakeOptions, Version};
use futures_util::future::join_all;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    PLANS, Shop, account, bought, licensed, opened, options, pays, shop, shop_selling,
};
use crate::rig::{StoreKind, permutations};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// W-07: every order of the four events of a purchase ends in the same state.
    w_07_every_order_ends_the_same;
    /// W-07: also where Stripe speaks an older version, so that every event is only a hint.
    w_07_every_order_of_an_old_version_ends_the_same;
    /// every event twenty times at once leaves what one leaves.
    x_01_twenty_of_each_of_stripe_s_events;
    /// different events of one fact make one subscription, one invoice, one license,
    /// one notice.
    x_02_many_events_make_one_of_everything;
    /// what is older than what is stored changes nothing.
    x_05_stripe_s_older_events_change_nothing;
}

/// The events of a purchase whose order is nobody's promise.
const FOUR: [&str; 4] = [
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "invoice.paid",
];

/// What is left of a purchase, without the ids that differ each time.
async fn left(shop: &Shop, customer: &str) -> Value {
    let me = shop.me(customer).await;
    let subscriptions = me["subscriptions"].as_array().unwrap().iter();
    let subscriptions = subscriptions.map(|held| {
        json!([
            held["plan"],
            held["status"],
            held["paid_through"],
            held["renews"]
        ])
    });
    let invoices = shop
        .rows(&format!("/v1/invoices?customer={customer}&limit=100"))
        .await;
    let invoices = invoices.iter().map(|invoice| {
        json!([
            invoice["status"],
            invoice["total"],
            invoice["purpose"],
            invoice["period_end"]
        ])
    });
    json!({
        "plan": me["access"]["plan"],
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "invoices": invoices.collect::<Vec<_>>(),
    })
}

async fn w_07_every_order_ends_the_same(kind: StoreKind) {
    every_order(kind, Version::Pinned).await;
}

async fn w_07_every_order_of_an_old_version_ends_the_same(kind: StoreKind) {
    every_order(kind, Version::Old).await;
}

async fn every_order(kind: StoreKind, webhook_version: Version) {
    let fake = account(FakeOptions {
        webhook_version,
        ..FakeOptions::default()
    })
    .await;
    let options = options(&fake, "cellar");
    let shop = super::shop::with(kind.fresh().await, fake, options, PLANS).await;
    let places: Vec<usize> = (0..FOUR.len()).collect();
    let mut first = None;
    for (number, order) in permutations(&places).into_iter().enumerate() {
        let customer = shop.customer(&format!("buyer-{number}")).await;
        let checkout = opened(&shop, &customer, "bosun-monthly").await;
        pays(&shop, &checkout);
        let sent = shop.fake.deliveries().take();
        for place in order {
            let named = |webhook: &&SignedWebhook| webhook.event.kind == FOUR[place];
            let events: Vec<SignedWebhook> = sent.iter().filter(named).cloned().collect();
            assert!(!events.is_empty(), "no {}", FOUR[place]);
            shop.deliver_each(&events).await;
            shop.work().await;
        }
        let left = left(&shop, &customer).await;
        assert_eq!(left["plan"], "bosun");
        assert_eq!(left["subscriptions"].as_array().unwrap().len(), 1, "{left}");
        assert_eq!(left["invoices"].as_array().unwrap().len(), 1, "{left}");
        assert_eq!(*first.get_or_insert_with(|| left.clone()), left);
        for event in ["subscription.created", "subscription.activated"] {
            let happened = shop.happened(&customer, event).await;
            assert_eq!(happened.len(), 1, "{event}: {happened:?}");
        }
    }
    shop.ends_well().await;
}

async fn x_01_twenty_of_each_of_stripe_s_events(kind: StoreKind) {
    let mut alike = Vec::new();
    for times in [1, 2, 20] {
        let shop = shop(kind).await;
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, "bosun-monthly").await;
        pays(&shop, &checkout);
        let sent = shop.fake.deliveries().take();
        let requests: Vec<_> = sent.iter().map(SignedWebhook::request).collect();
        let posts = (0..times)
            .flat_map(|_| &requests)
            .map(|webhook| shop.deliver("stripe", webhook));
        let works = (0..2).map(|_| shop.billing.work_until_idle());
        let (answers, worked) = futures_util::join!(join_all(posts), join_all(works));
        for answer in answers {
            answer.is(StatusCode::OK);
        }
        for work in worked {
            work.unwrap();
        }
        shop.settle().await;
        let after = left(&shop, &ana).await;
        assert_eq!(after["plan"], "bosun");
        assert_eq!(after["subscriptions"].as_array().unwrap().len(), 1);
        assert_eq!(after["invoices"].as_array().unwrap().len(), 1);
        let told = shop.notifier.events();
        // And all of them once more, an hour later, under new signatures.
        shop.fake.advance(SignedDuration::from_hours(1));
        for webhook in &sent {
            let again = shop.fake.deliveries().sign(webhook.event.clone());
            shop.deliver_each(&[again]).await;
        }
        shop.settle().await;
        assert_eq!(left(&shop, &ana).await, after);
        assert_eq!(shop.notifier.events(), told);
        shop.ends_well().await;
        alike.push((after, told.len()));
    }
    assert!(alike.windows(2).all(|two| two[0] == two[1]), "{alike:#?}");
}

async fn x_02_many_events_make_one_of_everything(kind: StoreKind) {
    let shop = shop_selling(kind, &licensed()).await;
    let ana = bought(&shop, "ana", "bosun-monthly").await;
    shop.pass(SignedDuration::from_hours(24 * 33)).await;
    let left = left(&shop, &ana).await;
    assert_eq!(left["subscriptions"].as_array().unwrap().len(), 1);
    assert_eq!(left["invoices"].as_array().unwrap().len(), 2, "{left}");
    let licenses = shop.rows(&format!("/v1/licenses?customer={ana}")).await;
    assert_eq!(licenses.len(), 1, "{licenses:#?}");
    for (event, times) in [
        ("checkout.completed", 1),
        ("subscription.created", 1),
        ("subscription.activated", 1),
        ("subscription.renewed", 1),
        ("license.issued", 1),
    ] {
        assert_eq!(
            shop.told(event),
            times,
            "{event}: {:?}",
            shop.notifier.events()
        );
    }
    shop.ends_well().await;
}

async fn x_05_stripe_s_older_events_change_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    let sent = shop.fake.deliveries().take();
    let mut old: Vec<SignedWebhook> = sent.clone();
    shop.deliver_each(&sent).await;
    shop.work().await;
    // The card stops paying; a month later the renewal fails, and in the end all is over.
    let held = shop
        .fake
        .object(&super::shop::session_of(&checkout))
        .unwrap();
    let subscription = held["subscription"].as_str().unwrap();
    let customer = held["customer"].as_str().unwrap();
    shop.fake
        .set_card(customer, Some(Card::FailsLater))
        .unwrap();
    shop.fake.advance(SignedDuration::from_hours(24 * 32));
    let failing = shop.fake.deliveries().take();
    shop.deliver_each(&failing).await;
    shop.work().await;
    assert_eq!(left(&shop, &ana).await["subscriptions"][0][1], "past_due");
    old.extend(failing);
    shop.fake.advance(SignedDuration::from_hours(24 * 32));
    assert_eq!(
        shop.fake.object(subscription).unwrap()["status"],
        "canceled"
    );
    shop.settle().await;
    let over = left(&shop, &ana).await;
    assert_eq!(over["plan"], "free");
    // Every old event again, in reverse, under a new id, as a repetition by hand is.
    old.reverse();
    for webhook in old {
        let mut event = webhook.event.clone();
        let mut body: Value = serde_json::from_slice(&event.body).unwrap();
        body["id"] = format!("{}_again", event.id).into();
        event.body = body.to_string().into();
        let again = shop.fake.deliveries().sign(event);
        shop.deliver_each(&[again]).await;
        shop.work().await;
        assert_eq!(left(&shop, &ana).await, over);
    }
    shop.is_sound().await;
}
