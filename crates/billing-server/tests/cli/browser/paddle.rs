//! Where Paddle's checkout opens, looked at. Its script is out of reach here: the page says so.

use billing_testkit::fakes::paddle::{DEFAULT_KEY, DEFAULT_SECRET};
use serde_json::json;

use super::chromium::Browser;
use super::held::Walk;
use super::looks::{held_all, holds, looks_well};
use super::names::{MAX_PLAN_NAME, characters, longest};
use crate::far;
use crate::paddle_page::{selling, selling_plans};
use crate::rig::Folder;

#[test]
fn pages_of_a_checkout_at_paddle() {
    let folder = Folder::new("browser-paddle");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let fake = far::paddle(DEFAULT_KEY, DEFAULT_SECRET);
    let server = selling(&folder, fake.url().as_str());
    let opened = server.operator("POST", "/v1/checkouts", &json!({ "price": "pro-monthly" }));
    let page = opened["url"].as_str().unwrap();
    looks_well(&browser, "checkout-pay", page);
    browser.reads("You are about to buy Pro.");
    browser.reads("could not be loaded");
}

#[test]
fn names_of_the_longest_are_names_where_paddle_s_checkout_opens() {
    let folder = Folder::new("browser-paddle-names");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let fake = far::paddle(DEFAULT_KEY, DEFAULT_SECRET);
    let name = serde_json::to_string(&longest(MAX_PLAN_NAME, characters)).unwrap();
    let plans = far::PLANS.replace(": Pro\n", &format!(": {name}\n"));
    let plans = plans.replace(": Acme\n", &format!(": {name}\n"));
    assert_eq!(plans.matches(&name).count(), 2, "{plans}");
    let server = selling_plans(&folder, fake.url().as_str(), &plans);
    let opened = server.operator("POST", "/v1/checkouts", &json!({ "price": "pro-monthly" }));
    holds(&browser, "checkout-pay", opened["url"].as_str().unwrap());
    browser.reads("could not be loaded");
    held_all(&browser, Walk::Paddle);
}
