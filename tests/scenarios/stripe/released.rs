//! What is to come with the next period, and somebody's hand on its schedule in Stripe's
//! dashboard: let go of, or set up where nobody here has asked for it.

use billing_domain::audit::{Drift, DriftCode, Remedy, Side};
use billing_domain::provider::ProviderAccount;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Shop, Sold, dashboard, days, reasons, shop, sold};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a downgrade whose schedule was released by hand is missed by the sweep, which
    /// says so, and then has it made anew: it renews at the lower price.
    x_10_the_sweep_makes_a_released_schedule_anew;
    /// so does the webhook of the release, where it comes.
    x_10_a_released_schedule_that_is_told_is_made_anew;
    /// a schedule that nobody here asked for is told, shown to a person once, and
    /// what the person does about it holds.
    x_10_a_schedule_of_somebody_else_s_is_shown_to_a_person;
}

/// Somebody who goes down from USD 8 to USD 3 with the next period, a day after Stripe
/// was told.
async fn going_down(shop: &Shop, who: &str) -> Sold {
    let held = sold(shop, who, "bosun-monthly").await;
    shop.pass(days(5)).await;
    let session = shop.session(&held.customer).await;
    let url = format!("/v1/me/subscriptions/{}/quotes", held.id);
    let ask = json!({ "plan": "deckhand" });
    let quote = shop.post_as(&session, &url, &ask).await;
    let quote = quote.is(StatusCode::CREATED).json();
    let url = format!("/v1/me/quotes/{}/accept", quote["id"].as_str().unwrap());
    let accepted = shop.post_as(&session, &url, &json!({})).await;
    assert!(accepted.status.is_success(), "{}", accepted.text);
    shop.pass(days(1)).await;
    held
}

fn schedule(shop: &Shop, held: &Sold) -> Option<String> {
    held.there(shop)["schedule"].as_str().map(str::to_owned)
}

/// What the next period of a schedule that is in force has.
fn next_price(shop: &Shop, held: &Sold) -> Value {
    let schedule = shop.fake.object(&schedule(shop, held).unwrap()).unwrap();
    assert_eq!(schedule["status"], "active", "{schedule}");
    schedule["phases"][1]["items"][0]["price"].clone()
}

async fn releases(shop: &Shop, held: &Sold) -> String {
    let schedule = schedule(shop, held).unwrap();
    let path = format!("subscription_schedules/{schedule}/release");
    dashboard(&shop.fake, "POST", &path, &[]).await;
    assert_eq!(self::schedule(shop, held), None);
    schedule
}

fn stripe() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

/// What a sweep says of what is to come.
async fn swept(shop: &Shop, dry: bool) -> Vec<Drift> {
    let mut found = Vec::new();
    let account = stripe();
    let each = |told: &billing::Difference| {
        assert!(told.customer.is_some(), "{told:?}");
        found.extend(Some(told.drift.clone()).filter(|drift| drift.code == DriftCode::Upcoming));
    };
    let done = if dry {
        shop.billing.reread_dry(&account, each).await.unwrap()
    } else {
        shop.billing.reread(&account, each).await.unwrap()
    };
    assert!(done.finished, "{done:?}");
    found
}

/// How often this customer was charged at Stripe, and how much in all.
fn charged(shop: &Shop, held: &Sold) -> (u64, i64) {
    let books = shop.fake.books();
    let account = &books.customers[&held.payer];
    (account.charges, account.charged["usd"])
}

/// The lower price comes, and is charged once.
async fn comes(shop: &Shop, held: &Sold) {
    assert_eq!(charged(shop, held), (1, 800));
    shop.pass(days(30)).await;
    assert_eq!(held.plan(shop).await, "deckhand");
    assert_eq!(charged(shop, held), (2, 1_100));
    let invoices = held.invoices(shop).await;
    let amounts: Vec<i64> = invoices
        .iter()
        .map(|row| row["amount"]["amount"].as_i64().unwrap())
        .collect();
    assert_eq!(amounts, [800, 300]);
    let url = format!("/v1/changes?customer={}&limit=10", held.customer);
    let changes = shop.rows(&url).await;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0]["status"], "applied");
    shop.ends_well().await;
}

