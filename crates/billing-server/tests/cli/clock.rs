//! `billing clock`: the sandbox's, and nobody else's.

use crate::http::ask;
use crate::rig::Folder;
use crate::server::Server;

#[test]
fn the_clock_is_moved_ahead_and_stays_there() {
    let folder = Folder::new("clock");
    let set = folder.billing(&["clock", "set", "2049-12-24"]);
    set.exits(0).tells(&["2049-12-24T00:00:00"]);
    folder
        .billing(&["clock", "advance", "1 month"])
        .exits(0)
        .tells(&["2050-01-24T00:0"]);
    let now = folder.billing(&["clock", "show", "--json"]).json();
    assert!(
        now["now"].as_str().unwrap().starts_with("2050-01-24T00:0"),
        "{now}"
    );
    let back = folder.billing(&["clock", "set", "2049-12-24"]);
    back.exits(1).complains(&["the clock only moves ahead"]);
    for (arguments, expected) in [
        (["clock", "advance", "soon"], "a length of time such as 31d"),
        (["clock", "set", "tomorrow"], "a date or an instant such as"),
    ] {
        folder.billing(&arguments).exits(2).complains(&[expected]);
    }
}

#[test]
fn without_a_sandbox_there_is_no_clock_to_move() {
    let folder = Folder::new("no-sandbox");
    let off = [("BILLING_SANDBOX_ENABLED", "false")];
    for arguments in [&["clock", "show"][..], &["clock", "advance", "31d"]] {
        let ran = folder.billing_with(&off, arguments);
        ran.exits(1)
            .complains(&["the sandbox is off", "BILLING_SANDBOX_ENABLED=true"]);
    }

    let sells = Folder::new("no-sandbox-served");
    sells.write(
        "plans.yaml",
        "currency: usd\nproduct: Free Things\nplans:\n  free: { name: Free }\n",
    );
    let key = sells.billing_with(
        &off,
        &["keys", "create", "me", "--scope", "admin", "--quiet"],
    );
    let key = key.exits(0).out.trim_end();
    let variables = [off[0], ("BILLING_PLANS", "plans.yaml")];
    let server = Server::again(&sells, &variables);
    let variables = [off[0], ("BILLING_KEY", key)];
    let ran = sells.billing_with(&variables, &["clock", "advance", "31d"]);
    ran.exits(4).complains(&["404"]);
    let headers = format!("authorization: Bearer {key}\r\n");
    let url = format!("{}/sandbox/clock", server.url);
    assert_eq!(
        ask("POST", &url, &headers, "{\"advance\":\"31d\"}").status,
        404
    );
}

#[test]
fn a_server_lets_an_admin_move_the_clock_and_nobody_else() {
    let folder = Folder::new("clock-scope");
    let server = Server::first(&folder);
    let admin = [("BILLING_KEY", server.key.as_str())];
    let weak = folder.billing_with(
        &admin,
        &["keys", "create", "weak", "--scope", "write", "--quiet"],
    );
    let weak = weak.exits(0).out.trim_end().to_owned();
    let before = server.get("/sandbox/clock").json();
    let url = format!("{}/sandbox/clock", server.url);
    let body = "{\"advance\":\"31d\"}";
    assert_eq!(ask("POST", &url, "", body).status, 401);
    let ran = folder.billing_with(&[("BILLING_KEY", &weak)], &["clock", "advance", "31d"]);
    ran.exits(4).complains(&["insufficient_scope"]);
    let after = server.get("/sandbox/clock").json();
    let day = |shown: &serde_json::Value| shown["now"].as_str().unwrap()[..7].to_owned();
    assert_eq!(day(&before), day(&after), "nothing moved");
    let back = folder.billing_with(&admin, &["clock", "set", "2001-01-01"]);
    back.exits(4).complains(&["the clock only moves ahead"]);
}
