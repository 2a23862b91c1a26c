//! Every page of the portal, looked at.

use serde_json::json;

use super::chromium::Browser;
use super::harbor::{comes_in, is_led_in, opened};
use super::held::Walk;
use super::looks::{held_all, holds, looks_well, looks_well_here};
use super::names::{MAX_PLAN_NAME, characters, longest};
use crate::http::ask;
use crate::rig::Folder;
use crate::server::Server;

/// Goes to every page of the portal, and has each looked at.
fn all(browser: &Browser, server: &Server, folder: &Folder, looks: fn(&Browser, &str, &str)) {
    let look = |name, path: &str| looks(browser, name, &server.at(path));
    let look_here = |name| looks(browser, name, &browser.at());
    look("sign-in", "/portal/sign-in");
    comes_in(browser, server, folder);
    look("portal", "/portal");
    let held = server.held();
    let subscription = format!("/portal/subscriptions/{}", held["id"].as_str().unwrap());
    look("subscription", &subscription);
    browser.visit(&server.at(&subscription));
    browser.press("main table tbody tr:first-child button");
    browser.reads("What you lose");
    look_here("quote");
    browser.choose("Change it");
    browser.reads("It is to come");
    look_here("change");
    look("portal-changing", "/portal");
    look("invoices", "/portal/invoices");
    browser.visit(&server.at("/portal/invoices"));
    browser.press("main tbody th a");
    browser.reads("Pays for");
    look_here("invoice");
    let printed = format!("{}/print", browser.at());
    looks(browser, "invoice-printed", &printed);
    browser.visit(&server.at("/portal/licenses"));
    let key = browser.ask("return document.querySelector('[data-copy]').value");
    let machine = json!({ "license_key": key, "machine": "desk" });
    let kind = "content-type: application/json\r\n";
    let active = server.at("/v1/machines/activate");
    ask("POST", &active, kind, &machine.to_string()).ok(200);
    look("licenses", "/portal/licenses");
}

#[test]
fn pages_of_the_portal() {
    let folder = Folder::new("browser-portal-pages");
    let Some((browser, server)) = opened(&folder, |_| "One".to_owned(), "fleet-monthly") else {
        return;
    };
    all(&browser, &server, &folder, looks_well);
    looks_well(&browser, "not-found", &server.at("/portal/invoices/none"));

    // A form that is not from a page of hers.
    let held = server.held();
    let subscription = server.at(&format!(
        "/portal/subscriptions/{}",
        held["id"].as_str().unwrap()
    ));
    browser.visit(&subscription);
    browser.ask("document.querySelectorAll('[name=form_token]').forEach(it => it.value = '00')");
    browser.choose("Cancel it");
    browser.reads("This was not sent from a page of yours");
    looks_well_here(&browser, "not-done");

    // What an upgrade costs, and how that comes about.
    browser.visit(&subscription);
    browser.fill("quantity", "6");
    browser.press("form.inline button");
    browser.reads("How it comes about");
    looks_well_here(&browser, "quote-more");

    // An offer that was left for a day.
    browser.visit(&subscription);
    browser.choose("Pause it");
    browser.reads("What it comes to");
    let quote = browser.at();
    server.later(&folder, "1d");
    is_led_in(&browser, &server, "ana");
    browser.visit(&quote);
    browser.reads("This offer has expired");
    looks_well_here(&browser, "quote-expired");
}

#[test]
fn names_of_the_longest_are_names_on_every_page_of_the_portal() {
    let folder = Folder::new("browser-hostile");
    let name = |before| longest(MAX_PLAN_NAME - before, characters);
    if let Some((browser, server)) = opened(&folder, name, "fleet-monthly") {
        all(&browser, &server, &folder, holds);
        held_all(&browser, Walk::Portal);
    }
}
