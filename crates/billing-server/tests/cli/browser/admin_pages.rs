//! Every page of the dashboard, looked at.

use serde_json::json;

use super::admin::{comes_in, parked};
use super::chromium::Browser;
use super::held::Walk;
use super::looks::{held_all, holds, looks_well, looks_well_here};
use super::names::{MAX_PLAN_NAME, characters, longest};
use crate::books;
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, PAYS_ONCE, buy};

/// Longest name of a key, longest reference of a host's own, in bytes.
const MAX_KEY_NAME: usize = 100;
const MAX_REFERENCE: usize = 255;

/// A receiver that no name server knows.
const NOWHERE: &str = "https://receivers-of-events.department.example.invalid/";

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

/// Whoever has a name of the longest; her events go to a receiver that takes none.
fn named(server: &Server) -> String {
    server.operator("POST", "/v1/webhook-endpoints", &json!({ "url": NOWHERE }));
    let reference = longest(MAX_REFERENCE, str::len);
    let ana = json!({ "external_ref": reference, "email": "ana@example.com" });
    let ana = server.operator("POST", "/v1/customers", &ana);
    let ana = ana["id"].as_str().unwrap().to_owned();
    let grants = format!("/v1/customers/{ana}/grants");
    server.operator("POST", &grants, &json!({ "plan": "team" }));
    server.wait_for("a receiver that takes nothing", |server| {
        let receivers = server.read("/v1/webhook-endpoints");
        receivers["data"][0]["failing_since"]
            .is_string()
            .then_some(())
    });
    ana
}

/// The server anew, after which something waits in every list: holders of a price that a dearer
/// one follows, an event that cannot be read for this reason, a delivery that was given up.
fn filled(folder: &Folder, server: Server, why: &str) -> Server {
    let key = server.key.clone();
    server.stop();
    books::hold(folder, 3);
    books::arrives(folder, why);
    books::edit(
        folder,
        "UPDATE webhook_deliveries SET state = 'dead', attempts = 11 \
         WHERE id = (SELECT id FROM webhook_deliveries WHERE problem IS NOT NULL LIMIT 1)",
    );
    let mut server = Server::again(folder, &[]);
    server.key = key;
    server.wait_for("what is parked", parked);
    server
}

/// Goes to every page of the dashboard, and has each looked at.
fn all(browser: &Browser, server: &Server, key: &str, looks: fn(&Browser, &str, &str)) {
    let look = |name, path: &str| looks(browser, name, &server.at(path));
    let look_at_first = |name, list: &str| {
        browser.visit(&server.at(list));
        browser.press("main table tbody th a");
        browser.reads("Back to");
        looks(browser, name, &browser.at());
    };
    look("admin-sign-in", "/admin/sign-in");
    comes_in(browser, server, key);
    look("admin", "/admin");
    look("admin-churn", "/admin/churn?split=price");
    look("admin-parked", "/admin/parked");
    look_at_first("admin-parked-one", "/admin/parked");
    look("admin-deliveries", "/admin/deliveries");
    look_at_first("admin-delivery", "/admin/deliveries?status=dead");
    look("admin-customers", "/admin/customers");
    look("admin-subscriptions", "/admin/subscriptions");
    look("admin-invoices", "/admin/invoices");
    look("admin-prices", "/admin/prices");
    let prices = format!("from={}&to={}&not_before=", books::FROM, books::TO);
    look("admin-plan", &format!("/admin/migrations/plan?{prices}"));
    let digest = browser.value_of("[name=digest]");
    let moves = format!("/admin/migrations/moves?{prices}&digest={digest}");
    look("admin-moves", &moves);
    browser.visit(&server.at(&format!("/admin/migrations/plan?{prices}")));
    browser.fill("reason", "costs rose");
    browser.press("form[action='/admin/migrations'] button");
    browser.reads("Finished");
    looks(browser, "admin-migration", &browser.at());
    look("admin-migrations", "/admin/migrations");
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
    let ana = named(&server);
    let server = filled(&folder, server, books::UNREADABLE);
    all(&browser, &server, &server.key, looks_well);
    let customer = |id: &str| server.at(&format!("/admin/customers/{id}"));
    looks_well(&browser, "admin-customer", &customer(&first));
    looks_well(&browser, "admin-customer-hostile", &customer(&ana));
    looks_well(&browser, "admin-refused", &customer("none"));

    // What takes letters answers nothing, and that is said.
    browser.visit(&server.at("/admin/deliveries?status=delivered"));
    browser.reads("taken");

    // A form that is not from a page of theirs.
    browser.visit(&server.at("/admin/parked"));
    browser.press("main table tbody th a");
    browser.reads("Try it again");
    browser.ask("document.querySelectorAll('[name=form_token]').forEach(it => it.value = '00')");
    browser.fill("reason", "the parser was mended");
    browser.press("form[action$='/replay'] button");
    browser.reads("This was not sent from a page of yours");
    looks_well_here(&browser, "admin-not-done");
}

#[test]
fn names_of_the_longest_are_names_on_every_page_of_the_dashboard() {
    let folder = Folder::new("browser-admin-names");
    let Some(browser) = Browser::open(&folder) else {
        return;
    };
    let name = longest(MAX_PLAN_NAME, characters);
    books::catalog_where(&folder, |plans| {
        let name = serde_json::to_string(&name).unwrap();
        let plans = plans.replace("\"Acme Storage\"", &name);
        plans.replace("name: Team\n", &format!("name: {name}\n"))
    });
    let server = Server::first(&folder);
    buy(&server, "team-monthly", PAYS);
    let ana = named(&server);
    let server = filled(&folder, server, &longest(MAX_REFERENCE, str::len));
    let key = json!({ "name": longest(MAX_KEY_NAME, str::len), "scope": "admin" });
    let key = server.operator("POST", "/v1/keys", &key);
    all(&browser, &server, key["secret"].as_str().unwrap(), holds);
    let customer = server.at(&format!("/admin/customers/{ana}"));
    holds(&browser, "admin-customer-hostile", &customer);
    browser.reads("<script>document.title");
    held_all(&browser, Walk::Dashboard);
}
