//! What people come for, done with a keyboard alone.

use fantoccini::key::Key;
use serde_json::json;

use super::admin::{opened as opened_desk, parked};
use super::chromium::Browser;
use super::harbor::{link, opened};
use crate::rig::Folder;
use crate::server::Server;

#[test]
fn a_keyboard_buys() {
    let folder = Folder::new("browser-keys-buy");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = Server::first(&folder);
    browser.visit(&server.at("/pricing"));
    browser.tabs_to("Skip to content");
    browser.tabs_to("Buy monthly: Personal");
    browser.enters(Key::Enter);
    browser.reads("Choose one to fill the form in");
    browser.tabs_to("4242 4242 4242 4242");
    browser.enters(Key::Enter);
    browser.reads("Choose one to fill the form in");
    browser.tabs_to("E-mail");
    browser.types("ana@example.com");
    browser.tabs_to("Pay USD 5.00");
    browser.enters(Key::Space);
    browser.reads("Thank you");
    let held = server.read("/v1/subscriptions");
    assert_eq!(held["data"][0]["status"], "active");
}

#[test]
fn a_keyboard_changes_a_plan_as_quoted() {
    let folder = Folder::new("browser-keys-change");
    let one = |_before| "One".to_owned();
    let Some((browser, server)) = opened(&folder, one, "deck-monthly") else {
        return;
    };
    browser.visit(&link(&server, "ana"));
    browser.tabs_to("Open");
    browser.enters(Key::Enter);
    browser.reads("You have Deck One.");
    browser.tabs_to("See and change");
    browser.enters(Key::Enter);
    browser.reads("Stop or go on");
    // Too far, and back.
    browser.tabs_to("Pause it");
    browser.tabs_back_to("See what it costs: Bridge One");
    browser.enters(Key::Space);
    browser.reads("Change to Bridge One?");
    browser.tabs_to("Leave it as it is");
    browser.tabs_back_to("Change it and pay");
    browser.enters(Key::Enter);
    server.wait_for("the upgrade", |server| {
        (server.held()["plan"] == "bridge").then_some(())
    });
}

#[test]
fn a_keyboard_replays_what_is_parked() {
    let folder = Folder::new("browser-keys-replay");
    let Some((browser, server)) = opened_desk(&folder) else {
        return;
    };
    browser.visit(&server.at("/admin"));
    browser.reads("Come in with an operator key");
    browser.tabs_to("Operator key");
    browser.types(&server.key);
    browser.enters(Key::Enter);
    browser.reads("What waits");
    browser.tabs_to("Parked");
    browser.enters(Key::Enter);
    browser.reads("It could not be read");
    // Into the table, past the ways and the filter.
    browser.tabs_to("Show");
    browser.strikes(Key::Tab);
    browser.enters(Key::Enter);
    browser.reads("Say whose it is");
    browser.tabs_to("Reason, which is kept");
    browser.types("the parser was mended");
    browser.tabs_to("Try it again");
    browser.enters(Key::Enter);
    browser.reads("It is being tried again.");
    let acts = server.read("/v1/audit");
    assert_eq!(acts["data"][0]["reason"], json!("the parser was mended"));
    server.wait_for("what is parked anew", parked);
}
