//! An operator at the dashboard: in with a key, something parked tried again, a price migration
//! planned and begun.

use super::chromium::Browser;
use crate::books;
use crate::rig::Folder;
use crate::server::Server;

/// A browser, and a server with three who hold a price that a dearer one follows, and an event
/// that cannot be read.
pub(super) fn opened(folder: &Folder) -> Option<(Browser, Server)> {
    let browser = Browser::open(folder)?;
    books::catalog(folder);
    books::hold(folder, 3);
    books::arrives(folder, books::UNREADABLE);
    let server = Server::first(folder);
    server.wait_for("what is parked", parked);
    Some((browser, server))
}

/// The newest parked row. `None`: there is none yet.
pub(super) fn parked(server: &Server) -> Option<String> {
    let rows = server.read("/v1/parked");
    rows["data"][0]["id"].as_str().map(str::to_owned)
}

pub(super) fn comes_in(browser: &Browser, server: &Server, key: &str) {
    browser.visit(&format!("{}/admin", server.url));
    browser.reads("Come in with an operator key");
    browser.fill("key", key);
    browser.choose("Sign in");
    browser.reads("What waits");
    assert_eq!(browser.at(), format!("{}/admin", server.url));
    assert_eq!(
        browser.ask("return document.cookie"),
        "",
        "no script sees it"
    );
}

#[test]
fn an_operator_replays_what_is_parked_and_migrates_a_price() {
    let folder = Folder::new("browser-admin");
    let Some((browser, server)) = opened(&folder) else {
        return;
    };
    comes_in(&browser, &server, &server.key);

    browser.choose("Parked");
    browser.reads("It could not be read");
    browser.press("main table tbody th a");
    browser.reads("Try it again");
    browser.press("form[action$='/replay'] input[name=reason]");
    browser.fill("reason", "the parser was mended");
    browser.press("form[action$='/replay'] button");
    browser.reads("It is being tried again.");
    let acts = server.read("/v1/audit");
    assert_eq!(acts["data"][0]["reason"], "the parser was mended");

    browser.choose("Migrations");
    browser.reads("Plan one");
    browser.ask(&format!(
        "document.querySelector('[name=from]').value = '{}'; \
         document.querySelector('[name=to]').value = '{}'",
        books::FROM,
        books::TO
    ));
    browser.choose("Plan it");
    browser.reads("What it is worth, month by month");
    let drawn = "return document.querySelectorAll('svg.chart rect').length";
    assert_eq!(browser.ask(drawn), 24, "a year, before and after");
    browser.fill("reason", "costs rose");
    browser.choose("Move 3 of 3");
    browser.reads("Finished");
    browser.reads("3 of 3");
    let held = server.read("/v1/subscriptions");
    let held = held["data"].as_array().unwrap();
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|held| held["scheduled"].is_object()));

    browser.choose("Sign out");
    browser.reads("You are signed out.");
    browser.visit(&format!("{}/admin", server.url));
    browser.reads("Come in with an operator key");
}
