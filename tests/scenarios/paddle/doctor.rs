//! Looking at a Paddle account before anybody buys.

use std::fmt::Write as _;
use std::sync::Arc;

use billing_catalog::read_plan_file;
use billing_domain::money::Currency;
use billing_domain::time::{Interval, Unit};
use billing_paddle::{HANDLED_EVENTS, Paddle, PaddleOptions};
use billing_ports::{Finding, FindingLevel, PaymentProvider};
use billing_testkit::fakes::paddle::{DEFAULT_KEY, PriceSeed};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use serde_json::{Value, json};

use super::shop::{PLANS, Shop, dashboard, options, shop};
use crate::rig::{PUBLIC, StoreKind, client};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-12: an account as it should be has nothing bad.
    s_12_a_sound_account_at_paddle_is_good;
    /// S-12: each price that is not what the file says is named, with what it is.
    s_12_each_price_at_paddle_is_held_against_the_file;
    /// S-12: a trial is the price's at Paddle, and is held against the plan's.
    s_12_each_trial_at_paddle_is_held_against_the_file;
    /// S-12: keys, destinations and their events.
    s_12_keys_and_destinations_at_paddle;
}

/// Everything that the doctor says of the account under this key, against this plan file.
async fn said_under(shop: &Shop, key: &str, plans: &str) -> Vec<Finding> {
    let options = PaddleOptions {
        checkout_url: Some(format!("{PUBLIC}/checkout/pay").parse().unwrap()),
        webhook_url: Some(format!("{PUBLIC}/v1/webhooks/paddle").parse().unwrap()),
        ..options(&shop.fake, key)
    };
    let clock = Arc::new(shop.fake.clock().clone());
    let paddle = Paddle::new(&options, client(), clock).unwrap();
    let catalog = read_plan_file("inkwell.yaml", plans.as_bytes()).unwrap();
    paddle.doctor(&catalog).await
}

async fn said(shop: &Shop, plans: &str) -> Vec<Finding> {
    said_under(shop, DEFAULT_KEY, plans).await
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut all, finding| {
        writeln!(all, "{:?} {}", finding.level, finding.text).unwrap();
        all
    })
}

/// Refuses findings of which none has this level and says this.
#[track_caller]
fn says(findings: &[Finding], level: FindingLevel, words: &str) {
    let found = findings
        .iter()
        .any(|it| it.level == level && it.text.contains(words));
    assert!(found, "no {level:?} {words} in {}", lines(findings));
}

#[track_caller]
fn all_is_good(findings: &[Finding]) {
    let all_good = findings.iter().all(|it| it.level == FindingLevel::Good);
    assert!(all_good, "{}", lines(findings));
}

