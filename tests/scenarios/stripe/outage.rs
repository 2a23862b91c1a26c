//! Stripe down, slow, or with another key: nothing is half-made, nothing is lost,
//! and nobody pays for it.

use std::time::Duration;

use billing_stripe::StripeOptions;
use billing_testkit::fakes::rig::FaultKind;
use billing_testkit::fakes::stripe::{FakeOptions, Version};
use jiff::SignedDuration;
use poem::http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::shop::{
    PLANS, Shop, account, bought, days, opened, options, pays, plan_of, reasons, shop, sold, with,
    with_client,
};
use crate::rig::{StoreKind, impatient};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-16: a checkout while Stripe is down is a 502, and nothing is half-made.
    k_16_a_checkout_while_stripe_is_down_makes_nothing;
    /// K-16: a Stripe that does not answer is waited for as long as one call may take.
    k_16_a_stripe_that_is_slow_is_not_waited_for;
    /// K-16: what could not be asked is decided later, and nobody lapses by it.
    k_16_webhooks_while_stripe_is_down_are_decided_later;
    /// K-16: in whatever order they come.
    k_16_webhooks_in_any_order_give_what_was_bought_while_stripe_is_down;
    /// K-16: a key that Stripe refuses is an alarm; it ends nobody's access.
    k_16_a_key_that_stripe_refuses_is_an_alarm_and_lapses_nobody;
}

/// The checkout sessions that there are.
fn sessions(shop: &Shop) -> u64 {
    shop.fake.books().count("checkout.session")
}

async fn holds_nothing(shop: &Shop, customer: &str) {
    for list in ["subscriptions", "invoices"] {
        let rows = shop.rows(&format!("/v1/{list}?customer={customer}")).await;
        assert_eq!(rows, [] as [Value; 0], "{list}");
    }
    assert_eq!(plan_of(shop, customer).await, "free");
}

async fn k_16_a_checkout_while_stripe_is_down_makes_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "bosun-monthly" });
    let faults = [
        FaultKind::LostAnswer,
        FaultKind::CutBody,
        FaultKind::HtmlBadGateway,
        FaultKind::ServerError,
        FaultKind::Conflict,
        FaultKind::RateLimited {
            retry_after: Some(30),
        },
    ];
    for (before, fault) in (0..).zip(faults) {
        let name = fault.name();
        let session = shop.session(&ana).await;
        shop.down(fault);
        let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
        refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
        shop.settle().await;
        holds_nothing(&shop, &ana).await;
        assert!(sessions(&shop) <= before, "{name}");
        // Stripe is back: what was asked for may have its page by now, once.
        shop.fake.faults().clear();
        shop.pass(SignedDuration::from_hours(2)).await;
        assert!(sessions(&shop) <= before + 1, "{name}: {}", sessions(&shop));
        holds_nothing(&shop, &ana).await;
        shop.is_sound().await;
    }
    // Stripe back, the same customer buys.
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.is_sound().await;
}

async fn k_16_a_stripe_that_is_slow_is_not_waited_for(kind: StoreKind) {
    let fake = account(FakeOptions::default()).await;
    let options = options(&fake, "cellar");
    let shop = with_client(kind.fresh().await, fake, options, PLANS, impatient()).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    shop.down(FaultKind::Slow { millis: 100_000 });
    let asked = json!({ "price": "bosun-monthly" });
    let asking = shop.post_as(&session, "/v1/checkouts", &asked);
    let refused = tokio::time::timeout(Duration::from_secs(50), asking).await;
    let refused = refused.expect("long before Stripe would have answered");
    refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
    holds_nothing(&shop, &ana).await;
    shop.fake.faults().clear();
    let checkout = opened(&shop, &ana, "bosun-monthly").await;
    pays(&shop, &checkout);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "bosun");
    shop.is_sound().await;
}

async fn k_16_webhooks_while_stripe_is_down_are_decided_later(kind: StoreKind) {
    // What an event says in the pinned version needs no question; in any other it only
    // says what is to be asked about.
    for (version, meanwhile) in [(Version::Pinned, "bosun"), (Version::Old, "free")] {
        let shop = shop(kind).await;
        shop.fake.set_webhook_version(version);
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, "bosun-monthly").await;
        pays(&shop, &checkout);
        shop.down(FaultKind::ServerError);
        // Taken and stored, whatever can be asked.
        assert!(shop.deliver_all().await > 0);
        shop.work().await;
        assert_eq!(plan_of(&shop, &ana).await, meanwhile, "{version:?}");
        shop.pass(SignedDuration::from_mins(3)).await;
        assert_eq!(plan_of(&shop, &ana).await, meanwhile, "{version:?}");
        shop.fake.faults().clear();
        shop.pass(SignedDuration::from_hours(1)).await;
        assert_eq!(plan_of(&shop, &ana).await, "bosun", "{version:?}");
        let held = format!("/v1/subscriptions?customer={ana}");
        assert_eq!(shop.rows(&held).await.len(), 1);
        shop.ends_well().await;
        renews_through_an_outage(&shop, &ana).await;
    }
}

