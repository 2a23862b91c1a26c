//! `billing audit`: what holds is told in a line, and what does not is named.

use serde_json::json;

use crate::books::edit;
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, buy};

#[test]
fn sound_books_are_sound_and_each_broken_row_is_named() {
    let folder = Folder::new("audit");
    let server = Server::first(&folder);
    buy(&server, "personal-monthly", PAYS);
    let read = |path: &str| {
        server.read(path)["data"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (customer, invoice) = (read("/v1/customers"), read("/v1/invoices"));
    let subscription = read("/v1/subscriptions");
    let busy = folder.billing(&["audit"]);
    busy.exits(4).complains(&["in use", "audit a copy"]);
    server.stop();

    let sound = folder.billing(&["audit"]);
    assert_eq!(sound.exits(0).out, "1 customers: everything holds.\n");
    let sound = folder.billing(&["audit", "--json"]);
    let expected = json!({ "customers": 1, "findings": [] });
    assert_eq!(sound.exits(0).json(), expected);

    edit(
        &folder,
        "UPDATE invoices SET body = json_set(body, '$.amount.amount', 1)",
    );
    edit(
        &folder,
        "UPDATE customers SET body = json_set(body, '$.balances', \
         json('[{\"amount\":700,\"currency\":\"usd\"}]'))",
    );
    let broken = folder.billing(&["audit"]);
    broken.exits(1).tells(&[
        &format!("lines_do_not_sum  {customer}  {invoice}  "),
        &format!("balance_differs  {customer}  {customer}  "),
        "1 customers, 2 findings.",
    ]);
    assert_eq!(broken.out.lines().count(), 3, "{broken}");
    let told = folder.billing(&["audit", "--json"]);
    let findings = told.exits(1).json()["findings"].clone();
    assert_eq!(findings.as_array().unwrap().len(), 2);
    assert_eq!(findings[0]["code"], "lines_do_not_sum");
    assert_eq!(findings[0]["customer"], customer.as_str());
    assert_eq!(findings[0]["row"], invoice.as_str());
    assert!(findings[0]["words"].as_str().unwrap().contains("USD"));

    edit(
        &folder,
        "UPDATE subscriptions SET body = json_set(body, '$.id', 'no id')",
    );
    let unread = folder.billing(&["audit"]);
    unread
        .exits(1)
        .complains(&["failed to audit", "subscription", &uuid_of(&subscription)]);
}

/// The id as rows have it.
fn uuid_of(id: &str) -> String {
    let digits = id.split_once('_').unwrap().1;
    digits.get(..8).unwrap().to_owned()
}

#[test]
fn without_books_there_is_nothing_to_audit() {
    let folder = Folder::new("audit-none");
    let ran = folder.billing(&["audit"]);
    ran.exits(1).complains(&["billing.db is not there"]);
    let off = [("BILLING_ENABLED", "false")];
    let ran = folder.billing_with(&off, &["audit"]);
    ran.exits(2).complains(&["switched off"]);
    assert!(folder.files().is_empty(), "an audit makes nothing");
}
