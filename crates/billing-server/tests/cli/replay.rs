//! `billing replay`: what was told leads to what is stored, or the row is named.

use serde_json::json;

use crate::books::edit;
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, buy};

/// The sandbox charges by itself, as a provider that runs the schedule does.
const RUN_THERE: [(&str, &str); 1] = [("BILLING_SANDBOX_MODE", "own-schedule")];

fn first_id(server: &Server, path: &str) -> String {
    let rows = server.read(path);
    rows["data"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_row_that_is_stored_otherwise_than_it_was_told_is_named() {
    let folder = Folder::new("replay");
    let server = Server::first_with(&folder, &RUN_THERE);
    buy(&server, "personal-monthly", PAYS);
    let customer = first_id(&server, "/v1/customers");
    let subscription = first_id(&server, "/v1/subscriptions");
    let busy = folder.billing_with(&RUN_THERE, &["replay"]);
    busy.exits(4).complains(&["in use"]);
    server.stop();
    let replay = |more: &[&str]| {
        let mut words = vec!["replay"];
        words.extend(more);
        folder.billing_with(&RUN_THERE, &words)
    };

    let alike = replay(&[]);
    alike
        .exits(0)
        .tells(&["1 customers, ", " rows applied again; nothing differs."]);
    let alike = replay(&["--provider", "sandbox/main", "--json"])
        .exits(0)
        .json();
    assert_eq!(alike["customers"], 1);
    assert!(alike["rows"].as_u64().unwrap() > 0, "{alike}");
    for nothing in ["differences", "not_compared", "left_out"] {
        assert_eq!(alike[nothing], json!([]), "{alike}");
    }

    edit(
        &folder,
        "UPDATE subscriptions SET body = json_set(body, '$.terms.plan', 'team', \
         '$.times.paid_through', '2031-01-01T00:00:00Z')",
    );
    let differs = replay(&["--customer", &customer]);
    differs.exits(1).tells(&[
        &format!("replay_price  {customer}  {subscription}  sandbox/main subscription "),
        ": stored team at personal-monthly, told personal at personal-monthly",
        &format!("replay_paid_through  {customer}  {subscription}  "),
        ": stored 2031-01-01T00:00:00Z, told ",
        "; 2 differences.",
    ]);
    assert_eq!(differs.out.lines().count(), 3, "{differs}");
    let told = replay(&["--json"]).exits(1).json();
    let told = &told["differences"];
    assert_eq!(told.as_array().unwrap().len(), 2);
    let price = told.as_array().unwrap().iter();
    let price = price
        .clone()
        .find(|told| told["code"] == "replay_price")
        .unwrap();
    for (field, expected) in [
        ("customer", customer.as_str()),
        ("row", subscription.as_str()),
        ("provider", "sandbox/main"),
        ("kind", "subscription"),
        ("stored", "team at personal-monthly"),
        ("told", "personal at personal-monthly"),
    ] {
        assert_eq!(price[field], expected, "{field}: {price}");
    }

    // Nothing was written: it is as wrong as before.
    replay(&[]).exits(1);
    let unknown = replay(&["--provider", "stripe/eu"]);
    unknown
        .exits(2)
        .complains(&["stripe/eu is no provider that is configured here"]);
    replay(&["--customer", "no id"]).exits(2);
    let nobody = replay(&[
        "--customer",
        &customer.replace(&customer[8..], &subscription[8..]),
    ]);
    nobody.exits(1).complains(&["there is no customer"]);
}

#[test]
fn a_row_that_is_not_decided_is_left_out_and_named() {
    let folder = Folder::new("replay-waits");
    let server = Server::first_with(&folder, &RUN_THERE);
    buy(&server, "personal-monthly", PAYS);
    server.stop();
    edit(
        &folder,
        "UPDATE inbox SET state = 'parked' WHERE id IN \
         (SELECT max(id) FROM inbox WHERE state = 'done' AND facts LIKE '%subscription_seen%')",
    );
    let left = folder.billing_with(&RUN_THERE, &["replay"]);
    left.exits(1).tells(&[
        "left_out  ",
        "it is set aside for a person",
        "1 rows left out.",
    ]);
}