async fn x_10_the_sweep_makes_a_released_schedule_anew(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = going_down(&shop, "ana").await;
    assert_eq!(swept(&shop, true).await, []);
    let released = releases(&shop, &held).await;
    // No webhook of it comes.
    assert!(!shop.fake.deliveries().take().is_empty());
    let before = (held.stands(&shop).await, held.invoices(&shop).await);
    assert_eq!(before.0["scheduled"]["plan"], "deckhand");

    let found = swept(&shop, true).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let Drift {
        object,
        row,
        ours,
        theirs,
        right,
        remedy,
        ..
    } = &found[0];
    assert_eq!(object.id, held.subscription);
    assert_eq!(row.as_deref(), Some(held.id.as_str()));
    assert!(ours.starts_with("price_deckhand x 1 from 20"), "{ours}");
    assert_eq!(theirs, "nothing");
    assert_eq!((*right, *remedy), (Side::Ours, Remedy::OrderAgain));
    shop.work().await;
    assert_eq!(schedule(&shop, &held), None, "a dry run does nothing");
    let after = (held.stands(&shop).await, held.invoices(&shop).await);
    assert_eq!(after, before);

    assert_eq!(swept(&shop, false).await, found);
    // Nobody has worked yet, and the same sweep is made again.
    assert_eq!(swept(&shop, false).await, found);
    shop.settle().await;
    assert_eq!(next_price(&shop, &held), "price_deckhand");
    assert_ne!(schedule(&shop, &held).unwrap(), released);
    let made = shop.fake.books().objects["subscription_schedule"];
    assert_eq!(made, 2, "the first one, and one in its place");
    assert_eq!(swept(&shop, false).await, []);
    shop.settle().await;
    assert_eq!(shop.fake.books().objects["subscription_schedule"], 2);
    comes(&shop, &held).await;
}

async fn x_10_a_released_schedule_that_is_told_is_made_anew(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = going_down(&shop, "ana").await;
    releases(&shop, &held).await;
    let told = shop.fake.deliveries().kinds();
    let word = "subscription_schedule.released".to_owned();
    assert!(told.contains(&word), "{told:?}");
    shop.settle().await;
    assert_eq!(next_price(&shop, &held), "price_deckhand");
    assert_eq!(held.stands(&shop).await["scheduled"]["plan"], "deckhand");
    assert_eq!(swept(&shop, true).await, []);
    comes(&shop, &held).await;
}

async fn x_10_a_schedule_of_somebody_else_s_is_shown_to_a_person(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = sold(&shop, "ana", "bosun-monthly").await;
    let ben = sold(&shop, "ben", "bosun-monthly").await;
    shop.pass(days(5)).await;
    for held in [&ana, &ben] {
        let of = [("from_subscription", held.subscription.as_str())];
        let made = dashboard(&shop.fake, "POST", "subscription_schedules", &of).await;
        let bound = |name: &str| made["current_phase"][name].to_string();
        let path = format!("subscription_schedules/{}", made["id"].as_str().unwrap());
        let (start, end) = (bound("start_date"), bound("end_date"));
        let phases = [
            ("end_behavior", "release"),
            ("phases[0][start_date]", start.as_str()),
            ("phases[0][end_date]", end.as_str()),
            ("phases[0][items][0][price]", "price_bosun"),
            ("phases[0][items][0][quantity]", "1"),
            ("phases[1][items][0][price]", "price_deckhand"),
            ("phases[1][items][0][quantity]", "1"),
            ("phases[1][duration][interval]", "month"),
            ("phases[1][proration_behavior]", "none"),
        ];
        dashboard(&shop.fake, "POST", &path, &phases).await;
    }
    shop.settle().await;
    let found = swept(&shop, true).await;
    assert_eq!(found.len(), 2, "{found:?}");
    for drift in &found {
        assert_eq!(
            (&*drift.ours, &*drift.theirs),
            ("nothing", "price_deckhand x 1")
        );
        assert_eq!((drift.right, drift.remedy), (Side::Provider, Remedy::Look));
    }
    shop.work().await;
    assert_eq!(reasons(&shop).await, Vec::<String>::new(), "a dry run");
    // Swept day after day, it is shown once.
    for _ in 0..3 {
        assert_eq!(swept(&shop, false).await, found);
        shop.pass(days(1)).await;
    }
    assert_eq!(reasons(&shop).await, ["conflict"; 2]);
    let evidence = shop.parked().await[0].evidence.clone();
    assert!(evidence.contains("price_deckhand x 1"), "{evidence}");
    assert_eq!(
        next_price(&shop, &ana),
        "price_deckhand",
        "nothing is undone"
    );

    // Ana's is let come, and ben's is taken away.
    releases(&shop, &ben).await;
    shop.pass(days(1)).await;
    assert_eq!(swept(&shop, true).await.len(), 1);
    shop.pass(days(30)).await;
    assert_eq!(ana.plan(&shop).await, "deckhand");
    assert_eq!(ben.plan(&shop).await, "bosun");
    assert_eq!(charged(&shop, &ana), (2, 1_100));
    assert_eq!(charged(&shop, &ben), (2, 1_600));
    assert_eq!(swept(&shop, true).await, []);
    shop.is_sound().await;
}
