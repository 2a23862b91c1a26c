//! A subscription's life as Stripe tells it.

use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_stripe::{PauseStyle, StripeOptions};
use billing_testkit::fakes::rig::SignedWebhook;
use billing_testkit::fakes::stripe::{Card, FakeOptions, Payment};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{
    PLANS, Shop, account, dashboard, days, opened, options, pays, plan_of, reasons, session_of,
    shop, sold, with,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-06: without the signature nothing is written, and nothing is told.
    s_06_without_a_signature_nothing_is_written;
    /// S-06: from the purchase to the end, the tier follows the price.
    s_06_the_tier_follows_the_price;
    /// S-06: a pause falls to free, and resuming restores exactly.
    s_06_a_pause_falls_to_free_and_back;
    /// S-06: what ends falls to free, or to the plankowner's tier.
    s_06_what_ends_falls_to_what_is_granted;
    /// S-06, W-06: a payment that fails warns and takes nothing; paid, it is active
    /// again; given up, it is over.
    w_06_failing_payments_as_stripe_tells_them;
    /// S-07: a price that the file does not know keeps the tier and is told.
    s_07_an_unknown_price_keeps_the_tier;
    /// S-07: what waits is read anew when a person has it tried again.
    s_07_a_price_made_known_moves_the_tier_when_it_is_replayed;
    /// W-12: completed but unpaid gives nothing until the bank has said yes.
    w_12_a_delayed_payment_gives_nothing_until_paid;
    /// W-12: and nothing at all if it says no.
    w_12_a_delayed_payment_that_fails_gives_nothing;
    /// H-11: pausing and resuming reach Stripe, and come back as facts.
    h_11_pausing_reaches_stripe;
    /// H-11: what a resumption at Stripe is quoted at is what is charged.
    h_11_resuming_at_stripe_charges_what_is_quoted;
}

async fn s_06_without_a_signature_nothing_is_written(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    let sent = shop.fake.deliveries().take();
    for webhook in &sent {
        let mut forged = webhook.request();
        forged.body = String::from_utf8(forged.body.to_vec())
            .unwrap()
            .replace("price_bosun", "price_boson")
            .into();
        let mut bare = webhook.request();
        bare.headers.retain(|(name, _)| name != "stripe-signature");
        let other = SignedWebhook {
            headers: vec![(
                "stripe-signature".to_owned(),
                format!("t={},v1={}", shop.now().as_second(), "0".repeat(64)),
            )],
            ..webhook.clone()
        };
        let mut refused = vec![bare, other.request()];
        if forged.body != webhook.event.body {
            refused.push(forged);
        }
        for request in refused {
            let seen = shop.deliver("stripe", &request).await;
            seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        }
    }
    let next = shop.store.next_work().await.unwrap();
    assert_eq!(next.inbox, None, "nothing was stored");
    shop.work().await;
    assert_eq!(
        shop.rows("/v1/subscriptions?limit=10").await,
        Vec::<Value>::new()
    );
    assert_eq!(plan_of(&shop, &ana).await, "free");
    // A signature that is too old is none.
    shop.fake.advance(days(1));
    for webhook in &sent {
        let seen = shop.deliver("stripe", &webhook.request()).await;
        seen.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    let next = shop.store.next_work().await.unwrap();
    assert_eq!(next.inbox, None, "nothing was stored");
}

async fn s_06_the_tier_follows_the_price(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "deckhand-monthly").await;
    assert_eq!(held.plan(&shop).await, "deckhand");
    assert_eq!(held.status(&shop).await, "active");

    // An update that leaves the price as it is.
    shop.fake.cancel_in_portal(&held.subscription).unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "deckhand");
    assert_eq!(shop.told("plan.changed"), 0);
    assert!(held.stands(&shop).await["ends_at"].is_string());
    shop.fake.renew_in_portal(&held.subscription).unwrap();
    shop.settle().await;
    assert!(held.stands(&shop).await["ends_at"].is_null());
    assert_eq!(shop.told("subscription.cancel_scheduled"), 1);

    // One that changes it.
    shop.fake.advance(days(10));
    shop.fake
        .switch_in_portal(&held.subscription, "price_bosun")
        .unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    assert_eq!(shop.told("plan.changed"), 1);
    let stands = held.stands(&shop).await;
    assert_eq!(stands["price"], "bosun-monthly");
    assert_eq!(stands["status"], "active");
    shop.ends_well().await;
}

