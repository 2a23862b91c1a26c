//! Somebody buys at the pricing page, with each of the sandbox's cards.

use serde_json::json;

use super::chromium::Browser;
use crate::rig::Folder;
use crate::server::Server;

/// Opens a server and a browser, and goes as far as the sandbox's form.
fn at_the_form(folder: &Folder) -> Option<(Browser, Server)> {
    let browser = Browser::open(folder)?;
    let server = Server::first(folder);
    browser.visit(&format!("{}/pricing", server.url));
    browser.choose("Buy monthly: Personal");
    Some((browser, server))
}

/// Fills the form in and pays.
fn pays(browser: &Browser, card: &str) {
    browser.fill("email", "ana@example.com");
    browser.fill("number", card);
    browser.fill("expiry", "12/49");
    browser.fill("cvc", "123");
    browser.press("main form button");
}

impl Server {
    fn statuses(&self) -> Vec<String> {
        let held = self.read("/v1/subscriptions");
        let held = held["data"].as_array().unwrap().iter();
        held.map(|one| one["status"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn a_good_card_buys() {
    let folder = Folder::new("browser-pays");
    let Some((browser, server)) = at_the_form(&folder) else {
        return;
    };
    pays(&browser, "4242 4242 4242 4242");
    browser.reads("Thank you");
    browser.reads("Personal");
    assert_eq!(server.statuses(), ["active"]);
}

#[test]
fn a_card_that_is_listed_fills_itself_in() {
    let folder = Folder::new("browser-listed");
    let Some((browser, server)) = at_the_form(&folder) else {
        return;
    };
    browser.press("ul.cards a");
    browser.fill("email", "ana@example.com");
    browser.press("main form button");
    browser.reads("Thank you");
    assert_eq!(server.statuses(), ["active"]);
}

#[test]
fn a_declined_card_buys_nothing_and_the_way_back_says_so() {
    let folder = Folder::new("browser-declined");
    let Some((browser, server)) = at_the_form(&folder) else {
        return;
    };
    pays(&browser, "4000 0000 0000 0002");
    browser.reads("declined");
    browser.choose("Go back without paying");
    browser.reads("nothing was charged");
    assert_eq!(server.read("/v1/subscriptions")["data"], json!([]));
}

#[test]
fn a_card_that_asks_is_confirmed_or_refused() {
    let folder = Folder::new("browser-confirms");
    let Some((browser, server)) = at_the_form(&folder) else {
        return;
    };
    pays(&browser, "4000 0000 0000 3220");
    browser.choose("Refuse");
    browser.reads("Not paid yet");
    assert_eq!(server.read("/v1/subscriptions")["data"], json!([]));
    pays(&browser, "4000 0000 0000 3220");
    browser.choose("Approve");
    browser.reads("Thank you");
    assert_eq!(server.statuses(), ["active"]);
}

#[test]
fn a_card_that_pays_once_buys() {
    let folder = Folder::new("browser-once");
    let Some((browser, server)) = at_the_form(&folder) else {
        return;
    };
    pays(&browser, "4000 0000 0000 0341");
    browser.reads("Thank you");
    assert_eq!(server.statuses(), ["active"]);
}
