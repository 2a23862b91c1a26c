//! The doctor: key, destinations and prices, as they should be and as they are not.

use billing_domain::catalog::Catalog;
use billing_domain::money::Currency;
use billing_ports::{Finding, FindingLevel, PaymentProvider};
use jiff::SignedDuration;
use serde_json::{Value, json};
use wiremock::MockServer;

use super::{MONTHLY, YEARLY, answer, options, paddle, price, refusal, respond, usd};
use crate::{Paddle, PaddleOptions};

const WEBHOOKS: &str = "https://billing.example.com/webhooks/paddle";

fn catalog() -> Catalog {
    Catalog::builder("Acme", Currency::USD)
        .plan("team", "Team", |plan| {
            plan.monthly("team-month", usd(2_000))
                .provider_ref("paddle", MONTHLY)
                .yearly("team-year", usd(20_000))
                .provider_ref("paddle", YEARLY)
        })
        .build()
        .unwrap()
}

fn listening(mut paddle: Paddle) -> Paddle {
    paddle.webhook_url = Some(WEBHOOKS.parse().unwrap());
    paddle
}

fn destination(active: bool, events: &[&str]) -> Value {
    let events: Vec<Value> = events.iter().map(|name| json!({ "name": name })).collect();
    json!([{
        "id": "ntfset_1", "type": "url", "destination": WEBHOOKS, "active": active,
        "subscribed_events": events,
    }])
}

async fn prices(server: &MockServer, yearly: &Value) {
    answer(
        server,
        "GET",
        &format!("/prices/{MONTHLY}"),
        &price(MONTHLY),
    )
    .await;
    answer(server, "GET", &format!("/prices/{YEARLY}"), yearly).await;
}

fn yearly() -> Value {
    let mut yearly = price(YEARLY);
    yearly["unit_price"]["amount"] = json!("20000");
    yearly
}

fn bad(findings: &[Finding]) -> Vec<&str> {
    let bad = findings.iter().filter(|it| it.level == FindingLevel::Bad);
    bad.map(|it| it.text.as_str()).collect()
}

#[tokio::test]
async fn all_is_well() {
    let (server, paddle) = paddle().await;
    answer(
        &server,
        "GET",
        "/notification-settings",
        &destination(true, &crate::HANDLED_EVENTS),
    )
    .await;
    prices(&server, &yearly()).await;
    let mut paddle = listening(paddle);
    paddle.checkout_url = Some("https://pay.example.com".parse().unwrap());
    let findings = paddle.doctor(&catalog()).await;
    assert!(
        findings.iter().all(|it| it.level == FindingLevel::Good),
        "{findings:?}"
    );
    assert_eq!(
        findings.len(),
        4,
        "key, destination, two prices: {findings:?}"
    );
    assert!(findings[0].text.contains("sandbox"));
}

#[tokio::test]
async fn a_bad_key_is_the_end_of_it() {
    let (server, paddle) = paddle().await;
    let no = refusal("authentication_malformed", "no such key");
    respond(&server, "GET", "/notification-settings", 403, no).await;
    let findings = paddle.doctor(&catalog()).await;
    assert_eq!(bad(&findings).len(), 1);
    assert!(!format!("{findings:?}").contains("apikey"));
}

#[tokio::test]
async fn destinations_that_miss_something_are_found() {
    for (listed, words) in [
        (json!([]), "no notification destination"),
        (destination(false, &crate::HANDLED_EVENTS), "not active"),
        (
            destination(true, &["transaction.completed"]),
            "subscription.updated",
        ),
    ] {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", "/notification-settings", &listed).await;
        prices(&server, &yearly()).await;
        let findings = listening(paddle).doctor(&catalog()).await;
        let bad = bad(&findings);
        assert!(bad.len() == 1 && bad[0].contains(words), "{words}: {bad:?}");
    }
}

#[tokio::test]
async fn prices_that_differ_are_found() {
    let changed = |name: &str, value: Value| {
        let mut changed = yearly();
        changed[name] = value;
        changed
    };
    let cycle = json!({ "interval": "month", "frequency": 12 });
    for (theirs, words) in [
        (
            changed(
                "unit_price",
                json!({ "amount": "1", "currency_code": "USD" }),
            ),
            "costs 1",
        ),
        (
            changed(
                "unit_price",
                json!({ "amount": "20000", "currency_code": "EUR" }),
            ),
            "EUR",
        ),
        (changed("billing_cycle", cycle), "is not charged every year"),
        (
            changed("billing_cycle", Value::Null),
            "is not charged every year",
        ),
        (changed("status", json!("archived")), "archived"),
    ] {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", "/notification-settings", &json!([])).await;
        prices(&server, &theirs).await;
        let findings = paddle.doctor(&catalog()).await;
        let bad = bad(&findings);
        assert!(bad.len() == 1 && bad[0].contains(words), "{words}: {bad:?}");
    }
    let (server, paddle) = paddle().await;
    answer(&server, "GET", "/notification-settings", &json!([])).await;
    let no = refusal("entity_not_found", "no");
    respond(&server, "GET", &format!("/prices/{YEARLY}"), 404, no).await;
    answer(
        &server,
        "GET",
        &format!("/prices/{MONTHLY}"),
        &price(MONTHLY),
    )
    .await;
    let findings = paddle.doctor(&catalog()).await;
    assert!(bad(&findings)[0].contains("Paddle has no pri_year"));
}

#[tokio::test]
async fn a_trial_that_differs_is_found() {
    let trial =
        |interval: &str, frequency: u16| json!({ "interval": interval, "frequency": frequency });
    for (ours, theirs, words) in [
        (None, Value::Null, None),
        (Some(14), trial("day", 14), None),
        (Some(14), trial("week", 2), None),
        (Some(30), trial("month", 1), None),
        (Some(14), Value::Null, Some("has no trial there")),
        (Some(14), trial("day", 7), Some("a trial of 7 day there")),
        (
            Some(14),
            trial("month", 1),
            Some("a trial of 1 month there"),
        ),
        (None, trial("week", 1), Some("and none here")),
    ] {
        let (server, paddle) = paddle().await;
        answer(&server, "GET", "/notification-settings", &json!([])).await;
        let mut monthly = price(MONTHLY);
        monthly["trial_period"] = theirs;
        answer(&server, "GET", &format!("/prices/{MONTHLY}"), &monthly).await;
        let catalog = Catalog::builder("Acme", Currency::USD)
            .plan("team", "Team", |plan| {
                let plan = match ours {
                    Some(days) => plan.trial(SignedDuration::from_hours(24 * days)),
                    None => plan,
                };
                plan.monthly("team-month", usd(2_000))
                    .provider_ref("paddle", MONTHLY)
            })
            .build()
            .unwrap();
        let findings = paddle.doctor(&catalog).await;
        let bad = bad(&findings);
        match words {
            None => assert!(bad.is_empty(), "{ours:?} {monthly}: {bad:?}"),
            Some(words) => {
                assert!(bad.len() == 1 && bad[0].contains(words), "{words}: {bad:?}");
            }
        }
    }
}

#[test]
fn options_have_defaults_for_what_is_optional() {
    let held: PaddleOptions = options();
    assert_eq!(held.tolerance, crate::DEFAULT_TOLERANCE);
    assert!(held.base_url.is_none() && held.checkout_url.is_none());
}