/// Adds a destination at the server's address; its id.
async fn destination(shop: &Shop, events: &[&str]) -> String {
    let body = json!({
        "description": "billing", "type": "url", "subscribed_events": events,
        "destination": format!("{PUBLIC}/v1/webhooks/paddle"),
    });
    let made = dashboard(shop, "POST", "notification-settings", &body).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Changes it.
async fn changed(shop: &Shop, id: &str, change: &Value) {
    let path = format!("notification-settings/{id}");
    dashboard(shop, "PATCH", &path, change).await;
}

async fn s_12_a_sound_account_at_paddle_is_good(kind: StoreKind) {
    let shop = shop(kind).await;
    destination(&shop, &HANDLED_EVENTS).await;
    let findings = said(&shop, PLANS).await;
    all_is_good(&findings);
    says(&findings, FindingLevel::Good, "the key works, in sandbox");
    says(&findings, FindingLevel::Good, "is sent every event");
    for price in [
        "pri_solo",
        "pri_solo_year",
        "pri_crew",
        "pri_team",
        "pri_lifetime",
    ] {
        let same = format!("({price}) is the same at Paddle");
        says(&findings, FindingLevel::Good, &same);
    }
    // Nothing was written, neither here nor there.
    let writes = shop.fake.requests().all();
    let writes = writes.iter().filter(|it| it.method != "GET").count();
    assert_eq!(writes, 1, "only the destination was made");
}

async fn s_12_each_price_at_paddle_is_held_against_the_file(kind: StoreKind) {
    let shop = shop(kind).await;
    let month = Some(Interval::MONTH);
    for (price, amount, currency, interval) in [
        ("pri_dear", 1_001, Currency::USD, month),
        ("pri_euro", 1_000, Currency::EUR, month),
        ("pri_year", 1_000, Currency::USD, Some(Interval::YEAR)),
        ("pri_once", 1_000, Currency::USD, None),
        ("pri_gone", 1_000, Currency::USD, month),
    ] {
        let seed = PriceSeed::new(price, amount, currency, interval);
        shop.fake.sell(&seed);
    }
    let archived = json!({ "status": "archived" });
    dashboard(&shop, "PATCH", "prices/pri_gone", &archived).await;
    destination(&shop, &HANDLED_EVENTS).await;
    for (price, words) in [
        ("pri_none", "Paddle has no pri_none in sandbox"),
        (
            "pri_dear",
            "costs 1001 minor units of USD at Paddle, USD 10.00 here",
        ),
        (
            "pri_euro",
            "costs 1000 minor units of EUR at Paddle, USD 10.00 here",
        ),
        ("pri_year", "is not charged every month there"),
        ("pri_once", "is not charged every month there"),
        ("pri_gone", "is archived there"),
    ] {
        let plans = PLANS.replace("paddle: pri_solo }", &format!("paddle: {price} }}"));
        let findings = said(&shop, &plans).await;
        says(&findings, FindingLevel::Bad, words);
        let bad = findings.iter().filter(|it| it.level == FindingLevel::Bad);
        assert_eq!(bad.count(), 1, "{price} alone: {}", lines(&findings));
        says(
            &findings,
            FindingLevel::Good,
            "(pri_team) is the same at Paddle",
        );
    }
    // What is retired is sold to nobody, and may be archived.
    let retired = PLANS.replace(
        "paddle: pri_solo }",
        "paddle: pri_gone, retired: 2026-02-01 }",
    );
    all_is_good(&said(&shop, &retired).await);
    // A product in the place of a price is already refused where the file is read.
    let product = PLANS.replace("paddle: pri_solo }", "paddle: pro_solo }");
    let refused = read_plan_file("inkwell.yaml", product.as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("pro_solo"), "{refused}");
}

async fn s_12_each_trial_at_paddle_is_held_against_the_file(kind: StoreKind) {
    let shop = shop(kind).await;
    destination(&shop, &HANDLED_EVENTS).await;
    let weeks = |count| Some(Interval::new(Unit::Week, count).unwrap());
    for (price, trial) in [("pri_two_weeks", weeks(2)), ("pri_week", weeks(1))] {
        shop.fake.sell(&PriceSeed {
            trial,
            ..PriceSeed::new(price, 1_000, Currency::USD, Some(Interval::MONTH))
        });
    }
    let plans = |trial: &str, price: &str| {
        let named = PLANS.replace("    name: Solo\n", &format!("    name: Solo\n{trial}"));
        let named = named.replace("paddle: pri_solo }", &format!("paddle: {price} }}"));
        // The year is without a trial at Paddle.
        let kept = named.lines().filter(|line| !line.contains("solo-yearly"));
        kept.collect::<Vec<_>>().join("\n")
    };
    let fortnight = "    trial: 14d\n";
    for (trial, price) in [(fortnight, "pri_two_weeks"), ("", "pri_solo")] {
        all_is_good(&said(&shop, &plans(trial, price)).await);
    }
    for (trial, price, words) in [
        (
            fortnight,
            "pri_solo",
            "has no trial there, and one of 14 days here",
        ),
        (
            fortnight,
            "pri_week",
            "has a trial of 1 week there, and one of 14 days here",
        ),
        ("", "pri_week", "has a trial of 1 week there, and none here"),
    ] {
        let findings = said(&shop, &plans(trial, price)).await;
        says(&findings, FindingLevel::Bad, words);
    }
}

async fn s_12_keys_and_destinations_at_paddle(kind: StoreKind) {
    let shop = shop(kind).await;
    let none = said(&shop, PLANS).await;
    says(
        &none,
        FindingLevel::Bad,
        "no notification destination sends to https://billing.test/v1/webhooks/paddle",
    );

    let id = destination(&shop, &["transaction.completed", "customer.updated"]).await;
    let few = said(&shop, PLANS).await;
    says(&few, FindingLevel::Bad, "is not sent subscription.created");
    let bad = few.iter().find(|it| it.text.contains("is not sent"));
    let bad = &bad.unwrap().text;
    assert!(!bad.contains("transaction.completed"), "{bad}");
    changed(&shop, &id, &json!({ "subscribed_events": HANDLED_EVENTS })).await;
    all_is_good(&said(&shop, PLANS).await);

    changed(&shop, &id, &json!({ "active": false })).await;
    says(
        &said(&shop, PLANS).await,
        FindingLevel::Bad,
        "is not active",
    );
    changed(&shop, &id, &json!({ "active": true })).await;
    all_is_good(&said(&shop, PLANS).await);
    let elsewhere = json!({ "destination": "https://elsewhere.test/v1/webhooks/paddle" });
    changed(&shop, &id, &elsewhere).await;
    says(
        &said(&shop, PLANS).await,
        FindingLevel::Bad,
        "no notification destination",
    );

    // Nobody answers; then a key that is not the account's.
    shop.fake.fault(Fault::next(FaultKind::HtmlBadGateway));
    says(
        &said(&shop, PLANS).await,
        FindingLevel::Bad,
        "Paddle did not answer in sandbox",
    );
    let findings = said_under(&shop, "pdl_sdbx_apikey_another_s", PLANS).await;
    says(&findings, FindingLevel::Bad, "the key is not accepted");
    assert_eq!(findings.len(), 1, "{}", lines(&findings));
    assert!(
        !lines(&findings).contains("another_s"),
        "{}",
        lines(&findings)
    );
}
