//! A shop in which something of everything has happened, so that requests reach what lies
//! behind the look for an id.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Ask, send};
use super::known::Known;
use super::server::Server;
use crate::failure::{Failure, Outcome};

/// What the sandbox's page takes: a card that pays.
const CARD: &str = "number=4242424242424242&expiry=12%2F40&cvc=123";

/// Looks whether what was ordered has happened, and how long after each other: ten seconds in
/// all, where the server looks at its sandbox five times a second.
const LOOKS: u32 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How far the clock is moved: past a renewal, within the life of what is opened after it.
const A_CYCLE: &str = "32d";

/// Events go to a port where nobody listens: their deliveries wait to be tried again.
const RECEIVER: &str = "http://127.0.0.1:9/";

/// Somebody with an operator's key.
struct Operator<'a> {
    server: &'a Server,
}

/// Fills the shop, in whose first cycle Ana makes so many `calls`; gives what there is to ask for.
pub(crate) fn fill(server: &Server, calls: u32) -> Outcome<Known> {
    let by = Operator { server };
    let mut known = Known::default();
    for _ in 0..2 {
        let made = by.post("/v1/webhook-endpoints", json!({ "url": RECEIVER }))?;
        known.learn("endpoint", &made["endpoint"]["id"])?;
        let made = by.post("/v1/keys", json!({ "name": "another", "scope": "read" }))?;
        known.learn("key", &made["key"]["id"])?;
    }
    for code in ["SPRING", "SUMMER"] {
        let made = json!({ "code": code, "basis_points": 1000 });
        let made = by.post("/v1/discount-codes", made)?;
        known.learn("code_id", &made["id"])?;
        known.learn("code", &json!(code))?;
    }
    for name in ["ana", "bob", "eve"] {
        let email = format!("{name}@example.com");
        let made = json!({ "external_ref": name, "email": email });
        let made = by.post("/v1/customers", made)?;
        known.learn("customer", &json!(name))?;
        known.learn("customer_id", &made["id"])?;
    }
    buy(&by, &mut known)?;
    use_what_is_bought(&by, calls, &mut known)?;
    by.call(
        "POST",
        "/sandbox/clock",
        &by.server.key,
        &json!({ "advance": A_CYCLE }),
    )?;
    by.list(
        "invoice",
        "/v1/invoices?customer=ana&status=closed",
        2,
        &mut known,
    )?;
    act(&by, &mut known)?;
    by.list("delivery", "/v1/deliveries", 2, &mut known)?;
    Ok(known)
}

/// Ana buys again and again what can be held once, the others something each.
fn buy(by: &Operator<'_>, known: &mut Known) -> Outcome<()> {
    let personal = json!({ "price": "personal-monthly", "customer": "ana" });
    let bought = [
        personal.clone(),
        personal.clone(),
        personal.clone(),
        personal,
        json!({ "price": "team-monthly", "customer": "bob", "quantity": 3 }),
        json!({ "price": "lifetime-once", "customer": "eve" }),
    ];
    let mut pages = Vec::new();
    for bought in bought {
        let checkout = by.post("/v1/checkouts", bought)?;
        known.learn("checkout", &checkout["id"])?;
        known.learn("checkout_secret", &checkout["checkout_secret"])?;
        pages.push(text(&checkout["url"])?);
    }
    for page in pages {
        pay(&page)?;
    }
    by.list("subscription", "/v1/subscriptions?status=active", 1, known)?;
    by.list(
        "subscription",
        "/v1/subscriptions?status=trialing",
        1,
        known,
    )?;
    by.list("license", "/v1/licenses", 3, known)?;
    by.list("parked", "/v1/parked", 3, known)
}

