//! An operator at the dashboard: in with a key, something parked tried again, a price migration
//! planned and begun; and every page looked at.

use serde_json::json;

use super::chromium::Browser;
use super::pages::{Shown, looks_well};
use crate::books;
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, PAYS_ONCE, buy};

/// A name that tries to be more than a name.
const HOSTILE: &str = "<script>document.title='x'</script>\u{202e}\u{2066}\"'&amp;<img src=x>";

/// A receiver that no name server knows.
const NOWHERE: &str = "https://receivers-of-events.department.example.invalid/";

/// A browser, and a server with three who hold a price that a dearer one follows, and an event
/// that cannot be read.
fn opened(folder: &Folder) -> Option<(Browser, Server)> {
    let browser = Browser::open(folder)?;
    books::catalog(folder);
    books::hold(folder, 3);
    books::arrives(folder);
    let server = Server::first(folder);
    server.wait_for("what is parked", parked);
    Some((browser, server))
}

/// The newest parked row. `None`: there is none yet.
fn parked(server: &Server) -> Option<String> {
    let rows = server.read("/v1/parked");
    rows["data"][0]["id"].as_str().map(str::to_owned)
}

fn comes_in(browser: &Browser, server: &Server) {
    browser.visit(&format!("{}/admin", server.url));
    browser.reads("Come in with an operator key");
    browser.fill("key", &server.key);
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
    comes_in(&browser, &server);

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

/// Two months of business; who has been there from the beginning.
fn season(folder: &Folder, server: &Server) -> String {
    let first = buy(server, "personal-monthly", PAYS).customer;
    buy(server, "team-monthly", PAYS);
    server.later(folder, "31d");
    buy(server, "personal-yearly", PAYS);
    let owes = buy(server, "personal-monthly", PAYS_ONCE).customer;
    server.later(folder, "31d");
    server.becomes(&owes, "past_due");
    server.becomes(&first, "active");
    buy(server, "team-monthly", PAYS);
    first
}

#[test]
fn pages_of_the_dashboard() {
    let folder = Folder::new("browser-admin-pages");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    books::catalog(&folder);
    let server = Server::first(&folder);
    let first = season(&folder, &server);
    let key = server.key.clone();
    server.stop();
    books::hold(&folder, 3);
    books::arrives(&folder);
    let mut server = Server::again(&folder, &[]);
    server.key = key;
    server.wait_for("what is parked", parked);
    server.operator("POST", "/v1/webhook-endpoints", &json!({ "url": NOWHERE }));
    let ana = json!({ "external_ref": format!("{HOSTILE}{}", "x".repeat(100)), "email": "ana@example.com" });
    let ana = server.operator("POST", "/v1/customers", &ana);
    let ana = ana["id"].as_str().unwrap();
    server.operator(
        "POST",
        &format!("/v1/customers/{ana}/grants"),
        &json!({ "plan": "team" }),
    );
    let parked = parked(&server).unwrap();
    server.wait_for("a receiver that takes nothing", |server| {
        let receivers = server.read("/v1/webhook-endpoints");
        receivers["data"][0]["failing_since"]
            .is_string()
            .then_some(())
    });
    let look = |name, path: &str| {
        let url = format!("{}{path}", server.url);
        looks_well(&browser, &Shown { name, url });
    };
    look("admin-sign-in", "/admin/sign-in");
    comes_in(&browser, &server);
    look("admin", "/admin");
    look("admin-parked", "/admin/parked");
    look("admin-parked-one", &format!("/admin/parked/{parked}"));
    look("admin-deliveries", "/admin/deliveries");
    look("admin-customers", "/admin/customers");
    look("admin-customer", &format!("/admin/customers/{first}"));
    look("admin-customer-hostile", &format!("/admin/customers/{ana}"));
    assert_eq!(browser.ask("return document.title"), "Customer");
    assert_eq!(browser.ask("return document.images.length"), 0);
    look("admin-subscriptions", "/admin/subscriptions");
    look("admin-invoices", "/admin/invoices");
    look("admin-prices", "/admin/prices");
    look("admin-migrations", "/admin/migrations");
    let (from, to) = (books::FROM, books::TO);
    let plan = format!("/admin/migrations/plan?from={from}&to={to}&not_before=");
    look("admin-plan", &plan);
    look("admin-refused", "/admin/customers/none");
}