/// A shop whose subscriptions are paused by themselves.
pub(super) async fn pausing(kind: StoreKind, pause: PauseStyle) -> Shop {
    let fake = account(FakeOptions::default()).await;
    let options = StripeOptions {
        pause,
        ..options(&fake, "cellar")
    };
    with(kind.fresh().await, fake, options, PLANS).await
}

async fn s_06_a_pause_falls_to_free_and_back(kind: StoreKind) {
    let shop = pausing(kind, PauseStyle::Subscription).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.pass(days(10)).await;
    let before = held.stands(&shop).await;
    let path = format!("subscriptions/{}", held.subscription);
    let paused = [("invoicing_behavior", "pending_invoice_item")];
    dashboard(&shop.fake, "POST", &format!("{path}/pause"), &paused).await;
    let kinds = shop.fake.deliveries().kinds();
    assert!(
        kinds
            .iter()
            .any(|kind| kind == "customer.subscription.paused"),
        "{kinds:?}"
    );
    shop.settle().await;
    assert_eq!(held.status(&shop).await, "paused");
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(shop.told("subscription.paused"), 1);

    let resumed = [
        ("billing_cycle_anchor", "unchanged"),
        ("proration_behavior", "none"),
    ];
    dashboard(&shop.fake, "POST", &format!("{path}/resume"), &resumed).await;
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    let after = held.stands(&shop).await;
    for field in [
        "plan",
        "price",
        "unit",
        "quantity",
        "status",
        "paid_through",
        "renews",
    ] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(shop.told("subscription.resumed"), 1);
    shop.ends_well().await;
}

async fn s_06_what_ends_falls_to_what_is_granted(kind: StoreKind) {
    let shop = shop(kind).await;
    for (who, tier) in [("ana", "free"), ("olga", "deckhand")] {
        let held = sold(&shop, who, "bosun-monthly").await;
        assert_eq!(held.plan(&shop).await, "bosun");
        let path = format!("subscriptions/{}", held.subscription);
        dashboard(&shop.fake, "DELETE", &path, &[]).await;
        shop.settle().await;
        assert_eq!(held.plan(&shop).await, tier);
        assert_eq!(held.status(&shop).await, "canceled");
    }
    assert_eq!(shop.told("subscription.canceled"), 2);
    shop.ends_well().await;
}

