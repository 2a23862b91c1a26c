//! The pages of a purchase and of coming in, looked at.

use serde_json::json;

use super::chromium::Browser;
use super::harbor::{link, pays_with};
use super::looks::{looks_well, looks_well_here};
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::PAYS;

#[test]
fn pages_of_buying() {
    let folder = Folder::new("browser-pages");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = Server::first(&folder);
    looks_well(&browser, "pricing", &server.at("/pricing"));
    browser.choose("Buy monthly: Personal");
    browser.shows("ul.cards a");
    looks_well_here(&browser, "sandbox-pay");
    browser.fill("email", "ana@example.com");
    browser.fill("number", "4000 0000 0000 3220");
    browser.fill("expiry", "12/49");
    browser.fill("cvc", "123");
    browser.press("main form button");
    browser.reads("Confirm with your bank");
    looks_well_here(&browser, "sandbox-confirm");
    browser.choose("Approve");
    browser.reads("Thank you");
    looks_well_here(&browser, "checkout-success");
    looks_well(&browser, "checkout-cancel", &server.at("/checkout/cancel"));

    let ask = json!({ "price": "lifetime-once" });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let id = opened["id"].as_str().unwrap();
    let success = server.at(&format!("/checkout/success?checkout={id}"));
    looks_well(&browser, "checkout-waiting", &success);
}

#[test]
fn pages_of_coming_in() {
    let folder = Folder::new("browser-session");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = Server::first(&folder);
    let ana = json!({ "external_ref": "ana", "email": "ana@example.com" });
    server.operator("POST", "/v1/customers", &ana);
    let link = link(&server, "ana");
    looks_well(&browser, "session", &link);
    browser.choose("Open");
    browser.reads("You have Free.");
    browser.visit(&link);
    browser.choose("Open");
    browser.reads("This link was used");
    looks_well_here(&browser, "session-refused");
}

/// Somebody who comes back before the provider has said anything, and waits.
#[test]
fn a_page_that_waits_shows_what_came_without_being_loaded_again() {
    let folder = Folder::new("browser-waits");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = Server::first(&folder);
    let ask = json!({ "price": "lifetime-once", "email": "ana@example.com" });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let id = opened["id"].as_str().unwrap();
    browser.visit(&server.at(&format!("/checkout/success?checkout={id}")));
    browser.reads("Waiting for your payment");
    pays_with(PAYS, opened["url"].as_str().unwrap());
    browser.reads("Thank you");
    assert_eq!(browser.stopped(), Vec::<String>::new());
}