async fn k_16_webhooks_in_any_order_give_what_was_bought_while_stripe_is_down(kind: StoreKind) {
    // What comes in one instant is worked off in no promised order: here each order is given.
    for (turned, backwards) in [(0, false), (0, true), (6, false), (6, true)] {
        let shop = shop(kind).await;
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, "bosun-monthly").await;
        pays(&shop, &checkout);
        let mut told = shop.fake.deliveries().take();
        told.rotate_left(turned);
        if backwards {
            told.reverse();
        }
        shop.down(FaultKind::ServerError);
        for webhook in &told {
            shop.fake.advance(SignedDuration::from_millis(2));
            shop.deliver_each(std::slice::from_ref(webhook)).await;
        }
        shop.work().await;
        assert_eq!(plan_of(&shop, &ana).await, "bosun", "{told:?}");
        shop.fake.faults().clear();
        shop.pass(SignedDuration::from_hours(1)).await;
        assert_eq!(plan_of(&shop, &ana).await, "bosun", "{told:?}");
        shop.ends_well().await;
    }
}

/// An outage through a renewal lapses nobody: it is Stripe's, not theirs.
async fn renews_through_an_outage(shop: &Shop, ana: &str) {
    shop.pass(days(30)).await;
    shop.down(FaultKind::HtmlBadGateway);
    shop.pass(days(2)).await;
    assert_eq!(plan_of(shop, ana).await, "bosun");
    shop.fake.faults().clear();
    shop.pass(days(1)).await;
    assert_eq!(plan_of(shop, ana).await, "bosun");
    let held = format!("/v1/subscriptions?customer={ana}");
    assert_eq!(shop.rows(&held).await[0]["status"], "active");
    assert_eq!(shop.told("subscription.past_due"), 0);
    shop.is_sound().await;
}

/// Whether an operator is told that the key is refused.
fn is_alarmed(shop: &Shop) -> bool {
    shop.billing.refused_keys().any(|(_, refused)| refused)
}

/// Stripe's answer to a key that it does not take.
fn denied() -> FaultKind {
    FaultKind::Fixed {
        status: 401,
        body: json!({ "error": { "type": "invalid_request_error",
            "message": "Invalid API Key provided: sk_test_a_wrong_one" } }),
    }
}

async fn k_16_a_key_that_stripe_refuses_is_an_alarm_and_lapses_nobody(kind: StoreKind) {
    let fake = account(FakeOptions::default()).await;
    let wrong = StripeOptions {
        secret_key: SecretString::from("sk_test_a_wrong_one"),
        ..options(&fake, "cellar")
    };
    let shop = with(kind.fresh().await, fake, wrong, PLANS).await;
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    let asked = json!({ "price": "bosun-monthly" });
    let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
    refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
    assert!(!refused.text.contains("sk_test"), "{}", refused.text);
    shop.settle().await;
    holds_nothing(&shop, &ana).await;
    assert_eq!(sessions(&shop), 0);

    // The key is revoked under a shop that sold before.
    let shop = super::shop::shop(kind).await;
    let ana = sold(&shop, "ana", "bosun-monthly").await;
    shop.down(denied());
    shop.pass(days(33)).await;
    assert!(is_alarmed(&shop));
    assert_eq!(ana.plan(&shop).await, "bosun", "it is ours to mend");
    for never in ["subscription.past_due", "subscription.lapsed"] {
        assert_eq!(shop.told(never), 0, "{never}");
    }
    // Who does nothing for days finds it set aside.
    shop.pass(days(2)).await;
    assert!(!reasons(&shop).await.is_empty(), "a person is told of it");
    for row in shop.rows("/v1/parked?limit=100").await {
        assert!(!row.to_string().contains("sk_test"), "{row}");
    }
    shop.fake.faults().clear();
    for row in shop.rows("/v1/parked?limit=100").await {
        let url = format!("/v1/parked/{}/replay", row["id"].as_str().unwrap());
        let replayed = shop.operate(&url, &json!({})).await;
        replayed.is(StatusCode::NO_CONTENT);
    }
    shop.pass(days(1)).await;
    assert!(!is_alarmed(&shop));
    assert_eq!(ana.status(&shop).await, "active");
    assert_eq!(ana.invoices(&shop).await.len(), 2);
    // And it sells again.
    let ben = bought(&shop, "ben", "deckhand-monthly").await;
    assert_eq!(plan_of(&shop, &ben).await, "deckhand");
    shop.ends_well().await;
}
