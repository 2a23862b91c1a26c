//! A newcomer's first hour: start, look, buy, ask, let months go by, come back.

use serde_json::{Value, json};

use crate::http::{ask, get, submit};
use crate::rig::Folder;
use crate::server::Server;

pub(crate) const PAYS: &str = "4242 4242 4242 4242";
pub(crate) const PAYS_ONCE: &str = "4000 0000 0000 0341";

/// What a buyer has after paying.
pub(crate) struct Bought {
    /// Where the sandbox sent the browser.
    success: String,
    pub(crate) customer: String,
}

/// Buys at the pricing page as a browser would, and pays with `card`.
pub(crate) fn buy(server: &Server, price: &str, card: &str) -> Bought {
    let page = server.get("/pricing");
    assert!(page.ok(200).contains(&format!("value=\"{price}\"")));
    let chosen = server.submit("/pricing/checkout", &[("price", price)]);
    chosen.ok(303);
    let pay = chosen.header("location").to_owned();
    let form = get(&pay);
    let token = between(form.ok(200), "name=\"token\" value=\"", "\"");
    let fields = [
        ("token", token),
        ("email", "ana@example.com"),
        ("number", card),
        ("expiry", "12/49"),
        ("cvc", "123"),
    ];
    let paid = submit(&pay, &fields);
    paid.ok(303);
    let success = paid.header("location").to_owned();
    server.wait_for("the thanks", |_| {
        get(&success).ok(200).contains("Thank you").then_some(())
    });
    // The newest customer comes first.
    let customers = server.read("/v1/customers?limit=1");
    let customer = customers["data"][0]["id"].as_str().unwrap().to_owned();
    Bought { success, customer }
}

/// The letter with a link that leads in; there may be others. `None`: not yet.
pub(crate) fn letter_with_link(folder: &Folder) -> Option<String> {
    let files = std::fs::read_dir(folder.path("mail")).ok()?;
    let paths = files.map(|file| file.unwrap().path());
    let done = paths.filter(|path| path.extension().is_some_and(|is| is == "eml"));
    let mut letters = done.map(|path| std::fs::read_to_string(path).unwrap());
    letters.find(|letter| letter.contains("/session?link="))
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{text}"));
    rest.split_once(after).unwrap().0
}

impl Server {
    fn subscription(&self, customer: &str) -> Value {
        let held = self.read(&format!("/v1/subscriptions?customer={customer}"));
        assert_eq!(held["data"].as_array().unwrap().len(), 1, "{held}");
        held["data"][0].clone()
    }

    /// Waits until the customer's subscription has this status.
    #[track_caller]
    pub(crate) fn becomes(&self, customer: &str, status: &str) -> Value {
        self.wait_for(status, |server| {
            let held = server.subscription(customer);
            (held["status"] == status).then_some(held)
        })
    }

    fn may_write(&self, customer: &str) -> Value {
        self.read(&format!(
            "/v1/customers/{customer}/check/editor?level=write"
        ))
    }

    /// Moves the sandbox's clock ahead with the program itself, which finds the
    /// server by the database in its folder.
    pub(crate) fn later(&self, folder: &Folder, by: &str) {
        let variables = [("BILLING_KEY", self.key.as_str())];
        let moved = folder.billing_with(&variables, &["clock", "advance", by]);
        moved
            .exits(0)
            .complains(&[&format!("asking it at {}", self.url)]);
    }
}

#[test]
fn a_newcomer_buys_is_renewed_and_finds_everything_again() {
    let folder = Folder::new("newcomer");
    let server = Server::first(&folder);
    assert!(server.key.starts_with("bk_"), "{}", server.key);

    let ana = buy(&server, "personal-monthly", PAYS);
    let thanks = get(&ana.success);
    assert!(
        thanks.body.contains("<strong><bdi>Personal</bdi></strong>"),
        "{thanks:?}"
    );
    assert!(thanks.body.contains("$5 per month"), "{thanks:?}");
    let storage = server.read(&format!("/v1/customers/{}/check/storage", ana.customer));
    assert_eq!(storage["allowed"], true, "{storage}");
    assert_eq!(storage["limit"], 100_000_000_000_u64);
    assert_eq!(server.may_write(&ana.customer)["allowed"], true);

    let first = server.becomes(&ana.customer, "active");
    server.later(&folder, "1 month");
    let renewed = server.wait_for("the renewal", |server| {
        let held = server.subscription(&ana.customer);
        (held["paid_through"] != first["paid_through"] && held["status"] == "active")
            .then_some(held)
    });
    let invoices = server.read(&format!("/v1/invoices?customer={}", ana.customer));
    let invoices = invoices["data"].as_array().unwrap();
    assert_eq!(invoices.len(), 2);
    for invoice in invoices {
        assert_eq!(invoice["status"], "settled", "{invoice}");
        assert_eq!(invoice["amount"], json!({"amount": 500, "currency": "usd"}));
    }

    let key = server.key.clone();
    let clock = server.get("/sandbox/clock").json();
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let told = ended.out.matches(&key).count();
    assert_eq!(told, 1, "{}", ended.out);
    assert!(!ended.log.contains(&key), "the key is in the log");

    let mut server = Server::again(&folder, &[]);
    server.key.clone_from(&key);
    assert_eq!(server.subscription(&ana.customer), renewed);
    assert_eq!(server.may_write(&ana.customer)["allowed"], true);
    let later = server.get("/sandbox/clock").json();
    assert!(later["now"].as_str() >= clock["now"].as_str(), "{later}");
    // What was bought before the restart is renewed after it, too.
    server.later(&folder, "1 month");
    server.wait_for("the second renewal", |server| {
        let held = server.subscription(&ana.customer);
        (held["paid_through"] != renewed["paid_through"] && held["status"] == "active")
            .then_some(())
    });
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(!ended.out.contains("bk_"), "{}", ended.out);
}

