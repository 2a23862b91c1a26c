//! `billing audit`: what holds is told in a line, and what does not is named.

use serde_json::json;

use crate::books::{edit, edit_at, postgres};
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, buy};

#[test]
fn sound_books_are_sound_and_each_broken_row_is_named() {
    let folder = Folder::new("audit");
    let server = Server::first(&folder);
    buy(&server, "personal-monthly", PAYS);
    let customer = first_id(&server, "/v1/customers");
    let invoice = first_id(&server, "/v1/invoices");
    let subscription = first_id(&server, "/v1/subscriptions");
    let busy = folder.billing(&["audit"]);
    busy.exits(4).complains(&["in use", "a copy"]);
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

/// The id of the first row of a list, once there is one.
fn first_id(server: &Server, path: &str) -> String {
    server.wait_for(path, |server| {
        let rows = server.read(path);
        rows["data"][0]["id"].as_str().map(str::to_owned)
    })
}

/// The id as rows have it.
fn uuid_of(id: &str) -> String {
    let digits = id.split_once('_').unwrap().1;
    digits.get(..8).unwrap().to_owned()
}

/// The sandbox charges by itself, as a provider that runs the schedule does.
const RUN_THERE: [(&str, &str); 1] = [("BILLING_SANDBOX_MODE", "own-schedule")];

#[test]
fn what_a_provider_says_otherwise_is_told_with_who_is_right() {
    let folder = Folder::new("audit-drift");
    let server = Server::first_with(&folder, &RUN_THERE);
    buy(&server, "personal-monthly", PAYS);
    let customer = first_id(&server, "/v1/customers");
    let subscription = first_id(&server, "/v1/subscriptions");
    server.stop();
    let audit = |more: &[&str]| {
        let mut words = vec!["audit"];
        words.extend(more);
        folder.billing_with(&RUN_THERE, &words)
    };

    let alike = audit(&["--drift"]);
    assert_eq!(
        alike.exits(0).out,
        "1 customers: everything holds.\n1 objects at providers: nothing differs.\n"
    );
    let alike = audit(&["--provider", "sandbox/main", "--json"])
        .exits(0)
        .json();
    let nothing = json!({ "read": 1, "differences": [], "unanswered": [] });
    assert_eq!(alike["drift"], nothing);

    // As if the news had been lost that it is paid.
    edit(
        &folder,
        "UPDATE subscriptions SET body = json_set(body, '$.state.state', 'incomplete', \
         '$.schedule.seen_at', '2020-01-01T00:00:00Z')",
    );
    audit(&[]).exits(0).tells(&["everything holds"]);
    let differs = audit(&["--drift"]);
    differs.exits(1).tells(&[
        &format!("drift_status  {customer}  {subscription}  sandbox/main subscription "),
        "ours incomplete, the provider's active; the provider is right: \
         the provider's word would be taken over",
        "1 objects at providers, 1 differences.",
    ]);
    let again = audit(&["--drift", "--json"]).exits(1).json();
    assert_eq!(again["findings"], json!([]));
    let told = &again["drift"]["differences"][0];
    for (field, expected) in [
        ("code", "drift_status"),
        ("customer", customer.as_str()),
        ("row", subscription.as_str()),
        ("provider", "sandbox/main"),
        ("kind", "subscription"),
        ("ours", "incomplete"),
        ("theirs", "active"),
        ("right", "provider"),
        ("remedy", "take_over"),
    ] {
        assert_eq!(told[field], expected, "{field}: {told}");
    }

    // Whoever is not there to be asked is named, and sound it is not.
    edit(
        &folder,
        "UPDATE subscriptions SET body = json_set(body, '$.provider', 'stripe/eu')",
    );
    let silent = audit(&["--drift"]);
    assert_eq!(
        silent.exits(5).out,
        "1 customers: everything holds.\n\
         unanswered  stripe/eu  1 objects not compared: it is not configured\n\
         0 objects at providers: of these, nothing differs.\n"
    );
    let silent = audit(&["--drift", "--json"]).exits(5).json();
    let unanswered = &silent["drift"]["unanswered"];
    assert_eq!(
        *unanswered,
        json!([{ "provider": "stripe/eu", "objects": 1, "error": "it is not configured" }])
    );
    let unknown = audit(&["--provider", "stripe/eu"]);
    unknown.exits(2).complains(&[
        "stripe/eu is no provider that is configured here",
        "Configured: sandbox/main.",
    ]);
    audit(&["--provider", "manual/main"]).exits(2);
    audit(&["--provider", "no account"]).exits(2);
    audit(&["--drift", "--provider", "sandbox/main"]).exits(2);
}

#[test]
fn books_on_postgresql_are_audited_alike() {
    let Some(url) = postgres("audit") else { return };
    let folder = Folder::new("audit-postgres");
    let there = [
        ("BILLING_DATABASE_URL", url.as_str()),
        ("BILLING_SANDBOX_ENABLED", "true"),
        ("BILLING_SANDBOX_MODE", "own-schedule"),
        (
            "BILLING_SANDBOX_WEBHOOK_SECRET",
            "a secret of the audit's tests",
        ),
    ];
    let server = Server::first_with(&folder, &there);
    buy(&server, "personal-monthly", PAYS);
    let customer = first_id(&server, "/v1/customers");
    let invoice = first_id(&server, "/v1/invoices");
    server.stop();
    let sound = folder.billing_with(&there, &["audit", "--drift"]);
    assert_eq!(
        sound.exits(0).out,
        "1 customers: everything holds.\n1 objects at providers: nothing differs.\n"
    );
    let forgotten = "DELETE FROM journal WHERE event = 'invoice.settled'";
    edit_at(&url, forgotten);
    let broken = folder.billing_with(&there, &["audit"]);
    broken.exits(1).tells(&[
        &format!("settled_untold  {customer}  {invoice}  "),
        "1 customers, 1 findings.",
    ]);
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
