//! A Stripe that delivers what happens by itself, signed, to a server that runs.

use billing_testkit::fakes::stripe::{Card, Payment};
use serde_json::{Value, json};

use crate::far::{self, PLANS};
use crate::rig::Folder;
use crate::server::Server;

const KEY: &str = "sk_test_fake";
const SECRET: &str = "whsec_fake";

/// The only subscription. `None`: there is none yet.
fn held(server: &Server) -> Option<Value> {
    let mut held = server.read("/v1/subscriptions");
    let rows = held["data"].as_array_mut().unwrap();
    assert!(rows.len() <= 1, "{rows:?}");
    rows.pop()
}

/// Waits until the only subscription is as told.
#[track_caller]
fn comes(server: &Server, what: &str, is_so: impl Fn(&Value) -> bool) {
    server.wait_for(what, |server| {
        held(server).is_some_and(|held| is_so(&held)).then_some(())
    });
}

#[test]
fn what_stripe_delivers_by_itself_arrives() {
    let fake = far::stripe(KEY, SECRET);
    let folder = Folder::new("delivered");
    folder.write("plans.yaml", PLANS);
    let told = [
        ("BILLING_STRIPE_SECRET_KEY", KEY),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", SECRET),
        ("BILLING_STRIPE_BASE_URL", fake.url().as_str()),
        ("BILLING_PLANS", "plans.yaml"),
    ];
    let keys = ["keys", "create", "ops", "--scope", "admin", "--json"];
    let made = folder.billing_with(&told, &keys).exits(0).json();
    let mut server = Server::again(&folder, &told);
    made["secret"].as_str().unwrap().clone_into(&mut server.key);
    let to = format!("{}/v1/webhooks/stripe", server.url);
    fake.deliveries().set_target(Some(to.parse().unwrap()));

    // Bought, to be canceled, taken back, and given back: nobody hands anything over.
    let ask = json!({ "price": "pro-monthly", "email": "ana@example.com" });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let page = opened["url"].as_str().unwrap();
    let session = page.rsplit('/').next().unwrap();
    assert_eq!(fake.pay(session, Card::Good).unwrap(), Payment::Complete);
    comes(&server, "the subscription", |held| {
        held["status"] == "active"
    });
    let page = fake.object(session).unwrap();
    let subscription = page["subscription"].as_str().unwrap();
    fake.cancel_in_portal(subscription).unwrap();
    comes(&server, "its end", |held| !held["ends_at"].is_null());
    fake.renew_in_portal(subscription).unwrap();
    comes(&server, "that it goes on", |held| held["ends_at"].is_null());
    fake.refund(page["invoice"].as_str().unwrap(), None)
        .unwrap();
    comes(&server, "the refund", |held| held["status"] == "canceled");
    server.stop();
}
