//! A browser that runs no script: everything is done all the same.

use fantoccini::key::Key;
use serde_json::Value;

use super::chromium::Browser;
use super::harbor::{comes_in, ladder, sells};
use crate::rig::Folder;

#[test]
fn without_scripts_somebody_buys_changes_cancels_and_copies_a_license() {
    let folder = Folder::new("browser-scriptless");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    browser.runs_no_scripts();
    let server = sells(&folder, &ladder(|_before| "One".to_owned()));

    browser.visit(&server.at("/pricing"));
    browser.choose("Buy monthly: Deck One");
    browser.press("ul.cards a");
    browser.fill("email", "ana@example.com");
    browser.press("main form button");
    browser.reads("Thank you");

    comes_in(&browser, &server, &folder);
    browser.reads("You have Deck One.");
    let held = |server: &crate::server::Server| server.read("/v1/subscriptions")["data"][0].clone();

    // Up, as quoted.
    browser.choose("See and change");
    browser.choose("See what it costs: Bridge One");
    browser.reads("How it comes about");
    browser.choose("Change it and pay");
    server.wait_for("the upgrade", |server| {
        (held(server)["plan"] == "bridge").then_some(())
    });

    // Down, and not after all.
    browser.visit(&server.at("/portal"));
    browser.reads("You have Bridge One.");
    browser.choose("See and change");
    browser.choose("See what it costs: Deck One");
    browser.reads("What you lose");
    browser.choose("Change it");
    browser.reads("It is to come");
    browser.choose("Back to your billing");
    browser.choose("Take back");
    browser.reads("You have Bridge One.");
    assert_eq!(held(&server)["scheduled"], Value::Null);

    // The key, by hand: no button copies it. What was copied is written where the door asks for
    // an address.
    browser.choose("Licenses");
    browser.reads("Bridge One");
    assert!(
        !browser.text().contains("Copy"),
        "no script of the page runs"
    );
    let key = browser.value_of("[data-copy]");
    assert!(key.starts_with("LK-"), "{key}");
    browser.press("[data-copy]");
    browser.strikes_with(Key::Control, 'a');
    browser.strikes_with(Key::Control, 'c');
    browser.visit(&server.at("/portal/sign-in"));
    browser.press("[name=email]");
    browser.strikes_with(Key::Control, 'v');
    assert_eq!(browser.value_of("[name=email]"), key);

    // Out at the end of what is paid.
    browser.visit(&server.at("/portal"));
    browser.choose("See and change");
    browser.choose("Cancel it");
    browser.reads("Cancel Bridge One?");
    browser.choose("Cancel it");
    browser.reads("The cancellation of Bridge One");
    server.wait_for("the cancellation", |server| {
        held(server)["ends_at"].is_string().then_some(())
    });
}
