//! Fields that are the server's own, sent along with every body: refused by their name, and
//! never stored.

use std::collections::BTreeSet;

use billing_ports::store::Quotes as _;
use serde_json::{Map, Value, json};

use crate::browser::Browser;
use crate::rig::{ADMIN, Rig, text};
use crate::routes::{ROUTES, Route, Who};
use crate::shop::{Holder, PAGES, shop};

/// What the server says of what it keeps, and whoever calls must not.
const OWNED: [&str; 22] = [
    "id",
    "status",
    "state",
    "revision",
    "created_at",
    "updated_at",
    "customer",
    "customer_id",
    "amount",
    "currency",
    "unit",
    "price_amount",
    "provider",
    "provider_ref",
    "paid_through",
    "ends_at",
    "scope",
    "secret",
    "actor",
    "guest",
    "balances",
    "__proto__",
];

/// What is left out unread, whatever it says: old applications send what they believe to be
/// owed. The answer is the one without it.
const IGNORED: [&str; 4] = ["amount", "owed_now", "currency", "unit"];
const IGNORING: [&str; 2] = ["quote_upgrade", "upgrade"];

/// The document.
fn document() -> Value {
    serde_json::from_str(billing_server::openapi_document()).unwrap()
}

/// The schema of an operation's JSON body. `None`: it takes none.
fn schema_of(document: &Value, id: &str) -> Option<Value> {
    let paths = document["paths"].as_object().unwrap().values();
    let mut operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let found = operations.find(|said| said["operationId"] == id).unwrap();
    let schema = &found["requestBody"]["content"]["application/json"]["schema"];
    schema.is_object().then(|| resolved(document, schema))
}

/// What a schema refers to.
fn resolved(document: &Value, schema: &Value) -> Value {
    let refers = schema["$ref"]
        .as_str()
        .or_else(|| schema["allOf"][0]["$ref"].as_str());
    match refers {
        Some(name) => document["components"]["schemas"][name.rsplit('/').next().unwrap()].clone(),
        None => schema.clone(),
    }
}

/// A secret that may call the route.
fn caller<'a>(route: &Route, session: &'a str) -> Option<&'a str> {
    match route.who {
        Who::Customer => Some(session),
        Who::Public | Who::Providers | Who::Holder => None,
        Who::Buyers | Who::WriteOrNobody | Who::Read | Who::Write | Who::Admin => Some(ADMIN),
    }
}

/// The objects within an object of this schema: their fields, and what each takes.
fn within(document: &Value, schema: &Value) -> Vec<(String, Value, bool)> {
    let fields = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut found = Vec::new();
    for (field, said) in fields {
        let many = said["type"] == "array";
        let inner = if many { &said["items"] } else { &said };
        let inner = resolved(document, inner);
        if inner["properties"].is_object() {
            found.push((field, inner, many));
        }
    }
    found
}

#[tokio::test]
async fn no_body_takes_a_field_that_is_the_server_s_own() {
    let rig = Rig::new().await;
    rig.customer("ana").await;
    let session = rig.session("ana").await;
    let document = document();
    let before = rig.store.snapshot();
    let mut bodies = BTreeSet::new();
    for route in ROUTES.iter().filter(|route| route.who != Who::Providers) {
        let Some(schema) = schema_of(&document, route.id) else {
            continue;
        };
        bodies.insert(route.id);
        let body = route.json("ana").unwrap_or_else(|| json!({}));
        let send = async |body: Value, field: String| {
            let mut ask = route.ask(&rig, "ana").json(body);
            if let Some(secret) = caller(route, &session) {
                ask = ask.by(secret);
            }
            let got = ask.send().await;
            if IGNORING.contains(&route.id) && IGNORED.contains(&field.as_str()) {
                got.refused(401, "unauthorized");
                return;
            }
            assert_eq!(got.status, 400, "{} takes {field}", route.id);
            got.wrong(&field);
            assert_eq!(rig.store.snapshot(), before, "{}: {field}", route.id);
        };
        for owned in OWNED
            .iter()
            .filter(|owned| schema["properties"][**owned].is_null())
        {
            for value in [json!("x"), json!(1), Value::Null] {
                let mut body = body.clone();
                body[*owned] = value;
                send(body, (*owned).to_owned()).await;
            }
        }
        for (inside, inner, many) in within(&document, &schema) {
            for owned in OWNED
                .iter()
                .filter(|owned| inner["properties"][**owned].is_null())
            {
                let one = Value::Object(Map::from_iter([((*owned).to_owned(), json!("x"))]));
                let mut body = body.clone();
                body[&inside] = if many { json!([one]) } else { one };
                let place = if many { ".0" } else { "" };
                send(body, format!("{inside}{place}.{owned}")).await;
            }
        }
    }
    assert!(bodies.len() > 30, "{bodies:?}");
}

/// A field that is not in the document is not read either: what it describes is all there is.
#[test]
fn every_body_is_described_as_closed() {
    let document = document();
    for route in ROUTES {
        if let Some(schema) = schema_of(&document, route.id) {
            assert_eq!(schema["additionalProperties"], false, "{}", route.id);
        }
    }
}

/// A browser sends whatever is in a form: what is none of its fields changes nothing.
#[tokio::test]
async fn a_form_s_further_fields_are_not_read() {
    let rig = shop(PAGES).await;
    let ana = Holder::of(&rig, "ana", "basic-monthly").await;
    let bob = rig.customer("bob").await;
    let plain = ana.quote(json!({ "price": "pro-monthly" })).await;
    let before = rig.store.snapshot();
    let browser = Browser::with(&rig, &ana.session);
    let path = format!("/portal/subscriptions/{}/quotes", ana.subscription);
    let form = [
        ("price", "pro-monthly"),
        ("customer", bob.as_str()),
        ("id", "qte_1"),
        ("amount", "1"),
        ("owed_now", "0"),
        ("status", "accepted"),
        ("expires_at", "2099-01-01T00:00:00Z"),
        ("provider", "manual"),
    ];
    let made = browser.presses(&path, &form).await.is(303);
    let id = made
        .header("location")
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let quote = rig
        .store
        .get_quote(id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let mut same = rig
        .store
        .get_quote(text(&plain["id"]).parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    same.id = quote.id;
    assert_eq!(quote, same, "as without them");
    assert_eq!(rig.store.snapshot(), before, "a quote changes nothing");
}
