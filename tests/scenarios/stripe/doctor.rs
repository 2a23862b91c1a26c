//! Looking at a Stripe account before anybody buys.

use std::fmt::Write as _;

use billing_catalog::read_plan_file;
use billing_domain::money::Currency;
use billing_domain::time::Interval;
use billing_ports::{Finding, FindingLevel};
use billing_stripe::{HANDLED_EVENTS, StripeOptions};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use billing_testkit::fakes::stripe::{FakeOptions, OLD_VERSION, PINNED_VERSION};
use secrecy::SecretString;

use super::shop::{PLANS, Shop, account, dashboard, options, shop, with};
use crate::rig::{PUBLIC, StoreKind};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// S-12: an account as it should be has nothing bad.
    s_12_a_sound_account_is_good;
    /// S-12: each price that is not what the file says is named, with what it is.
    s_12_each_price_is_held_against_the_file;
    /// S-12: keys, endpoints, their events and versions.
    s_12_keys_and_endpoints;
}

/// Everything that the doctor says of the account, against this plan file.
async fn said(shop: &Shop, plans: &str) -> Vec<Finding> {
    let catalog = read_plan_file("cellar.yaml", plans.as_bytes()).unwrap();
    shop.provider.doctor(&catalog).await
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

/// Makes an endpoint at the server's address; its id.
async fn endpoint(shop: &Shop, events: &[&str], version: &str) -> String {
    let url = format!("{PUBLIC}/v1/webhooks/stripe");
    let mut fields = vec![("url", url.as_str()), ("api_version", version)];
    let names: Vec<String> = (0..events.len())
        .map(|place| format!("enabled_events[{place}]"))
        .collect();
    fields.extend(names.iter().map(String::as_str).zip(events.iter().copied()));
    let made = dashboard(&shop.fake, "POST", "webhook_endpoints", &fields).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn s_12_a_sound_account_is_good(kind: StoreKind) {
    let shop = shop(kind).await;
    endpoint(&shop, &HANDLED_EVENTS, PINNED_VERSION).await;
    let findings = said(&shop, PLANS).await;
    let all_good = findings.iter().all(|it| it.level == FindingLevel::Good);
    assert!(all_good, "{}", lines(&findings));
    says(&findings, FindingLevel::Good, "test mode: no real money");
    for price in [
        "price_deckhand",
        "price_bosun",
        "price_bosun_year",
        "price_lifetime",
    ] {
        says(
            &findings,
            FindingLevel::Good,
            &format!("({price}): as the catalog says"),
        );
    }
    // Nothing was written, neither here nor there.
    let posts = shop.fake.requests().all();
    let posts = posts.iter().filter(|it| it.method != "GET").count();
    assert_eq!(posts, 1, "only the endpoint was made");
}

async fn s_12_each_price_is_held_against_the_file(kind: StoreKind) {
    let shop = shop(kind).await;
    let month = Some(Interval::MONTH);
    shop.fake
        .price("price_dear", "prod_a", 301, Currency::USD, month);
    shop.fake
        .price("price_euro", "prod_b", 300, Currency::EUR, month);
    shop.fake.price(
        "price_year",
        "prod_c",
        300,
        Currency::USD,
        Some(Interval::YEAR),
    );
    shop.fake
        .price("price_once", "prod_d", 300, Currency::USD, None);
    shop.fake
        .price("price_gone", "prod_e", 300, Currency::USD, month);
    dashboard(
        &shop.fake,
        "POST",
        "prices/price_gone",
        &[("active", "false")],
    )
    .await;
    for (price, words) in [
        ("price_none", "Stripe has no such price"),
        ("price_dear", "it costs USD 3.01, not USD 3.00"),
        ("price_euro", "it costs EUR 3.00, not USD 3.00"),
        ("price_year", "it recurs every 1 year, not every month"),
        ("price_once", "it is paid once, and is to recur"),
        ("price_gone", "it is archived, and cannot be sold"),
    ] {
        let plans = PLANS.replace("stripe: price_deckhand", &format!("stripe: {price}"));
        let findings = said(&shop, &plans).await;
        let bad = format!("price deckhand-monthly ({price}): {words}");
        says(&findings, FindingLevel::Bad, &bad);
        says(
            &findings,
            FindingLevel::Good,
            "(price_bosun): as the catalog says",
        );
    }
    // A product in the place of a price is already refused where the file is read.
    let product = PLANS.replace("stripe: price_deckhand", "stripe: prod_deckhand");
    let refused = read_plan_file("cellar.yaml", product.as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("prod_deckhand"), "{refused}");
}

async fn s_12_keys_and_endpoints(kind: StoreKind) {
    let shop = shop(kind).await;
    let none = said(&shop, PLANS).await;
    says(
        &none,
        FindingLevel::Bad,
        "no webhook endpoint at https://billing.test/v1/webhooks/stripe",
    );

    let id = endpoint(&shop, &["invoice.paid", "customer.deleted"], PINNED_VERSION).await;
    let few = said(&shop, PLANS).await;
    says(
        &few,
        FindingLevel::Bad,
        "not sent are checkout.session.completed",
    );
    let bad = few
        .iter()
        .find(|it| it.text.contains("not sent are"))
        .unwrap();
    assert!(!bad.text.contains("invoice.paid"), "{}", bad.text);
    let all = ("enabled_events[0]", "*");
    dashboard(
        &shop.fake,
        "POST",
        &format!("webhook_endpoints/{id}"),
        &[all],
    )
    .await;
    says(
        &said(&shop, PLANS).await,
        FindingLevel::Good,
        &format!("{id} (https://billing.test"),
    );
    let off = ("disabled", "true");
    dashboard(
        &shop.fake,
        "POST",
        &format!("webhook_endpoints/{id}"),
        &[off],
    )
    .await;
    says(
        &said(&shop, PLANS).await,
        FindingLevel::Bad,
        "it is disabled, not enabled",
    );
    dashboard(
        &shop.fake,
        "DELETE",
        &format!("webhook_endpoints/{id}"),
        &[],
    )
    .await;

    endpoint(&shop, &["*"], OLD_VERSION).await;
    let old = said(&shop, PLANS).await;
    says(
        &old,
        FindingLevel::Warning,
        &format!("its version is {OLD_VERSION}"),
    );

    // Nobody answers; then a key that is not the account's.
    shop.fake
        .fault(Fault::next(FaultKind::HtmlBadGateway).on("GET", "/v1/webhook_endpoints"));
    says(
        &said(&shop, PLANS).await,
        FindingLevel::Bad,
        "Stripe did not answer",
    );
    let fake = account(FakeOptions::default()).await;
    let options = StripeOptions {
        secret_key: SecretString::from("sk_test_another_s"),
        ..options(&fake, "cellar")
    };
    let other = with(kind.fresh().await, fake, options, PLANS).await;
    let findings = said(&other, PLANS).await;
    says(&findings, FindingLevel::Bad, "the key is not accepted");
    assert!(
        !lines(&findings).contains("another_s"),
        "{}",
        lines(&findings)
    );
}