async fn w_06_failing_payments_as_stripe_tells_them(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    shop.fake
        .set_card(&held.payer, Some(Card::FailsLater))
        .unwrap();
    shop.pass(days(32)).await;
    assert_eq!(held.status(&shop).await, "past_due");
    assert_eq!(held.plan(&shop).await, "bosun", "a warning takes nothing");
    assert_eq!(shop.told("subscription.past_due"), 1);

    let open = held.there(&shop)["latest_invoice"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        shop.fake.pay_invoice(&open, Card::Good).unwrap(),
        Payment::Complete
    );
    shop.settle().await;
    assert_eq!(held.status(&shop).await, "active");
    assert_eq!(held.plan(&shop).await, "bosun");
    let invoices = held.invoices(&shop).await;
    let states: Vec<&str> = invoices
        .iter()
        .map(|it| it["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["settled", "settled"]);

    // The next month nobody pays any more, and Stripe gives up after fifteen days.
    shop.fake
        .set_card(&held.payer, Some(Card::FailsLater))
        .unwrap();
    shop.pass(days(40)).await;
    assert_eq!(held.status(&shop).await, "past_due");
    assert_eq!(held.plan(&shop).await, "bosun", "until it is canceled");
    shop.pass(days(10)).await;
    assert_eq!(held.there(&shop)["status"], "canceled");
    assert_eq!(held.plan(&shop).await, "free");
    assert_eq!(
        held.status(&shop).await,
        "expired",
        "over for want of money"
    );
    assert_eq!(shop.told("subscription.past_due"), 2);
    shop.is_sound().await;
    assert_eq!(shop.parked().await, []);
}

async fn s_07_an_unknown_price_keeps_the_tier(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    let month = Some(Interval::MONTH);
    shop.fake
        .price("price_new", "prod_new", 100, Currency::USD, month);
    shop.fake
        .switch_in_portal(&held.subscription, "price_new")
        .unwrap();
    shop.settle().await;
    assert_eq!(held.plan(&shop).await, "bosun");
    assert_eq!(held.stands(&shop).await["price"], "bosun-monthly");
    let parked = shop.rows("/v1/parked?reason=unknown_price").await;
    assert!(!parked.is_empty(), "{:?}", reasons(&shop).await);
    assert!(
        parked[0]["evidence"]
            .as_str()
            .unwrap()
            .contains("price_new"),
        "{parked:?}"
    );
    assert!(shop.told("event.parked") >= 1);

    // The file learns of it, and the account's books are read again.
    let plans = PLANS.replace(
        "      bosun-yearly:",
        "      bosun-new: { amount: 1.00, interval: month, stripe: price_new }\n      bosun-yearly:",
    );
    shop.apply(&plans).await.is(StatusCode::OK);
    for row in shop.rows("/v1/parked?limit=100").await {
        let url = format!("/v1/parked/{}/discard", row["id"].as_str().unwrap());
        let discarded = shop.operate(&url, &json!({})).await;
        assert!(discarded.status.is_success(), "{}", discarded.text);
    }
    shop.fake.advance(days(1));
    let stripe = "stripe/main".parse().unwrap();
    shop.billing.reread(&stripe, |_| ()).await.unwrap();
    shop.work().await;
    assert_eq!(held.stands(&shop).await["price"], "bosun-new");
    assert_eq!(reasons(&shop).await, Vec::<String>::new());
    shop.is_sound().await;
}

async fn s_07_a_price_made_known_moves_the_tier_when_it_is_replayed(kind: StoreKind) {
    let shop = shop(kind).await;
    let held = sold(&shop, "ana", "bosun-monthly").await;
    let month = Some(Interval::MONTH);
    shop.fake
        .price("price_new", "prod_new", 100, Currency::USD, month);
    shop.fake
        .switch_in_portal(&held.subscription, "price_new")
        .unwrap();
    shop.settle().await;
    let replay = async |shop: &Shop| {
        for row in shop.rows("/v1/parked?limit=100").await {
            assert_eq!(row["reason"], "unknown_price");
            let url = format!("/v1/parked/{}/replay", row["id"].as_str().unwrap());
            let replayed = shop.operate(&url, &json!({})).await;
            assert!(replayed.status.is_success(), "{}", replayed.text);
        }
        shop.work().await;
    };
    // Too early: it waits again, and nothing is guessed.
    replay(&shop).await;
    assert_eq!(held.stands(&shop).await["price"], "bosun-monthly");
    assert_eq!(reasons(&shop).await, ["unknown_price"]);

    let plans = PLANS.replace(
        "      bosun-yearly:",
        "      bosun-new: { amount: 1.00, interval: month, stripe: price_new }\n      bosun-yearly:",
    );
    shop.apply(&plans).await.is(StatusCode::OK);
    shop.work().await;
    assert_eq!(held.stands(&shop).await["price"], "bosun-monthly");
    replay(&shop).await;
    assert_eq!(held.stands(&shop).await["price"], "bosun-new");
    shop.ends_well().await;
}

/// Somebody before a page, whose bank takes days.
async fn delayed(shop: &Shop, price: &str) -> (String, String) {
    let customer = shop.customer(price).await;
    let checkout = opened(shop, &customer, price).await;
    let session = session_of(&checkout);
    let paid = shop.fake.pay(&session, Card::Delayed).unwrap();
    assert_eq!(paid, Payment::Processing);
    shop.settle().await;
    let id = checkout["id"].as_str().unwrap();
    let seen = shop.get(&format!("/v1/checkouts/{id}")).await;
    let status = seen.is(StatusCode::OK).json()["status"].take();
    assert_ne!(status, "completed");
    assert_eq!(plan_of(shop, &customer).await, "free");
    (customer, session)
}

/// The plan of the subscription that gives a customer access. `None`: none does.
async fn held_by(shop: &Shop, customer: &str) -> Option<String> {
    let me = shop.me(customer).await;
    let mut held = me["subscriptions"].as_array().unwrap().iter();
    let gives = held.find(|held| held["gives_access"] == true)?;
    Some(gives["plan"].as_str().unwrap().to_owned())
}

/// What the bank is asked about: the page's payment, or the first invoice's.
fn outstanding(shop: &Shop, session: &str) -> String {
    let page = shop.fake.object(session).unwrap();
    page["invoice"].as_str().unwrap_or(session).to_owned()
}

async fn w_12_a_delayed_payment_gives_nothing_until_paid(kind: StoreKind) {
    let shop = shop(kind).await;
    for (price, plan) in [("bosun-monthly", "bosun"), ("lifetime-once", "lifetime")] {
        let (customer, session) = delayed(&shop, price).await;
        shop.pass(days(3)).await;
        assert_eq!(held_by(&shop, &customer).await, None);
        shop.fake
            .settle(&outstanding(&shop, &session), true)
            .unwrap();
        shop.settle().await;
        assert_eq!(held_by(&shop, &customer).await.as_deref(), Some(plan));
        assert_eq!(
            shop.happened(&customer, "subscription.activated")
                .await
                .len(),
            1
        );
    }
    shop.ends_well().await;
}

async fn w_12_a_delayed_payment_that_fails_gives_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    for price in ["bosun-monthly", "lifetime-once"] {
        let (customer, session) = delayed(&shop, price).await;
        shop.pass(days(3)).await;
        shop.fake
            .settle(&outstanding(&shop, &session), false)
            .unwrap();
        shop.settle().await;
        shop.pass(days(3)).await;
        assert_eq!(held_by(&shop, &customer).await, None);
        let activated = shop.happened(&customer, "subscription.activated").await;
        assert_eq!(activated, Vec::<Value>::new());
    }
    shop.ends_well().await;
}

async fn h_11_pausing_reaches_stripe(kind: StoreKind) {
    for pause in [PauseStyle::Collection, PauseStyle::Subscription] {
        let shop = pausing(kind, pause).await;
        let held = sold(&shop, "ana", "bosun-monthly").await;
        shop.pass(days(5)).await;
        let session = shop.session(&held.customer).await;
        let asks = async |what: &str| {
            let url = format!("/v1/me/subscriptions/{}/{what}", held.id);
            let seen = shop.post_as(&session, &url, &json!({})).await;
            seen.is(StatusCode::OK);
            shop.settle().await;
        };
        asks("pause").await;
        let there = held.there(&shop);
        let paused = match pause {
            PauseStyle::Collection => !there["pause_collection"].is_null(),
            PauseStyle::Subscription => there["status"] == "paused",
        };
        assert!(paused, "{there}");
        assert_eq!(held.status(&shop).await, "paused");
        asks("resume").await;
        assert_eq!(held.there(&shop)["status"], "active");
        assert!(held.there(&shop)["pause_collection"].is_null());
        assert_eq!(held.status(&shop).await, "active");
        assert_eq!(held.plan(&shop).await, "bosun");
        shop.ends_well().await;
    }
}

async fn h_11_resuming_at_stripe_charges_what_is_quoted(kind: StoreKind) {
    for pause in [PauseStyle::Collection, PauseStyle::Subscription] {
        let shop = pausing(kind, pause).await;
        let held = sold(&shop, "ana", "bosun-monthly").await;
        shop.pass(days(5)).await;
        let quotes = format!("/v1/me/subscriptions/{}/quotes", held.id);
        let step = async |step: &str| {
            let session = shop.session(&held.customer).await;
            let before = held.there(&shop);
            let quote = shop
                .post_as(&session, &quotes, &json!({ step: true }))
                .await;
            let quote = quote.is(StatusCode::CREATED).json();
            assert_eq!(held.there(&shop), before, "a quote changes nothing");
            let accept = format!("/v1/me/quotes/{}/accept", quote["id"].as_str().unwrap());
            let change = shop.post_as(&session, &accept, &json!({})).await;
            let change = change.is(StatusCode::OK).json();
            assert_eq!(change["status"], "applied", "{change:#}");
            shop.settle().await;
            quote
        };
        let paid = async || {
            let url = format!("/v1/invoices?customer={}", held.customer);
            let rows = shop.rows(&url).await;
            let amounts = rows
                .iter()
                .map(|row| row["amount"]["amount"].as_i64().unwrap());
            amounts.sum::<i64>()
        };
        step("pause").await;
        assert_eq!(held.status(&shop).await, "paused");
        shop.pass(days(10)).await;
        let before = paid().await;
        let quote = step("resume").await;
        assert_eq!(quote["source"], "provider");
        let owed = quote["owed_now"]["amount"].as_i64().unwrap();
        assert_eq!(owed > 0, pause == PauseStyle::Subscription);
        assert_eq!(paid().await, before + owed);
        assert_eq!(held.status(&shop).await, "active");
        assert_eq!(
            held.stands(&shop).await["paid_through"],
            quote["next_charge"]["at"]
        );
        shop.ends_well().await;
    }
}
