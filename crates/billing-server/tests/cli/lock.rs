//! One SQLite file, one process.

use crate::rig::Folder;
use crate::server::Server;

#[test]
fn a_second_server_on_the_same_file_does_not_start() {
    let folder = Folder::new("two-servers");
    let server = Server::first(&folder);
    let second = folder.billing_with(&[("BILLING_LISTEN", "127.0.0.1:0")], &["serve"]);
    second
        .exits(4)
        .complains(&["billing.db is in use by a running server"]);
    assert_eq!(second.out, "", "it does not say that it listens");
    server.get("/healthz").ok(200);
}

#[test]
fn an_address_that_is_taken_leaves_nothing_half_made() {
    let first = Folder::new("address-taken");
    let server = Server::first(&first);
    let second = Folder::new("address-wanted");
    let address = server.url.strip_prefix("http://").unwrap();
    let ran = second.billing_with(&[("BILLING_LISTEN", address)], &["serve"]);
    ran.exits(1)
        .complains(&["failed to listen on", "BILLING_LISTEN"]);
    assert!(second.files().is_empty(), "{:?}", second.files());
}

#[test]
fn a_command_beside_a_server_asks_it_or_says_how() {
    let folder = Folder::new("beside");
    let server = Server::first(&folder);
    let keyless = folder.billing(&["keys", "list"]);
    keyless.exits(4).complains(&[
        "billing.db is in use",
        &format!("the server at {} is asked instead", server.url),
        "export BILLING_KEY=",
    ]);
    folder.billing(&["migrate"]).exits(4).complains(&["in use"]);
    let asked = folder.billing_with(&[("BILLING_KEY", &server.key)], &["keys", "list", "--json"]);
    assert_eq!(asked.exits(0).json()["data"][0]["name"], "first start");

    // What the server noted ends with it.
    let key = server.key.clone();
    server.stop();
    let alone = folder.billing_with(&[("BILLING_KEY", &key)], &["keys", "list"]);
    alone.exits(0).tells(&["first start"]);
    assert_eq!(alone.err, "");
}
