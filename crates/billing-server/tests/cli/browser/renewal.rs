//! Where a renewal is paid by a link, as long as it can be; looked at.

use serde_json::{Value, json};

use super::chromium::Browser;
use super::harbor::{self, buys, ladder, sells_with};
use super::held::Walk;
use super::looks::{held_all, holds, holds_here, looks_well, looks_well_here};
use super::names::{MAX_PLAN_NAME, characters, longest};
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::PAYS;

/// A card whose bank asks for confirmation.
const ASKS: &str = "4000 0000 0000 3220";

/// Nobody's card is known, so that each renewal is paid at a page.
const BY_PAGES: [(&str, &str); 1] = [("BILLING_SANDBOX_MODE", "engine-pages")];

/// Where the newest renewal is paid, of as many as were told of before and one.
fn link(server: &Server, before: usize) -> String {
    server.wait_for("a renewal to pay", |server| {
        let happened = server.read("/v1/events?event=subscription.renewal_pending");
        let rows = happened["data"].as_array().unwrap();
        let newest: Option<&Value> = rows.first().filter(|_| rows.len() > before);
        newest.map(|row| row["renewal"]["pay_url"].as_str().unwrap().to_owned())
    })
}

#[test]
fn pages_of_a_renewal() {
    let folder = Folder::new("browser-renewal");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let server = Server::first_with(&folder, &BY_PAGES);
    let ana = json!({ "external_ref": "ana", "email": "ana@example.com" });
    server.operator("POST", "/v1/customers", &ana);
    buys(&server, "ana", "personal-monthly", PAYS);

    server.later(&folder, "1 month");
    let first = link(&server, 0);
    looks_well(&browser, "renewal", &first);
    browser.choose("Pay");
    browser.shows("ul.cards a");
    looks_well_here(&browser, "sandbox-invoice");
    browser.press("ul.cards a");
    browser.press("main form button");
    browser.reads("This is paid");
    server.wait_for("the payment", |server| {
        (server.held()["status"] == "active").then_some(())
    });
    looks_well(&browser, "renewal-paid", &first);
    browser.reads("There is nothing left to do");

    server.later(&folder, "1 month");
    let second = link(&server, 1);
    server.later(&folder, "8d");
    looks_well(&browser, "renewal-too-old", &second);
    browser.reads("This link is too old");
}

#[test]
fn names_of_the_longest_are_names_from_the_prices_to_the_renewal() {
    let folder = Folder::new("browser-buyer-names");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let plans = ladder(|before| longest(MAX_PLAN_NAME - before, characters));
    let server = sells_with(&folder, &plans, &BY_PAGES);
    let ana = json!({ "external_ref": "ana", "email": "ana@example.com" });
    server.operator("POST", "/v1/customers", &ana);
    holds(&browser, "pricing", &server.at("/pricing"));
    let ask = json!({ "customer": "ana", "price": "deck-monthly" });
    let opened = server.operator("POST", "/v1/checkouts", &ask);
    let (id, page) = (
        opened["id"].as_str().unwrap(),
        opened["url"].as_str().unwrap(),
    );
    holds(&browser, "sandbox-pay", page);
    let success = server.at(&format!("/checkout/success?checkout={id}"));
    holds(&browser, "checkout-waiting", &success);
    browser.reads("is yours as soon as the payment is confirmed");
    browser.visit(page);
    browser.fill("number", ASKS);
    browser.fill("expiry", "12/49");
    browser.fill("cvc", "123");
    browser.press("main form button");
    browser.shows("[name=approve]");
    holds_here(&browser, "sandbox-confirm");
    browser.choose("Approve");
    browser.reads("Thank you");
    holds(&browser, "checkout-success", &success);
    holds(&browser, "checkout-cancel", &server.at("/checkout/cancel"));
    let session = harbor::link(&server, "ana");
    holds(&browser, "session", &session);
    browser.choose("Open");
    browser.reads("Your billing");
    browser.visit(&session);
    browser.choose("Open");
    browser.reads("This link was used");
    holds_here(&browser, "session-refused");
    server.later(&folder, "1 month");
    holds(&browser, "renewal", &link(&server, 0));
    browser.choose("Pay");
    browser.shows("ul.cards a");
    holds_here(&browser, "sandbox-invoice");
    held_all(&browser, Walk::Buyer);
}
