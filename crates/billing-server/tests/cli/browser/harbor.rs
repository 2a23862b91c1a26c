//! A server that sells three steps of a ladder to ana, and the way into her portal.

use serde_json::{Value, json};

use super::chromium::Browser;
use crate::http::{get, submit};
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

/// [`PLANS`] with names that `name` makes, of how many characters stand before them.
pub(super) fn ladder(name: impl Fn(usize) -> String) -> String {
    let mut pieces = PLANS.split("NAME").peekable();
    let mut plans = String::new();
    while let Some(piece) = pieces.next() {
        plans.push_str(piece);
        if pieces.peek().is_some() {
            let before = piece.rsplit('"').next().unwrap();
            // Written in JSON it is the same in YAML, without the marks around it.
            let name = serde_json::to_string(&name(before.chars().count())).unwrap();
            plans.push_str(name.trim_matches('"'));
        }
    }
    plans
}

/// A browser, and a server that sells plans with such names to ana.
pub(super) fn opened(
    folder: &Folder,
    name: impl Fn(usize) -> String,
    price: &str,
) -> Option<(Browser, Server)> {
    let browser = Browser::open(folder)?;
    let server = sells(folder, &ladder(name));
    let ana = json!({ "external_ref": "ana", "email": "ana@example.com" });
    server.operator("POST", "/v1/customers", &ana);
    buys(&server, "ana", price, PAYS);
    Some((browser, server))
}

/// A server that sells these plans.
pub(super) fn sells(folder: &Folder, plans: &str) -> Server {
    sells_with(folder, plans, &[])
}

/// The same with these variables.
pub(super) fn sells_with(folder: &Folder, plans: &str, variables: &[(&str, &str)]) -> Server {
    folder.write("plans.yaml", plans);
    let plans = [("BILLING_PLANS", "plans.yaml")];
    Server::first_with(folder, &[variables, &plans].concat())
}

/// Lets somebody buy with `card`, past the browser.
pub(super) fn buys(server: &Server, customer: &str, price: &str, card: &str) {
    let bought = json!({ "customer": customer, "price": price });
    let bought = server.operator("POST", "/v1/checkouts", &bought);
    pays_with(card, bought["url"].as_str().unwrap());
    server.wait_for("the purchase", |server| {
        (server.held_by(customer)["status"] == "active").then_some(())
    });
}

/// Pays at a page of the sandbox with `card`, past the browser.
pub(super) fn pays_with(card: &str, page: &str) {
    let form = get(page);
    let token = between(form.ok(200), "name=\"token\" value=\"", "\"");
    let fields = [
        ("token", token),
        ("email", "ana@example.com"),
        ("number", card),
        ("expiry", "12/49"),
        ("cvc", "123"),
    ];
    submit(page, &fields).ok(303);
}

impl Server {
    /// What ana holds.
    pub(super) fn held(&self) -> Value {
        self.held_by("ana")
    }

    /// What somebody holds; null as long as that is nothing.
    pub(super) fn held_by(&self, customer: &str) -> Value {
        self.read(&format!("/v1/subscriptions?customer={customer}"))["data"][0].clone()
    }

    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Asks for a link at the door, and comes in by the letter.
pub(super) fn comes_in(browser: &Browser, server: &Server, folder: &Folder) {
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

/// A link that a host's application leads its customer by.
pub(super) fn link(server: &Server, customer: &str) -> String {
    let ask = json!({ "customer": customer, "return_url": server.at("/session") });
    let made = server.operator("POST", "/v1/billing-sessions", &ask);
    made["url"].as_str().unwrap().to_owned()
}

/// Comes in by such a link.
pub(super) fn is_led_in(browser: &Browser, server: &Server, customer: &str) {
    browser.visit(&link(server, customer));
    browser.choose("Open");
    browser.reads("Your billing");
}
