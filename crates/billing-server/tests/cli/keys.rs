//! `billing keys`, on the books and by way of a server.

use serde_json::Value;

use crate::http::ask;
use crate::rig::Folder;
use crate::server::Server;

fn status(server: &Server, key: &str) -> u16 {
    let headers = format!("authorization: Bearer {key}\r\n");
    ask("GET", &format!("{}/v1/customers", server.url), &headers, "").status
}

fn secret(made: &Value) -> String {
    made["secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_shown_once_works_and_ends() {
    let folder = Folder::new("keys");
    let made = folder.billing(&["keys", "create", "deploy", "--scope", "write", "--json"]);
    let made = made.exits(0).json();
    let key = secret(&made);
    assert!(key.starts_with("bk_"));
    assert_eq!(made["key"]["scope"], "write");
    let id = made["key"]["id"].as_str().unwrap();

    let quiet = folder.billing(&["keys", "create", "script", "--quiet"]);
    assert!(quiet.exits(0).out.starts_with("bk_"), "{quiet}");
    assert_eq!(quiet.out.lines().count(), 1);
    let told = folder.billing(&["keys", "create", "person"]);
    told.exits(0)
        .tells(&["export BILLING_KEY=bk_"])
        .complains(&["shown once"]);

    let list = folder.billing(&["keys", "list"]);
    list.exits(0)
        .tells(&["id ", "deploy  write", "script  read", id]);
    assert!(!list.out.contains("bk_"), "{list}");
    let listed = folder.billing(&["keys", "list", "--json"]).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);

    // There are keys, so the server makes none.
    let server = Server::again(&folder, &[]);
    assert_eq!(status(&server, &key), 200);
    let ended = server.stop();
    assert!(!ended.out.contains("bk_"), "{}", ended.out);

    folder
        .billing(&["keys", "revoke", id])
        .exits(0)
        .tells(&["is revoked"]);
    let twice = folder.billing(&["keys", "revoke", id]);
    twice.exits(1).complains(&["no key that works has the id"]);
    let server = Server::again(&folder, &[]);
    assert_eq!(status(&server, &key), 401);
}

#[test]
fn keys_are_made_and_ended_by_way_of_a_running_server() {
    let folder = Folder::new("keys-remote");
    let server = Server::first(&folder);
    let admin = [("BILLING_KEY", server.key.as_str())];
    let made = folder.billing_with(&admin, &["keys", "create", "web", "--json"]);
    let made = made.exits(0).json();
    let key = secret(&made);
    assert_eq!(status(&server, &key), 200);
    let id = made["key"]["id"].as_str().unwrap();
    folder
        .billing_with(&admin, &["keys", "list"])
        .exits(0)
        .tells(&["first start  admin", "web          read"]);

    // The same from elsewhere, by the address alone.
    let elsewhere = Folder::new("keys-elsewhere");
    let arguments = ["keys", "revoke", id, "--server", &server.url];
    let no_key = elsewhere.billing(&arguments);
    no_key.exits(2).complains(&["operator key", "BILLING_KEY"]);
    let weak = elsewhere.billing_with(&[("BILLING_KEY", &key)], &arguments);
    weak.exits(4).complains(&["insufficient_scope"]);
    let wrong = elsewhere.billing_with(&[("BILLING_KEY", "bk_wrong")], &arguments);
    wrong
        .exits(4)
        .complains(&["unauthorized", "Is BILLING_KEY the key of this server"]);
    assert!(!wrong.err.contains("bk_wrong"), "{wrong}");
    elsewhere.billing_with(&admin, &arguments).exits(0);
    assert_eq!(status(&server, &key), 401);
    assert!(
        elsewhere.files().is_empty(),
        "nothing is kept where nothing runs"
    );
}

#[test]
fn names_that_would_spoil_a_list_are_refused() {
    let folder = Folder::new("key-names");
    for name in ["", " ", "two\nlines", &"x".repeat(101)] {
        let ran = folder.billing(&["keys", "create", name]);
        ran.exits(2).complains(&["1 to 100 printable characters"]);
    }
    assert!(folder.files().is_empty());
}
