//! Names and other texts of a thousand characters: refused wherever one is taken, by the name of
//! the field, and nothing is written.

use billing_catalog::SAMPLE;
use billing_server::openapi_document;
use serde_json::{Value, json};

use crate::rig::{ADMIN, Rig};
use crate::routes::{ROUTES, Route, Who};

/// Longer than any bound of a name.
const LONG: usize = 1_000;

/// Credentials: what is wrong with one is told to nobody.
const CREDENTIALS: [&str; 3] = ["checkout_secret", "license_key", "token"];

/// The texts and lists of texts in a route's body, as the document has them.
fn texts(document: &Value, route: &Route) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap().values();
    let mut operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let operation = operations
        .find(|operation| operation["operationId"] == route.id)
        .unwrap();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = body["$ref"].as_str().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap();
    let fields = document["components"]["schemas"][name]["properties"].as_object();
    let fields = fields.into_iter().flatten();
    let long = |schema: &Value| {
        let long = json!("x".repeat(LONG));
        match (schema["type"].as_str(), schema["items"]["type"].as_str()) {
            (Some("string"), _) => Some(long),
            (Some("array"), Some("string")) => Some(json!([long])),
            _ => None,
        }
    };
    fields
        .filter_map(|(field, schema)| Some((field.clone(), long(schema)?)))
        .collect()
}

#[tokio::test]
async fn a_text_of_a_thousand_characters_is_refused_by_name() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let session = rig.session(&ana).await;
    let document: Value = serde_json::from_str(openapi_document()).unwrap();
    let before = rig.store.snapshot();
    let mut tried = 0;
    for route in ROUTES {
        let Some(body) = route.json(&ana) else {
            continue;
        };
        let by = if route.who == Who::Customer {
            session.as_str()
        } else {
            ADMIN
        };
        for (field, long) in texts(&document, route) {
            if CREDENTIALS.contains(&field.as_str()) {
                continue;
            }
            let mut body = body.clone();
            body[&field] = long;
            let got = route.ask(&rig, &ana).by(by).json(body).send().await;
            let what = format!("{}: {field}: {}", route.id, got.json());
            assert_eq!(got.status, 400, "{what}");
            assert_eq!(got.json()["code"], "invalid_request", "{what}");
            let errors = got.json()["errors"].as_array().unwrap().clone();
            let named = |error: &Value| error["field"].as_str().unwrap().starts_with(&field);
            assert!(errors.iter().any(named), "{what}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
    assert_eq!(rig.store.snapshot(), before, "something was written");
}

#[tokio::test]
async fn a_plan_file_with_a_name_of_a_thousand_characters_is_refused_where_it_stands() {
    let rig = Rig::new().await;
    let before = rig.store.snapshot();
    let long = "x".repeat(LONG);
    for name in ["\"Acme Storage\"", "\"Projects\"", "Team"] {
        let plans = SAMPLE.replacen(name, &format!("\"{long}\""), 1);
        let line = SAMPLE.lines().position(|line| line.contains(name)).unwrap() + 1;
        let apply = rig.post("/v1/catalog/apply").by(ADMIN);
        let got = apply.bytes("application/yaml", plans).send().await;
        let refused = got.refused(400, "invalid_request");
        let error = &refused["errors"][0];
        assert_eq!(error["line"], line, "{refused}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("200 characters"), "{refused}");
    }
    assert_eq!(rig.store.snapshot(), before, "something was written");
}
