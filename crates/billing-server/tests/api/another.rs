//! Every route with what is another customer's: walked over the OpenAPI document, so that a
//! route that is new is told here whose ids it takes, or the walk fails.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::ids::{CustomerId, QuoteId};
use billing_domain::quote::Quote;
use billing_ports::store::Quotes as _;
use billing_testkit::memory::Snapshot;
use poem::http::Method;
use serde_json::{Value, json};

use crate::licenses::PLANS;
use crate::rig::{Got, Making, READ, Rig, WRITE, text};
use crate::routes::{ROUTES, Who};
use crate::shop::{Holder, MIDDLE, PAGES};

/// Parameters and fields that name something of a customer, and what they name.
const IDS: [(&str, &str); 12] = [
    ("customer", "customer"),
    ("owner", "customer"),
    ("member_of", "customer"),
    ("external_ref", "reference"),
    ("subscription", "subscription"),
    ("invoice", "invoice"),
    ("license", "license"),
    ("quote", "quote"),
    ("checkout", "checkout"),
    ("terms", "terms"),
    ("payment", "payment"),
    ("machine", "machine"),
];

/// What `{id}` names, by what stands before it in the path. Empty: nothing of a customer's.
const BY_PATH: [(&str, &str); 13] = [
    ("subscriptions", "subscription"),
    ("invoices", "invoice"),
    ("licenses", "license"),
    ("quotes", "quote"),
    ("checkouts", "checkout"),
    ("changes", "change"),
    ("grants", "grant"),
    ("keys", ""),
    ("webhook-endpoints", ""),
    ("deliveries", ""),
    ("parked", ""),
    ("price-migrations", ""),
    ("discount-codes", ""),
];

/// What is a secret, not an id: who has it may use it.
const SECRETS: [&str; 4] = ["link", "token", "checkout_secret", "license_key"];

/// What names nothing of a customer's in the routes of buyers.
const PLAIN: [&str; 23] = [
    "plan",
    "price",
    "interval",
    "quantity",
    "email",
    "code",
    "provider",
    "account",
    "success_url",
    "cancel_url",
    "return_url",
    "delivery",
    "feature",
    "amount",
    "level",
    "cycles",
    "limit",
    "cancel",
    "pause",
    "resume",
    "currency",
    "product",
    "cursor",
];

/// Whose credentials a request has. All are Ana's.
#[derive(Debug, Clone, Copy)]
enum By {
    Nobody,
    Session,
    /// An operator, who speaks of Ana.
    Operator,
}

