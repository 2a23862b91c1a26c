//! `billing import stripe`: whom an account knows and what it charges is brought over, once.

use serde_json::{Value, json};

use crate::far;
use crate::import::APPLY;
use crate::reconcile::{STRIPE_KEY, STRIPE_SECRET, bought, variables};
use crate::rig::Folder;
use crate::server::Server;

#[test]
fn what_stripe_charges_is_adopted_by_the_command() {
    let folder = Folder::new("import-stripe");
    folder.write("plans.yaml", far::PLANS);
    let fake = far::stripe(STRIPE_KEY, STRIPE_SECRET);
    let told = variables(&fake);
    let told: Vec<(&str, &str)> = told.iter().map(|(name, is)| (*name, is.as_str())).collect();
    let keys = ["keys", "create", "ops", "--scope", "admin", "--json"];
    let made = folder.billing_with(&told, &keys).exits(0).json();
    let mut server = Server::again(&folder, &told);
    made["secret"].as_str().unwrap().clone_into(&mut server.key);
    // No webhook leads anywhere: nobody here hears of it.
    bought(&server, &fake);
    server.stop();
    // Somebody who bought nothing.
    let somebody = "email=eve%40example.com&metadata[user_id]=eve";
    far::set_up(fake.url(), STRIPE_KEY, "POST", "v1/customers", somebody);
    let adopt = |more: &[&str]| {
        let mut words = vec!["import", "stripe", "--ref-key", "user_id"];
        words.extend(more);
        folder.billing_with(&told, &words)
    };
    adopt(&[]).exits(0).tells(&[
        "Customers: 1 would be imported; 1 there already; 0 refused.",
        "Subscriptions: 1 would be imported; 0 there already; 0 refused.",
    ]);
    let report: Vec<&str> = APPLY
        .into_iter()
        .chain(["--report", "adopted.jsonl"])
        .collect();
    adopt(&report).exits(0).tells(&[
        "Customers: 1 imported; 1 there already; 0 refused.",
        "Subscriptions: 1 imported; 0 there already; 0 refused.",
    ]);
    let lines = std::fs::read_to_string(folder.path("adopted.jsonl")).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let came: Vec<&Value> = lines.iter().map(|line| &line["outcome"]).collect();
    assert_eq!(came, ["created", "there", "created"], "{lines:?}");
    let again = adopt(&["--json"]).exits(0).json();
    assert_eq!(
        (&again["there"], &again["finished"], &again["applied"]),
        (&json!(1), &json!(true), &json!(false))
    );
    assert_eq!(
        (&again["customers"]["created"], &again["customers"]["there"]),
        (&json!(0), &json!(2))
    );
    let audit = folder.billing_with(&told, &["audit"]);
    audit.exits(0).tells(&["2 customers: everything holds."]);
    let nowhere = adopt(&["--provider", "stripe/eu"]);
    nowhere.exits(2).complains(&["stripe/eu is no provider"]);
    drop(fake);
    adopt(&[])
        .exits(5)
        .complains(&["failed to read the provider's books"]);
}