/// Licenses are exchanged and machines told, use is reported, and somebody is a member.
fn use_what_is_bought(by: &Operator<'_>, calls: u32, known: &mut Known) -> Outcome<()> {
    for secret in known.all("checkout_secret") {
        let asked = json!({ "checkout_secret": secret });
        // What is held already was not bought again.
        let Ok(given) = by.call("POST", "/v1/licenses/exchange", "", &asked) else {
            continue;
        };
        let license = &given["license"];
        known.learn("license_key", &license["key"])?;
        known.learn("token", &license["token"])?;
        let machine = json!({ "license_key": license["key"], "machine": "desk" });
        by.call("POST", "/v1/machines/activate", "", &machine)?;
    }
    known.learn("machine", &json!("desk"))?;
    let used = json!({ "events": [
        { "id": "req-1", "feature": "calls", "value": calls },
        { "id": "act-1", "feature": "people", "name": "user-17" },
    ] });
    by.post("/v1/customers/ana/usage", used)?;
    by.call(
        "PUT",
        "/v1/customers/eve/member_of",
        &by.server.key,
        &json!({ "owner": "bob" }),
    )?;
    Ok(())
}

/// Sessions, quotes, changes, grants, terms and a price migration.
fn act(by: &Operator<'_>, known: &mut Known) -> Outcome<()> {
    for _ in 0..2 {
        let (session, link) = by.comes_in("ana")?;
        known.session = session;
        known.learn("link", &json!(link))?;
    }
    let session = known.session.clone();
    let mut offer = Value::Null;
    for wanted in ["team-monthly", "personal-yearly"] {
        offer = by.quoted("ana", wanted, &session)?;
        known.learn("quote", &offer["id"])?;
    }
    let accepted = format!("/v1/me/quotes/{}/accept", text(&offer["id"])?);
    by.call("POST", &accepted, &session, &json!({}))?;
    by.list("change", "/v1/changes", 1, known)?;
    undisturbed(by, known)?;
    owe(by, known)?;
    for name in ["ana", "bob", "eve"] {
        let grants = format!("/v1/customers/{name}/grants");
        let grant = by.post(&grants, json!({ "plan": "lifetime" }))?;
        known.learn("grant", &grant["id"])?;
    }
    let terms = json!({ "plan": "team", "amount": 900, "currency": "usd", "interval": "month" });
    let terms = by.post("/v1/customers/eve/negotiated-terms", terms)?;
    known.learn("terms", &terms["id"])?;
    let route = json!({ "from": "personal-monthly", "to": "personal-dearer" });
    let plan = by.post("/v1/price-migrations", route.clone())?;
    let mut executed = route;
    executed["digest"] = plan["digest"].clone();
    let executed = by.post("/v1/price-migrations", executed)?;
    known.learn("digest", &plan["digest"])?;
    known.learn("migration", &executed["id"])
}

/// Mia and kim, of whom nothing else is learned, so that nobody else changes what they hold: she is
/// offered a change, and his license is suspended. What he pays is there to be migrated.
fn undisturbed(by: &Operator<'_>, known: &mut Known) -> Outcome<()> {
    let hers = by.license_of("mia", "personal-yearly")?;
    known.learn("undisturbed_key", &hers["key"])?;
    let (session, _) = by.comes_in("mia")?;
    let offer = by.quoted("mia", "team-monthly", &session)?;
    known.learn("quote_token", &offer["token"])?;
    let his = by.license_of("kim", "personal-monthly")?;
    let suspend = format!("/v1/licenses/{}/suspend", text(&his["id"])?);
    by.post(&suspend, json!({ "reason": "probe" }))?;
    known.learn("suspended", &his["id"])
}

/// Bob owes an invoice that he is to pay by hand.
fn owe(by: &Operator<'_>, known: &mut Known) -> Outcome<()> {
    let terms = json!({
        "plan": "personal", "amount": 700, "currency": "usd", "interval": "month",
        "provider": "manual",
    });
    let terms = by.post("/v1/customers/bob/negotiated-terms", terms)?;
    by.post(
        "/v1/checkouts",
        json!({ "terms": terms["id"], "customer": "bob" }),
    )?;
    let owed = until(|| {
        let owed = by.get("/v1/invoices?customer=bob&status=open")?;
        let mut rows = owed["data"].as_array().into_iter().flatten();
        let by_hand = rows.find(|row| row["provider"] == "manual/main");
        by_hand
            .cloned()
            .ok_or_else(|| Failure::new("bob owes nothing"))
    })?;
    known.learn("owed", &owed["id"])?;
    known.learn("opened_at", &owed["opened_at"])
}

