//! The OpenAPI document.

use std::fmt::Write;

use billing_domain::journal::{Event, Part};
use billing_testkit::documented::{event_fits, fits};
use serde_json::{Value, json};

fn document() -> Value {
    serde_json::from_str(billing_server::openapi_document()).unwrap()
}

#[test]
fn every_operation_is_named_described_and_can_refuse() {
    let document = document();
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/v1/"), "{path}");
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(
                names.insert(name.to_owned()) && !name.is_empty(),
                "{method} {path}"
            );
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path}");
            let refusal = &operation["responses"]["default"]["content"];
            let refusal = &refusal["application/problem+json"]["schema"]["$ref"];
            assert_eq!(refusal, "#/components/schemas/Problem", "{method} {path}");
        }
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn every_field_is_described() {
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        for (field, property) in properties {
            let inner = property["allOf"][0].is_object() || property["$ref"].is_string();
            let described = property["description"].is_string() || inner;
            assert!(described, "{name}.{field}");
        }
    }
}

/// What is not required may be absent from what is sent, and is `null` in what is answered.
#[test]
fn whatever_may_be_absent_may_be_null() {
    let document = document();
    let mut optional = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let must = required.iter().any(|one| one == field);
            assert_eq!(property["nullable"] == true, !must, "{name}.{field}");
            optional += usize::from(!must);
        }
    }
    assert!(optional > 100, "{optional}");
}

#[test]
fn what_says_what_its_absence_means_is_not_required() {
    let document = document();
    let mut said = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let description = property["description"].as_str().unwrap_or_default();
            if description.contains("Absent") {
                said += 1;
                assert!(!required.iter().any(|one| one == field), "{name}.{field}");
            }
        }
    }
    assert!(said > 50, "{said}");
}

/// What the document has of an event: its schema and its example.
fn of_event(event: Event, document: &Value) -> (&Value, &Value) {
    let operation = &document["webhooks"][event.as_str()]["post"];
    let content = &operation["requestBody"]["content"]["application/json"];
    (&content["schema"], &content["example"])
}

#[test]
fn every_event_has_a_schema_and_an_example_of_its_own() {
    let document = document();
    let named = document["webhooks"].as_object().unwrap();
    assert_eq!(named.len(), Event::ALL.len());
    for event in Event::ALL {
        let (schema, example) = of_event(*event, &document);
        assert_eq!(example["type"], event.as_str());
        event_fits(example, &document).unwrap();
        let summary = named[event.as_str()]["post"]["summary"].as_str().unwrap();
        assert!(!summary.is_empty(), "{event:?}");
        for other in Event::ALL.iter().filter(|other| *other != event) {
            let (_, example) = of_event(*other, &document);
            assert!(
                fits(example, schema, &document).is_err(),
                "{other:?} is no {event:?}"
            );
        }
    }
}

/// What an event always says is in its example, and nothing without it fits; what it may say
/// fits; and what it never says does not.
#[test]
fn a_schema_takes_what_its_event_says_and_nothing_else() {
    let document = document();
    let anything = document["components"]["schemas"]["EventData"]["properties"].as_object();
    let told: Vec<&str> = Part::ALL.iter().copied().filter_map(Part::field).collect();
    for name in &told {
        assert!(anything.unwrap().contains_key(*name), "{name}");
    }
    let renewal = of_event(Event::SubscriptionRenewalPending, &document).1;
    let renewal = &renewal["data"]["renewal"];
    for event in Event::ALL {
        let (_, example) = of_event(*event, &document);
        for part in Part::ALL {
            let Some(name) = part.field() else { continue };
            let says = event.says();
            let with = |value: Option<Value>| {
                let mut sent = example.clone();
                let data = sent["data"].as_object_mut().unwrap();
                match value {
                    Some(value) => data.insert(name.to_owned(), value),
                    None => data.remove(name),
                };
                event_fits(&sent, &document).is_ok()
            };
            let something = if *part == Part::Money {
                json!({ "amount": 1, "currency": "usd" })
            } else if *part == Part::Renewal {
                renewal.clone()
            } else {
                json!("something")
            };
            assert_eq!(
                with(None),
                !says.always.contains(part),
                "{event:?} without {name}"
            );
            assert_eq!(
                with(Some(something)),
                says.may_say(*part),
                "{event:?} with {name}"
            );
            assert!(
                !with(Some(Value::Null)),
                "{event:?}: what is not said is left out"
            );
        }
    }
}

/// The table for readers of `docs/webhooks.md`.
#[test]
fn the_table_of_events_is_what_they_say() {
    let fields = |parts: &[Part]| -> String {
        let fields = parts.iter().copied().filter_map(Part::field);
        let fields: Vec<String> = fields.map(|field| format!("`{field}`")).collect();
        fields.join(", ")
    };
    let mut table = String::new();
    for event in Event::ALL {
        let (says, document) = (event.says(), document());
        let note = of_event(*event, &document).1["data"]["note"].as_str();
        let note = note.map(|note| format!("`{note}`")).unwrap_or_default();
        let (always, sometimes) = (fields(says.always), fields(says.sometimes));
        let name = event.as_str();
        writeln!(table, "| `{name}` | {always} | {sometimes} | {note} |").unwrap();
    }
    let written = include_str!("../../../../docs/webhooks.md");
    assert!(
        written.contains(&table),
        "docs/webhooks.md wants this table:\n{table}"
    );
}
