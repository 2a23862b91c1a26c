//! A customer in the portal: in by a mailed link, and through everything that can be done there.

use serde_json::Value;

use super::harbor::{comes_in, opened};
use crate::rig::Folder;

fn one(_before: usize) -> String {
    "One".to_owned()
}

#[test]
fn a_customer_comes_in_changes_its_plan_and_leaves() {
    let folder = Folder::new("browser-portal");
    let Some((browser, server)) = opened(&folder, one, "deck-monthly") else {
        return;
    };
    comes_in(&browser, &server, &folder);
    browser.reads("You have Deck One.");
    assert_eq!(
        browser.ask("return document.cookie"),
        "",
        "no script sees it"
    );

    // Up: what is owed is told, and nothing changes until it is said yes to.
    browser.choose("See and change");
    browser.press("main table tbody tr:first-child button");
    browser.reads("Change to Bridge One?");
    browser.reads("How it comes about");
    assert_eq!(server.held()["plan"], "deck");
    browser.choose("Change it");
    // The card that paid before is charged.
    browser.reads("no real money");
    server.wait_for("the upgrade", |server| {
        (server.held()["plan"] == "bridge").then_some(())
    });

    // Down: it is to come, and is taken back.
    browser.visit(&server.at("/portal"));
    browser.reads("You have Bridge One.");
    browser.choose("See and change");
    browser.choose("See what it costs: Deck One");
    browser.reads("What you lose");
    browser.choose("Change it");
    browser.reads("It is to come");
    browser.choose("Back to your billing");
    browser.reads("Deck One, $10 per month.");
    browser.choose("Take back");
    browser.reads("You have Bridge One.");
    assert_eq!(server.held()["scheduled"], Value::Null);

    // Out at the end of what is paid.
    browser.choose("See and change");
    browser.choose("Cancel it");
    browser.reads("Cancel Bridge One?");
    browser.choose("Cancel it");
    browser.reads("The cancellation of Bridge One");
    server.wait_for("the cancellation", |server| {
        server.held()["ends_at"].is_string().then_some(())
    });

    browser.choose("Sign out");
    browser.reads("You are signed out.");
    browser.visit(&server.at("/portal"));
    browser.reads("We mail you a link");
}

#[test]
fn a_license_key_is_copied_by_a_button_and_by_hand() {
    let folder = Folder::new("browser-licenses");
    let Some((browser, server)) = opened(&folder, one, "deck-monthly") else {
        return;
    };
    comes_in(&browser, &server, &folder);
    browser.choose("Licenses");
    browser.reads("Deck One");
    let key = browser.ask("return document.querySelector('[data-copy]').value");
    assert!(key.as_str().unwrap().starts_with("LK-"), "{key}");
    browser.choose("Copy");
    browser.reads("Copied");
    browser.press("[data-copy]");
    let selected = "const field = document.querySelector('[data-copy]'); field.select(); \
                    return field.value.slice(field.selectionStart, field.selectionEnd)";
    assert_eq!(browser.ask(selected), key);
}