impl Operator<'_> {
    /// A session of a customer, and the link to another one.
    fn comes_in(&self, customer: &str) -> Outcome<(String, String)> {
        let back = "https://app.example.com/billing";
        let made = json!({ "customer": customer, "return_url": back });
        let made = self.post("/v1/billing-sessions", made)?;
        let link = text(&made["url"])?;
        let link = link.rsplit("link=").next().unwrap_or_default();
        Ok((text(&made["token"])?, link.to_owned()))
    }

    /// The license of somebody new, who has paid for this.
    fn license_of(&self, name: &str, price: &str) -> Outcome<Value> {
        let email = format!("{name}@example.com");
        let made = json!({ "external_ref": name, "email": email });
        self.post("/v1/customers", made)?;
        let bought = json!({ "price": price, "customer": name });
        let checkout = self.post("/v1/checkouts", bought)?;
        pay(&text(&checkout["url"])?)?;
        let asked = json!({ "checkout_secret": checkout["checkout_secret"] });
        until(|| {
            let given = self.call("POST", "/v1/licenses/exchange", "", &asked)?;
            text(&given["license"]["key"]).map(|_key| given["license"].clone())
        })
    }

    /// What a change to `price` is offered at, once nothing is under way any more.
    fn quoted(&self, customer: &str, price: &str, session: &str) -> Outcome<Value> {
        let held = self.get(&format!("/v1/subscriptions?customer={customer}"))?;
        let held = text(&held["data"][0]["id"])?;
        let quotes = format!("/v1/me/subscriptions/{held}/quotes");
        until(|| self.call("POST", &quotes, session, &json!({ "price": price })))
    }

    fn get(&self, path: &str) -> Outcome<Value> {
        self.call("GET", path, &self.server.key, &Value::Null)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "bodies are written where they are sent"
    )]
    fn post(&self, path: &str, body: Value) -> Outcome<Value> {
        self.call("POST", path, &self.server.key, &body)
    }

    fn call(&self, method: &str, path: &str, bearer: &str, body: &Value) -> Outcome<Value> {
        let body = body.to_string();
        let answer = send(Ask {
            method,
            url: &format!("{}{path}", self.server.url),
            bearer,
            media: "application/json",
            body: if method == "GET" { "" } else { &body },
        })?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        let read = serde_json::from_str(&answer);
        read.map_err(Failure::doing(format!("read what {path} answers")))
    }

    /// Waits until the list at `path` has so many rows, and learns their ids.
    fn list(&self, what: &'static str, path: &str, least: usize, known: &mut Known) -> Outcome<()> {
        let rows = until(|| {
            let list = self.get(path)?;
            let rows = list["data"].as_array().cloned().unwrap_or_default();
            if rows.len() < least {
                return Err(Failure::new(format!("fewer than {least} rows: {list}")));
            }
            Ok(rows)
        })?;
        rows.iter()
            .try_for_each(|row| known.learn(what, &row["id"]))
    }
}

/// What `look` finds, once it does.
fn until<T>(look: impl Fn() -> Outcome<T>) -> Outcome<T> {
    let mut last = look();
    for _ in 0..LOOKS {
        if last.is_ok() {
            break;
        }
        thread::sleep(LOOK_EVERY);
        last = look();
    }
    last
}

/// Pays at a page of the sandbox.
fn pay(page: &str) -> Outcome<()> {
    let ask = Ask {
        method: "GET",
        url: page,
        bearer: "",
        media: "application/x-www-form-urlencoded",
        body: "",
    };
    let shown = send(ask)?;
    let token = shown.split_once("name=\"token\" value=\"");
    let token = token.and_then(|(_, rest)| rest.split('"').next());
    let token = token.ok_or_else(|| Failure::new("the sandbox's page has no form"))?;
    send(Ask {
        method: "POST",
        body: &format!("token={token}&{CARD}"),
        ..ask
    })
    .map(drop)
}

/// A value that must be a text.
pub(crate) fn text(value: &Value) -> Outcome<String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("no text: {value}")))
}
