//! A customer in the portal: in by a mailed link, and through everything that can be done there.

use serde_json::{Value, json};

use super::chromium::Browser;
use super::pages::{Shown, looks_well};
use crate::http::{ask, get, submit};
use crate::rig::Folder;
use crate::server::Server;
use crate::walk::{PAYS, between, letter_with_link};

/// Three steps of a ladder, the upper two with a license; `NAME` stands in every name.
const PLANS: &str = r#"
currency: usd
product: "Harbor NAME"
features:
  sso:   { kind: flag, name: "Single sign-on NAME" }
  room:  { kind: bytes, name: "Room NAME" }
  crews: { kind: count, name: "Crews NAME" }
plans:
  deck:
    name: "Deck NAME"
    rank: 10
    license: { max_machines: 3 }
    entitlements: { room: 5GB }
    prices:
      deck-monthly: { amount: 10.00, interval: month }
  bridge:
    name: "Bridge NAME"
    rank: 20
    license: { max_machines: 3 }
    entitlements: { room: 50GB, sso: true }
    prices:
      bridge-monthly: { amount: 30.00, interval: month }
  fleet:
    name: "Fleet NAME"
    rank: 30
    license: { max_machines: 3 }
    entitlements: { room: 500GB, sso: true }
    quantity: { feature: crews, min: 2, max: 10, step: 2 }
    prices:
      fleet-monthly: { amount: 40.00, interval: month }
"#;

/// Names that try to be more than names, in the notation of YAML.
const HOSTILE: &str = r#"<script>document.title='x'</script>\u202e\u2066\"'&amp;<img src=x>"#;

/// A browser, and a server that sells plans with `name` in their names to ana.
fn opened(folder: &Folder, name: &str, price: &str) -> Option<(Browser, Server)> {
    let browser = Browser::open(folder)?;
    folder.write("plans.yaml", &PLANS.replace("NAME", name));
    let server = Server::first_with(folder, &[("BILLING_PLANS", "plans.yaml")]);
    let ana = json!({ "external_ref": "ana", "email": "ana@example.com" });
    server.operator("POST", "/v1/customers", &ana);
    let bought = json!({ "customer": "ana", "price": price });
    let bought = server.operator("POST", "/v1/checkouts", &bought);
    pays(bought["url"].as_str().unwrap());
    server.wait_for("the purchase", |server| {
        (server.held()["status"] == "active").then_some(())
    });
    Some((browser, server))
}

/// Pays at a page of the sandbox, past the browser.
fn pays(page: &str) {
    let form = get(page);
    let token = between(form.ok(200), "name=\"token\" value=\"", "\"");
    let fields = [
        ("token", token),
        ("email", "ana@example.com"),
        ("number", PAYS),
        ("expiry", "12/49"),
        ("cvc", "123"),
    ];
    submit(page, &fields).ok(303);
}

impl Server {
    /// What ana holds.
    fn held(&self) -> Value {
        self.read("/v1/subscriptions?customer=ana")["data"][0].clone()
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Asks for a link at the door, and comes in by the letter.
fn comes_in(browser: &Browser, server: &Server, folder: &Folder) {
    browser.visit(&server.at("/portal"));
    browser.reads("We mail you a link");
    browser.fill("email", "ana@example.com");
    browser.choose("Mail me a link");
    browser.reads("Look into your mailbox");
    let letter = server.wait_for("the letter", |_| letter_with_link(folder));
    let link = between(&letter, &server.at("/session?link="), "\r\n");
    browser.visit(&server.at(&format!("/session?link={link}")));
    browser.choose("Open");
    browser.reads("Your billing");
    assert_eq!(browser.at(), server.at("/portal"));
}

#[test]
fn a_customer_comes_in_changes_its_plan_and_leaves() {
    let folder = Folder::new("browser-portal");
    let Some((browser, server)) = opened(&folder, "One", "deck-monthly") else {
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
    let Some((browser, server)) = opened(&folder, "One", "deck-monthly") else {
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

/// Looks at every page of the portal.
fn all_look_well(browser: &Browser, server: &Server, folder: &Folder) {
    let look = |name, path: &str| {
        let url = server.at(path);
        looks_well(browser, &Shown { name, url });
    };
    look("sign-in", "/portal/sign-in");
    comes_in(browser, server, folder);
    look("portal", "/portal");
    let held = server.held();
    let id = held["id"].as_str().unwrap();
    look("subscription", &format!("/portal/subscriptions/{id}"));
    browser.visit(&server.at(&format!("/portal/subscriptions/{id}")));
    browser.press("main table tbody tr:first-child button");
    browser.reads("What you lose");
    let quote = browser.at();
    looks_well(
        browser,
        &Shown {
            name: "quote",
            url: quote.clone(),
        },
    );
    browser.visit(&quote);
    browser.choose("Change it");
    browser.reads("It is to come");
    let url = browser.at();
    looks_well(
        browser,
        &Shown {
            name: "change",
            url,
        },
    );
    look("portal-changing", "/portal");
    look("invoices", "/portal/invoices");
    browser.visit(&server.at("/portal/invoices"));
    browser.press("main tbody th a");
    browser.reads("Pays for");
    let url = browser.at();
    looks_well(
        browser,
        &Shown {
            name: "invoice",
            url,
        },
    );
    browser.visit(&server.at("/portal/licenses"));
    let key = browser.ask("return document.querySelector('[data-copy]').value");
    let machine = json!({ "license_key": key, "machine": "desk" });
    let kind = "content-type: application/json\r\n";
    let active = server.at("/v1/machines/activate");
    ask("POST", &active, kind, &machine.to_string()).ok(200);
    look("licenses", "/portal/licenses");
    look("not-found", "/portal/invoices/none");
}

#[test]
fn pages_of_the_portal() {
    let folder = Folder::new("browser-portal-pages");
    if let Some((browser, server)) = opened(&folder, "One", "fleet-monthly") {
        all_look_well(&browser, &server, &folder);
    }
}

#[test]
fn pages_of_the_portal_with_names_that_are_none() {
    let folder = Folder::new("browser-hostile");
    let name = format!("{HOSTILE}{}", "x".repeat(100));
    if let Some((browser, server)) = opened(&folder, &name, "fleet-monthly") {
        all_look_well(&browser, &server, &folder);
        browser.visit(&server.at("/portal"));
        assert_eq!(browser.ask("return document.title"), "Your billing");
        assert_eq!(browser.ask("return document.images.length"), 0);
    }
}
