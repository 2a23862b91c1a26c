//! `billing forecast`: the next invoices, from the books and from a server.

use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, buy};

#[test]
fn the_next_invoices_are_told_by_the_server_and_by_the_books_alike() {
    let folder = Folder::new("forecast");
    let server = Server::first(&folder);
    buy(&server, "personal-monthly", PAYS);
    let held = server.read("/v1/subscriptions");
    let id = held["data"][0]["id"].as_str().unwrap().to_owned();
    let key = server.key.clone();
    let words = ["forecast", "--subscription", &id, "--cycles", "3", "--json"];
    let by_server = folder.billing_with(&[("BILLING_KEY", &key)], &words);
    let told = by_server.exits(0).json();
    assert_eq!(told["subscription"], id.as_str());
    assert_eq!(told["entries"].as_array().unwrap().len(), 3);
    assert_eq!(told["more"], true);
    server.stop();
    let by_books = folder.billing(&words);
    assert_eq!(by_books.exits(0).json(), told);

    let shown = folder.billing(&["forecast", "--subscription", &id, "--cycles", "2"]);
    shown.exits(0).tells(&[
        "when ",
        "personal-monthly",
        "USD 5.00",
        "renewal",
        "More follows.",
    ]);
    assert_eq!(shown.out.lines().count(), 4, "{shown}");
    let usual = folder.billing(&["forecast", "--subscription", &id, "--json"]);
    assert_eq!(usual.json()["entries"].as_array().unwrap().len(), 12);

    let nobody = format!("sub_{}", "0".repeat(32));
    let ran = folder.billing(&["forecast", "--subscription", &nobody]);
    ran.exits(1).complains(&["there is no subscription"]);
    for wrong in [
        &["forecast"][..],
        &["forecast", "--subscription", "nobody"],
        &["forecast", "--subscription", &id, "--cycles", "0"],
        &["forecast", "--subscription", &id, "--cycles", "61"],
    ] {
        folder.billing(wrong).exits(2).complains(&["error:"]);
    }
}
