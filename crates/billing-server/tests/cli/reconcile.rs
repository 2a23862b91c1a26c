//! `billing reconcile`: a purchase of which no webhook told is found in the
//! provider's own books.

use billing_testkit::fakes::stripe::{Card, FakeStripe};
use serde_json::{Value, json};

use crate::far::{self, PLANS};
use crate::rig::Folder;
use crate::server::Server;

const STRIPE_KEY: &str = "sk_test_fake";
const STRIPE_SECRET: &str = "whsec_fake";

/// A server that sells through the fake, whose webhooks lead nowhere.
fn variables(fake: &FakeStripe) -> Vec<(&'static str, String)> {
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
        "1 subscriptions read: 1 differences.",
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

/// Buys and pays.
fn bought(server: &Server, fake: &FakeStripe) {
    let ask = json!({ "price": "pro-monthly", "email": "ana@example.com" });
    let opened: Value = server.operator("POST", "/v1/checkouts", &ask);
    let url = opened["url"].as_str().unwrap();
    let session = url.rsplit('/').next().unwrap();
    let paid = fake.pay(session, Card::Good);
    assert!(paid.is_ok(), "{paid:?}");
}
