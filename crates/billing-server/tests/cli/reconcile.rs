//! `billing reconcile`: a purchase of which no webhook told is found in the
//! provider's own books.

use billing_domain::money::Currency;
use billing_testkit::fakes::paddle::{Card as PaddleCard, PriceSeed};
use billing_testkit::fakes::stripe::{Card, FakeStripe};
use serde_json::{Value, json};

use crate::far::{self, PLANS};
use crate::rig::Folder;
use crate::server::Server;

pub(crate) const STRIPE_KEY: &str = "sk_test_fake";
pub(crate) const STRIPE_SECRET: &str = "whsec_fake";
const PADDLE_KEY: &str = "pdl_sdbx_apikey_fake";
const PADDLE_SECRET: &str = "pdl_ntfset_fake";

/// A server that sells through the fake, whose webhooks lead nowhere.
pub(crate) fn variables(fake: &FakeStripe) -> Vec<(&'static str, String)> {
    vec![
        ("BILLING_STRIPE_SECRET_KEY", STRIPE_KEY.to_owned()),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", STRIPE_SECRET.to_owned()),
        ("BILLING_STRIPE_BASE_URL", fake.url().to_string()),
        ("BILLING_PLANS", "plans.yaml".to_owned()),
    ]
}

#[test]
fn a_purchase_that_no_webhook_told_of_is_found_and_received() {
    let folder = Folder::new("reconcile");
    folder.write("plans.yaml", PLANS);
    let fake = far::stripe(STRIPE_KEY, STRIPE_SECRET);
    let told = variables(&fake);
    let told: Vec<(&str, &str)> = told.iter().map(|(name, is)| (*name, is.as_str())).collect();
    let made = folder.billing_with(
        &told,
        &["keys", "create", "ops", "--scope", "admin", "--json"],
    );
    let key = made.exits(0).json()["secret"].as_str().unwrap().to_owned();
    let mut server = Server::again(&folder, &told);
    server.key.clone_from(&key);
    bought(&server, &fake);
    server.stop();
    let reconcile = |more: &[&str]| {
        let mut words = vec!["reconcile", "--provider", "stripe/main"];
        words.extend(more);
        folder.billing_with(&told, &words)
    };

    let dry = reconcile(&["--dry-run"]);
    dry.exits(1).tells(&[
        "drift_unknown  ",
        "the provider is right",
        "1 subscriptions read: 1 differences; ",
        "events read, of which ",
    ]);
    let dry = reconcile(&["--dry-run", "--json"]).exits(1).json();
    assert_eq!(dry["dry_run"], true);
    assert_eq!(dry["differences"][0]["theirs"], "active");
    let done = reconcile(&[]);
    done.exits(1)
        .tells(&["events read, of which ", " had not come"]);

    let mut server = Server::again(&folder, &told);
    server.key = key;
    server.wait_for("the subscription", |server| {
        let held = server.read("/v1/subscriptions");
        (held["data"][0]["status"] == "active").then_some(())
    });
    server.stop();
    let alike = reconcile(&[]);
    alike
        .exits(0)
        .tells(&["1 subscriptions read: nothing differs"]);
    let unknown = folder.billing_with(&told, &["reconcile", "--provider", "paddle/main"]);
    unknown.exits(2).complains(&["paddle/main is no provider"]);
    drop(fake);
    let silent = reconcile(&["--dry-run"]);
    silent
        .exits(5)
        .complains(&["failed to read the provider's books"]);
}

/// The same with a price that is bought once at Paddle.
const ONCE: &str = r"
product: Acme
currency: usd
plans:
  lifetime:
    name: Lifetime
    prices:
      lifetime-once: { amount: 99.00, interval: once, paddle: pri_once }
";

#[test]
fn a_dry_run_finds_a_purchase_and_what_went_back_of_it() {
    let folder = Folder::new("reconcile-paddle");
    folder.write("plans.yaml", ONCE);
    let fake = far::paddle(PADDLE_KEY, PADDLE_SECRET);
    fake.sell(&PriceSeed::new("pri_once", 9_900, Currency::USD, None));
    fake.rules(|rules| rules.approve_refunds = true);
    let url = fake.url().to_string();
    let told = [
        ("BILLING_PADDLE_API_KEY", PADDLE_KEY),
        ("BILLING_PADDLE_WEBHOOK_SECRETS", PADDLE_SECRET),
        ("BILLING_PADDLE_BASE_URL", url.as_str()),
        ("BILLING_PLANS", "plans.yaml"),
    ];
    let made = folder.billing_with(
        &told,
        &["keys", "create", "ops", "--scope", "admin", "--json"],
    );
    let key = made.exits(0).json()["secret"].as_str().unwrap().to_owned();
    let reconcile = |more: &[&str]| {
        let mut words = vec!["reconcile", "--provider", "paddle/main"];
        words.extend(more);
        folder.billing_with(&told, &words)
    };
    let mut server = Server::again(&folder, &told);
    server.key.clone_from(&key);
    let ask = json!({ "price": "lifetime-once", "email": "ana@example.com" });
    let opened: Value = server.operator("POST", "/v1/checkouts", &ask);
    let page = opened["url"].as_str().unwrap();
    let transaction = page.rsplit("_ptxn=").next().unwrap().to_owned();
    assert!(fake.pay(&transaction, PaddleCard::Pays).unwrap());
    server.stop();

    // It is no subscription: only its events tell of it. Looked at twice, nothing moves.
    for _ in 0..2 {
        reconcile(&["--dry-run"]).exits(1).tells(&[
            "drift_unknown  ",
            &transaction,
            "the provider's transaction.completed",
            "the provider is right",
            "0 subscriptions read: nothing differs; ",
            " had not come.",
        ]);
    }
    reconcile(&[]).exits(1).tells(&[" had not come"]);
    let mut server = Server::again(&folder, &told);
    server.key = key;
    server.wait_for("the purchase", |server| {
        let held = server.read("/v1/subscriptions");
        (held["data"][0]["status"] == "active").then_some(())
    });
    server.stop();
    let nothing_lost = ["of which 0 had not come"];
    reconcile(&["--dry-run"]).exits(0).tells(&nothing_lost);

    // And what goes back of it.
    fake.refund(&transaction).unwrap();
    let dry = reconcile(&["--dry-run", "--json"]).exits(1).json();
    assert_ne!(dry["lost"], 0);
    let told = dry["differences"].as_array().unwrap();
    let of_refund = |row: &&Value| row["theirs"] == "adjustment.created";
    let refund = told.iter().find(of_refund).expect("it is told");
    assert_eq!(refund["right"], "provider");
    assert_eq!(refund["remedy"], "take_over");
    assert!(refund["customer"].is_string(), "{refund}");
}

/// Buys and pays.
pub(crate) fn bought(server: &Server, fake: &FakeStripe) {
    let ask = json!({ "price": "pro-monthly", "email": "ana@example.com" });
    let opened: Value = server.operator("POST", "/v1/checkouts", &ask);
    let url = opened["url"].as_str().unwrap();
    let session = url.rsplit('/').next().unwrap();
    let paid = fake.pay(session, Card::Good);
    assert!(paid.is_ok(), "{paid:?}");
}
