//! Paddle down, slow, or with another key: nothing is half-made, nothing is lost,
//! and nobody pays for it.

use std::time::Duration;

use billing_testkit::fakes::paddle::{Card, Rules, TransactionStatus};
use billing_testkit::fakes::rig::FaultKind;
use poem::http::StatusCode;
use serde_json::json;

use super::shop::{
    Shop, bought, days, held, impatient_shop, invoices, only, opened, pays, plan_of, quoted, shop,
    shop_with,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-16: a checkout while Paddle is down is a 502, and nothing is half-made.
    k_16_a_checkout_while_paddle_is_down_makes_nothing;
    /// K-16: a Paddle that does not answer is waited for as long as one call may take.
    k_16_a_paddle_that_is_slow_is_not_waited_for;
    /// K-16: what could not be asked is decided later, and nobody lapses by it.
    k_16_webhooks_while_paddle_is_down_are_decided_later;
    /// K-16: a wrong key is an alarm; it ends nobody's access.
    k_16_a_wrong_key_is_an_alarm_and_lapses_nobody;
}

async fn k_16_a_checkout_while_paddle_is_down_makes_nothing(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "solo-monthly" });
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
    for (before, fault) in faults.into_iter().enumerate() {
        let name = fault.name();
        let session = shop.session(&ana).await;
        shop.down(fault);
        let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
        refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "", "{name}");
        assert!(invoices(&shop, &ana).await.is_empty(), "{name}");
        assert!(shop.fake.world().transactions.len() <= before, "{name}");
        // Paddle is back: what was asked for may have its page by now, once.
        shop.fake.faults().clear();
        shop.pass(jiff::SignedDuration::from_hours(2)).await;
        let made = shop.fake.world().transactions.len();
        assert!(made <= before + 1, "{name}: {made}");
        let world = shop.fake.world();
        let mut pages = world.transactions.values();
        let closed = pages.all(|page| page.status == TransactionStatus::Canceled);
        assert!(
            closed,
            "{name}: nobody pays at a page that nobody was led to"
        );
        assert_eq!(plan_of(&shop, &ana).await, "", "{name}");
        assert!(held(&shop, &ana).await.is_empty(), "{name}");
        shop.is_sound().await;
    }
    // Paddle back, the same customer buys.
    let checkout = opened(&shop, &ana, &asked).await;
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.is_sound().await;
}

async fn k_16_a_paddle_that_is_slow_is_not_waited_for(kind: StoreKind) {
    let shop = impatient_shop(kind).await;
    let ana = shop.customer("ana").await;
    let asked = json!({ "price": "solo-monthly" });
    let session = shop.session(&ana).await;
    shop.down(FaultKind::Slow { millis: 100_000 });
    let asking = shop.post_as(&session, "/v1/checkouts", &asked);
    let refused = tokio::time::timeout(Duration::from_secs(50), asking).await;
    let refused = refused.expect("long before Paddle would have answered");
    refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
    shop.settle().await;
    assert!(held(&shop, &ana).await.is_empty());
    assert!(invoices(&shop, &ana).await.is_empty());
    shop.fake.faults().clear();
    let checkout = opened(&shop, &ana, &asked).await;
    pays(&shop, &checkout, Card::Pays);
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "solo");
    shop.is_sound().await;
}

async fn k_16_webhooks_while_paddle_is_down_are_decided_later(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = shop.customer("ana").await;
    let checkout = opened(&shop, &ana, &json!({ "price": "team-monthly" })).await;
    pays(&shop, &checkout, Card::Pays);
    shop.down(FaultKind::LostAnswer);
    // Taken and stored, whatever can be asked.
    shop.deliver_all().await;
    shop.work().await;
    assert_eq!(
        plan_of(&shop, &ana).await,
        "",
        "nothing is believed that was not read"
    );
    shop.pass(jiff::SignedDuration::from_mins(3)).await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    shop.fake.faults().clear();
    shop.pass(jiff::SignedDuration::from_hours(1)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(held(&shop, &ana).await.len(), 1);
    shop.ends_well().await;

    // Nor does an outage through a renewal lapse anybody: it is Paddle's, not theirs.
    shop.pass(days(30)).await;
    shop.down(FaultKind::HtmlBadGateway);
    shop.pass(days(2)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    shop.fake.faults().clear();
    shop.pass(days(1)).await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    assert_eq!(only(&shop, &ana).await["status"], "active");
    assert_eq!(shop.told("subscription.past_due"), 0);
    shop.is_sound().await;
}

/// Whether an operator is told that the key is refused.
fn is_alarmed(shop: &Shop) -> bool {
    shop.billing.refused_keys().any(|(_, refused)| refused)
}

async fn k_16_a_wrong_key_is_an_alarm_and_lapses_nobody(kind: StoreKind) {
    let shop = shop_with(kind, Rules::default(), "pdl_sdbx_apikey_a_wrong_one").await;
    assert!(!is_alarmed(&shop), "nobody was asked yet");
    let ana = shop.customer("ana").await;
    let session = shop.session(&ana).await;
    let asked = json!({ "price": "solo-monthly" });
    let refused = shop.post_as(&session, "/v1/checkouts", &asked).await;
    refused.refused(StatusCode::BAD_GATEWAY, "provider_error");
    assert!(!refused.text.contains("pdl_"), "{}", refused.text);
    assert!(is_alarmed(&shop));
    shop.settle().await;
    assert!(held(&shop, &ana).await.is_empty());
    assert!(shop.fake.world().transactions.is_empty());

    // The key is changed under a shop that sold before.
    let shop = super::shop::shop(kind).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    assert!(!is_alarmed(&shop));
    let denied = json!({ "error": { "type": "request_error", "code": "authentication_malformed",
        "detail": "Authentication header included, but incorrectly formatted" },
        "meta": { "request_id": "r" } });
    shop.down(FaultKind::Fixed {
        status: 401,
        body: denied,
    });
    shop.pass(days(33)).await;
    assert!(is_alarmed(&shop));
    assert_eq!(plan_of(&shop, &ana).await, "team", "it is ours to mend");
    assert_eq!(shop.told("subscription.past_due"), 0);
    assert_eq!(shop.told("subscription.lapsed"), 0);
    shop.fake.faults().clear();
    // With the right key, what waited is decided by itself.
    assert_eq!(shop.parked().await, []);
    shop.pass(days(1)).await;
    assert!(!is_alarmed(&shop));
    let now = only(&shop, &ana).await;
    assert_eq!(now["status"], "active");
    assert_eq!(invoices(&shop, &ana).await.len(), 2);
    let quote = quoted(&shop, &ana, &json!({ "plan": "solo" })).await;
    assert_eq!(quote["owed_now"]["amount"], 0);
    shop.ends_well().await;
}