#[test]
fn a_customer_is_mailed_a_link_that_opens_once() {
    let folder = Folder::new("mailed");
    let server = Server::first(&folder);
    let known = json!({ "external_ref": "ana", "email": "ana@example.com" });
    server.operator("POST", "/v1/customers", &known);
    let asked = json!({ "customer": "ana" }).to_string();
    let json = "content-type: application/json\r\n";
    let url = format!("{}/v1/billing-sessions", server.url);
    ask("POST", &url, json, &asked).ok(204);
    let letter = server.wait_for("the letter", |_| letter_with_link(&folder));
    let link = between(
        &letter,
        &format!("\r\n{}/session?link=", server.url),
        "\r\n",
    );
    let page = server.get(&format!("/session?link={link}"));
    assert!(page.ok(200).contains("This link opens once"), "{page:?}");
    let fields = [("link", link)];
    let opened = server.submit("/session", &fields);
    opened.ok(303);
    assert_eq!(opened.header("location"), "/portal");
    let cookie = opened.header("set-cookie");
    let (cookie, rest) = cookie.split_once(';').unwrap();
    assert!(cookie.starts_with("billing_session=bs_"), "{opened:?}");
    assert!(rest.contains("HttpOnly; SameSite=Lax"), "{rest}");
    let sent = format!("cookie: {cookie}\r\n");
    let portal = ask("GET", &format!("{}/portal", server.url), &sent, "");
    assert!(
        portal.ok(200).contains("<strong><bdi>Free</bdi></strong>"),
        "{portal:?}"
    );
    server.submit("/session", &fields).ok(404);
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(!ended.log.contains(link), "the link is in the log");
    assert!(!ended.log.contains("ana@example.com"), "{}", ended.log);
    assert!(
        ended
            .out
            .contains("mail              written to mail, not sent")
    );
}

#[test]
fn a_card_that_stops_paying_is_past_due_then_in_grace_then_out() {
    let folder = Folder::new("dunning");
    let server = Server::first(&folder);
    let ben = buy(&server, "personal-monthly", PAYS_ONCE);
    server.becomes(&ben.customer, "active");

    server.later(&folder, "1 month");
    let owing = server.wait_for("the refusal", |server| {
        let held = server.becomes(&ben.customer, "past_due");
        held["grace_ends_at"].is_string().then_some(held)
    });
    assert_eq!(owing["gives_access"], true, "{owing}");
    let allowed = server.may_write(&ben.customer);
    assert_eq!(allowed["allowed"], true, "{allowed}");
    assert_eq!(allowed["until"], owing["grace_ends_at"]);

    server.later(&folder, "8d");
    let out = server.becomes(&ben.customer, "lapsed");
    assert_eq!(out["gives_access"], false, "{out}");
    let denied = server.may_write(&ben.customer);
    assert_eq!(denied["allowed"], false, "{denied}");
    assert_eq!(denied["plan_needed"], "personal", "{denied}");
    // What everybody has is still there.
    let storage = server.read(&format!("/v1/customers/{}/check/storage", ben.customer));
    assert_eq!(storage["allowed"], true, "{storage}");
    assert_eq!(storage["limit"], 2_000_000_000_u64);
}

#[test]
fn a_refused_card_buys_nothing_and_the_page_says_so() {
    let folder = Folder::new("declined");
    let server = Server::first(&folder);
    let chosen = server.submit("/pricing/checkout", &[("price", "lifetime-once")]);
    let pay = chosen.header("location").to_owned();
    let form = get(&pay);
    let token = between(form.ok(200), "name=\"token\" value=\"", "\"").to_owned();
    let fields = [
        ("token", token.as_str()),
        ("email", "ana@example.com"),
        ("number", "4000 0000 0000 0002"),
        ("expiry", "12/49"),
        ("cvc", "123"),
    ];
    let refused = submit(&pay, &fields);
    assert!(refused.ok(402).contains("declined"), "{refused:?}");
    let back = get(&format!("{pay}/cancel"));
    back.ok(303);
    let canceled = get(back.header("location"));
    assert!(
        canceled.ok(200).contains("nothing was charged"),
        "{canceled:?}"
    );
    let held = server.read("/v1/subscriptions");
    assert_eq!(held["data"], json!([]));
}