/// What is answered.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// That there is no such thing: 404, the very answer for an id of nothing.
    Absent,
    /// The very answer for an id of nothing, with this status and code.
    Alike(u16, &'static str),
    /// This status, and nothing that is Bob's: no id is taken.
    OwnAlone(u16),
    /// Not asked, for this reason.
    Excused(&'static str),
}

/// A request: the operation, by whom, the query, the body, and what is answered. `{kind}` is
/// Bob's, `{my kind}` Ana's.
type Row = (&'static str, By, &'static str, Option<&'static str>, Told);

use Told::{Absent, Alike, Excused, OwnAlone};

const SECRET: Told = Excused("what it takes is the credential itself");
const SIGNED: Told = Excused("whose it is says the provider's signed body, not who sends it");

/// Every operation that buyers may call.
#[rustfmt::skip]
const BUYERS: &[Row] = &[
    ("list_plans", By::Session, "", None, OwnAlone(200)),
    ("create_checkout", By::Session, "", Some(r#"{"price":"cup-once","customer":"{customer}"}"#), Alike(403, "insufficient_scope")),
    ("create_checkout", By::Nobody, "", Some(r#"{"price":"cup-once","customer":"{customer}"}"#), Alike(401, "unauthorized")),
    ("create_checkout", By::Session, "", Some(r#"{"terms":"{terms}","customer":"{my customer}"}"#), Alike(403, "insufficient_scope")),
    ("get_checkout", By::Session, "", None, Excused("a checkout is shown to whoever holds its id: a guest has nothing else")),
    ("create_billing_session", By::Nobody, "", Some(r#"{"customer":"{customer}"}"#), Alike(204, "")),
    ("create_billing_session", By::Session, "", Some(r#"{"customer":"{customer}"}"#), Alike(403, "insufficient_scope")),
    ("open_billing_session", By::Session, "", None, SECRET),
    ("get_me", By::Session, "", None, OwnAlone(200)),
    ("get_my_entitlements", By::Session, "", None, OwnAlone(200)),
    ("check_my_feature", By::Session, "", None, OwnAlone(200)),
    ("cancel_my_subscription", By::Session, "", Some("{}"), Absent),
    ("uncancel_my_subscription", By::Session, "", None, Absent),
    ("receive_webhook", By::Session, "", None, SIGNED),
    ("receive_account_webhook", By::Session, "", None, SIGNED),
    ("list_allowed_changes", By::Session, "", None, Absent),
    ("create_quote", By::Session, "", Some(r#"{"plan":"bridge"}"#), Absent),
    ("create_quote", By::Session, "", Some(r#"{"cancel":true}"#), Absent),
    ("accept_quote", By::Session, "", None, Absent),
    ("accept_quote", By::Session, "", Some(r#"{"token":"{my token}"}"#), Alike(401, "unauthorized")),
    ("accept_quote_by_token", By::Session, "", None, SECRET),
    ("list_my_changes", By::Session, "?cursor={change}", None, OwnAlone(200)),
    ("take_back_change", By::Session, "", None, Absent),
    ("pause_my_subscription", By::Session, "", None, Absent),
    ("resume_my_subscription", By::Session, "", None, Absent),
    ("forecast_my_subscription", By::Session, "", None, Absent),
    ("create_portal", By::Session, "", None, OwnAlone(404)),
    ("change_payment_method", By::Session, "", None, Absent),
    ("set_my_spending_limit", By::Session, "", Some(r#"{"currency":"usd","amount":500}"#), OwnAlone(204)),
    ("exchange_license", By::Session, "", Some(r#"{"checkout":"{checkout}"}"#), Absent),
    ("exchange_license", By::Nobody, "", Some(r#"{"checkout":"{checkout}","checkout_secret":"{my secret}"}"#), Alike(401, "unauthorized")),
    ("refresh_license", By::Session, "", None, SECRET),
    ("quote_upgrade", By::Session, "", Some(r#"{"license_key":"{my key}","plan":"bridge"}"#), OwnAlone(200)),
    ("upgrade", By::Session, "", Some(r#"{"license_key":"{my key}","quote":"{quote}"}"#), Absent),
    ("cancel_by_key", By::Session, "", None, SECRET),
    ("validate_license", By::Session, "", Some(r#"{"license_key":"{my key}","machine":"{machine}"}"#), OwnAlone(200)),
    ("activate_machine", By::Session, "", Some(r#"{"license_key":"{my key}","machine":"{machine}"}"#), OwnAlone(200)),
    ("deactivate_machine", By::Session, "", Some(r#"{"license_key":"{my key}","machine":"{machine}"}"#), OwnAlone(200)),
    ("recover_license", By::Session, "", Some(r#"{"invoice":"{invoice}","email":"ana@buyers.test"}"#), Absent),
    ("get_my_invoice_document", By::Session, "", None, Absent),
];

/// Every operation of operators that takes two ids of customers: what is Bob's is not Ana's,
/// whoever asks.
#[rustfmt::skip]
const PAIRS: &[Row] = &[
    ("end_grant", By::Operator, "", None, Absent),
    ("list_invoices", By::Operator, "?customer={my customer}&subscription={subscription}", None, Alike(200, "")),
    ("list_changes", By::Operator, "?customer={my customer}&subscription={subscription}", None, Alike(200, "")),
    ("create_checkout", By::Operator, "", Some(r#"{"terms":"{terms}","customer":"{my customer}"}"#), Alike(400, "invalid_request")),
    ("refund_invoice", By::Operator, "", Some(r#"{"payment":"{payment}"}"#), Alike(409, "refund_elsewhere")),
    ("create_customer", By::Operator, "", None, Excused("a reference that is taken is told to be; joining an owner is its purpose")),
    ("join_owner", By::Operator, "", None, Excused("joining two customers is its purpose")),
];

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    path: String,
    /// Whether buyers may call it, and whether operators may.
    buyers: bool,
    operators: bool,
    /// Every parameter and every field of its body; `id` as the path tells what it is of.
    names: BTreeSet<String>,
}

impl Operation {
    fn of(method: &str, path: &str, said: &Value, schemas: &Value) -> Self {
        let security = said["security"].as_array().cloned().unwrap_or_default();
        let takes = |scheme: &str| security.iter().any(|one| one[scheme].is_array());
        let open = security.is_empty() || security.iter().any(|one| one == &json!({}));
        let mut names = BTreeSet::new();
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            names.insert(text(&parameter["name"]));
        }
        let contents = said["requestBody"]["content"].as_object();
        for content in contents.into_iter().flatten() {
            let Some(schema) = content.1["schema"]["$ref"].as_str() else {
                continue;
            };
            let schema = &schemas[schema.rsplit('/').next().unwrap()];
            let fields = schema["properties"].as_object();
            names.extend(fields.into_iter().flatten().map(|(field, _)| field.clone()));
        }
        Self {
            id: text(&said["operationId"]),
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            buyers: open || takes("billing_session"),
            operators: ["read_key", "write_key", "admin_key"]
                .into_iter()
                .any(takes),
            names,
        }
    }

    /// What `name` names. Empty: nothing of a customer's. `None`: nobody has said.
    fn kind_of(&self, name: &str) -> Option<&'static str> {
        if name == "id" {
            let parts: Vec<&str> = self.path.split('/').collect();
            let at = parts.iter().position(|part| *part == "{id}").unwrap();
            let of = BY_PATH.iter().find(|(before, _)| *before == parts[at - 1]);
            return of.map(|(_, kind)| *kind);
        }
        let of = IDS.iter().find(|(id, _)| *id == name);
        of.map(|(_, kind)| *kind).or_else(|| {
            let known = SECRETS.contains(&name) || PLAIN.contains(&name);
            (known || !self.buyers).then_some("")
        })
    }

    /// The kinds of all ids that it takes.
    fn kinds(&self) -> Vec<&'static str> {
        let kinds = self.names.iter().map(|name| {
            let kind = self.kind_of(name);
            kind.unwrap_or_else(|| panic!("{}: whose is {name}? Say it in this file", self.id))
        });
        kinds.filter(|kind| !kind.is_empty()).collect()
    }
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(billing_server::openapi_document()).unwrap();
    let schemas = &document["components"]["schemas"];
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, said) in methods.as_object().unwrap() {
            found.push(Operation::of(method, path, said, schemas));
        }
    }
    found
}

/// Somebody with one of everything.
struct Owner {
    id: CustomerId,
    quote: QuoteId,
    session: String,
    /// By their kinds.
    ids: BTreeMap<&'static str, String>,
}

impl Owner {
    async fn buys(rig: &Rig, name: &str) -> String {
        let body = json!({ "external_ref": name, "email": format!("{name}@buyers.test") });
        let made = rig.post("/v1/customers").by(WRITE).json(body).send().await;
        let customer = text(&made.ok(201)["id"]);
        rig.buys(&customer, "deck-monthly").await;
        customer
    }

    async fn of(rig: &Rig, name: &str, customer: String) -> Self {
        let holder = Holder::holding(rig, customer).await;
        let first = |list: Value, field: &str| text(&list["data"][0][field]);
        let read = async |path: &str| {
            let path = format!("{path}?customer={name}");
            rig.get(&path).by(READ).send().await.ok(200)
        };
        let write = async |path: &str, body: Value| {
            let path = format!("/v1/customers/{name}/{path}");
            let made = rig.post(&path).by(WRITE).json(body).send().await.ok(201);
            text(&made["id"])
        };
        let paid = first(read("/v1/invoices").await, "id");
        let path = format!("/v1/invoices/{paid}");
        let paid = rig.get(&path).by(READ).send().await.ok(200);
        let payment = text(&paid["payments"][0]["reference"]);
        let opened = rig.post("/v1/checkouts").by(&holder.session);
        let opened = opened
            .json(json!({ "price": "cup-once" }))
            .send()
            .await
            .ok(201);
        let given = rig.post("/v1/licenses/exchange").by(&holder.session);
        let given = given.send().await.ok(200);
        let license = &given["license"];
        let key = text(&license["key"]);
        let machine = format!("{name}-desk");
        let body = json!({ "license_key": key, "machine": machine });
        let active = rig.post("/v1/machines/activate").json(body).send().await;
        active.ok(200);
        let change = holder.changes(json!({ "plan": "bridge" })).await;
        // Asked for after the change, so that it can be accepted as things stand.
        let quote = holder.quote(json!({ "cancel": true })).await;
        let terms = json!({
            "plan": "deck", "amount": 400, "currency": "usd", "interval": "month",
        });
        let ids = BTreeMap::from([
            ("customer", holder.customer.clone()),
            ("reference", name.to_owned()),
            ("subscription", holder.subscription.clone()),
            ("license", text(&license["id"])),
            ("checkout", text(&opened["id"])),
            ("change", text(&change["id"])),
            ("invoice", text(&change["invoice"])),
            ("quote", text(&quote["id"])),
            ("token", text(&quote["token"])),
            ("secret", text(&opened["checkout_secret"])),
            ("grant", write("grants", json!({ "plan": "cup" })).await),
            ("terms", write("negotiated-terms", terms).await),
            ("payment", payment),
            ("key", key),
            ("machine", machine),
        ]);
        Self {
            id: holder.customer.parse().unwrap(),
            quote: ids["quote"].parse().unwrap(),
            session: holder.session,
            ids,
        }
    }

    /// Everything that is this customer's: no other may change it.
    async fn books(&self, rig: &Rig) -> (Snapshot, Option<Quote>, Value) {
        let mut held = rig.store.snapshot();
        held.accounts
            .retain(|one| one.account.customer.id == self.id);
        assert_eq!(held.accounts.len(), 1);
        held.journal.retain(|entry| entry.customer == self.id);
        held.outbox.retain(|row| row.customer == self.id);
        let quote = rig.store.get_quote(self.quote).await.unwrap();
        let me = rig.get("/v1/me").by(&self.session).send().await.ok(200);
        (held, quote, me)
    }
}

/// The ids of an owner in `template`; those in `{my …}` are `mine`.
fn filled(template: &str, theirs: &BTreeMap<&str, String>, mine: &Owner) -> String {
    let mut text = template.to_owned();
    for (kind, id) in &mine.ids {
        text = text.replace(&format!("{{my {kind}}}"), id);
    }
    for (kind, id) in theirs {
        text = text.replace(&format!("{{{kind}}}"), id);
    }
    text
}

/// As another's ids, but of nothing.
fn of_nothing(ids: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let none = |id: &str| match id.split_once('_') {
        Some((kind, _)) => format!("{kind}_{}", "0".repeat(32)),
        None => "nothing".to_owned(),
    };
    ids.iter().map(|(kind, id)| (*kind, none(id))).collect()
}

/// What is the same in two answers that are alike.
fn said(got: &Got) -> (u16, Value) {
    let mut body = serde_json::from_slice(&got.bytes).unwrap_or(Value::Null);
    if body.get("instance").is_some() {
        body["instance"] = Value::Null;
    }
    (got.status, body)
}

/// Ana tries what is Bob's.
struct World {
    rig: Rig,
    ana: Owner,
    bob: Owner,
}

impl World {
    async fn new() -> Self {
        let rig = Rig::made(Making {
            mode: PAGES,
            plans: PLANS,
            ..Making::default()
        })
        .await;
        let (ana, bob) = (
            Owner::buys(&rig, "ana").await,
            Owner::buys(&rig, "bob").await,
        );
        rig.clock.set(MIDDLE.parse().unwrap());
        let ana = Owner::of(&rig, "ana", ana).await;
        let bob = Owner::of(&rig, "bob", bob).await;
        rig.state.billing.work_until_idle().await.unwrap();
        rig.deliver().await;
        Self { rig, ana, bob }
    }

    /// Sends a request; `theirs` are the ids that are not Ana's.
    async fn asks(
        &self,
        operation: &Operation,
        by: By,
        (query, body): (&str, Option<&str>),
        theirs: &BTreeMap<&str, String>,
    ) -> Got {
        // An operator who speaks of two names Ana first.
        let first = if matches!(by, By::Operator) {
            "my "
        } else {
            ""
        };
        let customer = format!("{{{first}customer}}");
        let mut path = operation.path.replace("{customer}", &customer);
        if path.contains("{id}") {
            let kind = operation.kind_of("id").unwrap_or_default();
            // A route of one thing and of something within it: the thing is Ana's.
            let within = matches!(by, By::Operator) && !operation.path.contains("{customer}");
            let first = if within { "my " } else { "" };
            path = path.replace("{id}", &format!("{{{first}{kind}}}"));
        }
        path = path.replace("{feature}", "editor");
        path = filled(&format!("{path}{query}"), theirs, &self.ana);
        let mut ask = self.rig.ask(operation.method.clone(), &path);
        ask = match by {
            By::Nobody => ask,
            By::Session => ask.by(&self.ana.session),
            By::Operator => ask.by(WRITE),
        };
        if let Some(body) = body {
            let body = filled(body, theirs, &self.ana);
            assert!(!body.contains("{my "), "{body}");
            ask = ask.bytes("application/json", body);
        }
        ask.send().await
    }

    /// Asks, and checks the answer and that nothing of Bob's has changed.
    async fn tries(&self, operation: &Operation, row: &Row) {
        let (id, by, query, body, told) = *row;
        if let Excused(why) = told {
            assert!(!why.is_empty());
            return;
        }
        let what = format!("{id} by {by:?} with {query}{}", body.unwrap_or_default());
        let (all, his) = (self.rig.store.snapshot(), self.bob.books(&self.rig).await);
        let got = self.asks(operation, by, (query, body), &self.bob.ids).await;
        let shown = String::from_utf8_lossy(&got.bytes);
        match told {
            Absent => drop(got.refused(404, "not_found")),
            Alike(status, "") | OwnAlone(status) => {
                assert_eq!(got.status, status, "{what}: {shown}");
            }
            Alike(status, code) => drop(got.refused(status, code)),
            Excused(_) => {}
        }
        if !matches!(told, OwnAlone(_)) {
            let none = of_nothing(&self.bob.ids);
            let none = self.asks(operation, by, (query, body), &none).await;
            assert_eq!(said(&got), said(&none), "{what}: not as for nothing");
            assert_eq!(
                self.rig.store.snapshot(),
                all,
                "{what}: something is written"
            );
        }
        if matches!(told, Absent) && operation.method == Method::GET {
            let path = operation
                .path
                .replace("{id}", &self.bob.ids[operation.kind_of("id").unwrap()]);
            let his_own = self.rig.get(&path).by(&self.bob.session).send().await;
            assert_eq!(his_own.status, 200, "{what}: it is there, for Bob");
        }
        for (kind, id) in &self.bob.ids {
            let named = *kind == "machine" || !shown.contains(id.as_str());
            assert!(named, "{what}: tells Bob's {kind}: {shown}");
        }
        let now = self.bob.books(&self.rig).await;
        assert_eq!(now, his, "{what}: something of Bob's has changed");
    }

    /// Tries every row, and checks that they are for exactly these operations and for every id
    /// that these take.
    async fn tries_all(&self, operations: &[&Operation], rows: &[Row]) {
        let known: BTreeSet<&str> = operations.iter().map(|one| one.id.as_str()).collect();
        let told: BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
        assert_eq!(known, told, "an operation is not told here, or is gone");
        for operation in operations {
            let rows = rows.iter().filter(|row| row.0 == operation.id);
            let rows: Vec<&Row> = rows.collect();
            let excused = rows.iter().any(|row| matches!(row.4, Excused(_)));
            for kind in operation.kinds() {
                let sent = |row: &&Row| {
                    let body = format!("{}{}", row.2, row.3.unwrap_or_default());
                    // Of two ids the first may be Ana's own.
                    let own =
                        matches!(row.1, By::Operator) && body.contains(&format!("{{my {kind}}}"));
                    own || body.contains(&format!("{{{kind}}}"))
                };
                let in_path =
                    operation.path.contains("{id}") && operation.kind_of("id") == Some(kind);
                let in_path = in_path || operation.path.contains(&format!("{{{kind}}}"));
                let tried = excused || in_path || rows.iter().any(sent);
                assert!(tried, "{}: no request with another's {kind}", operation.id);
            }
            for row in rows {
                self.tries(operation, row).await;
            }
        }
    }
}

#[tokio::test]
async fn every_route_of_buyers_with_another_customer_s_ids_finds_nothing() {
    let world = World::new().await;
    let operations = operations();
    let buyers = operations.iter().filter(|one| one.buyers);
    let buyers: Vec<&Operation> = buyers.collect();
    assert!(buyers.len() > 30, "{}", buyers.len());
    world.tries_all(&buyers, BUYERS).await;
}

#[tokio::test]
async fn a_route_of_two_ids_does_not_mix_two_customers() {
    let world = World::new().await;
    let operations = operations();
    let pairs = operations
        .iter()
        .filter(|one| one.operators && one.kinds().len() > 1);
    let pairs: Vec<&Operation> = pairs.collect();
    world.tries_all(&pairs, PAIRS).await;
}

/// What is an operator's is refused to a customer before anything is looked up: its own ids,
/// another's and those of nothing get one answer.
#[tokio::test]
async fn every_route_of_operators_refuses_a_customer_whatever_it_names() {
    let world = World::new().await;
    let all = world.rig.store.snapshot();
    let none = of_nothing(&world.bob.ids);
    let mut tried = 0;
    for operation in operations().iter().filter(|one| !one.buyers) {
        let route = ROUTES
            .iter()
            .find(|route| route.id == operation.id)
            .unwrap();
        assert!(
            matches!(route.who, Who::Read | Who::Write | Who::Admin),
            "{}",
            route.id
        );
        let mut answers = Vec::new();
        for theirs in [&world.ana.ids, &world.bob.ids, &none] {
            let got = world
                .asks(operation, By::Session, ("", Some("{}")), theirs)
                .await;
            got.refused(403, "insufficient_scope");
            answers.push(said(&got));
        }
        assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
    assert_eq!(world.rig.store.snapshot(), all);
}
