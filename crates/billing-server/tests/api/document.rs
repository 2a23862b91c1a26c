//! The OpenAPI document.

use billing_domain::journal::Event;
use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&billing_server::openapi_document()).unwrap()
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

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!(
        billing_server::openapi_document(),
        billing_server::openapi_document()
    );
}

#[test]
fn every_event_has_a_schema_and_an_example_that_is_what_would_be_sent() {
    let document = document();
    let events = document["webhooks"].as_object().unwrap();
    assert_eq!(events.len(), Event::ALL.len());
    for event in Event::ALL {
        let operation = &events[event.as_str()]["post"];
        let body = &operation["requestBody"]["content"]["application/json"];
        let sent = billing_notify::body(&billing_notify::example(*event)).unwrap();
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(body["example"], sent, "{event:?}");
        let schema = &body["schema"]["allOf"];
        assert_eq!(schema[0]["$ref"], "#/components/schemas/Event");
        assert_eq!(schema[1]["properties"]["type"]["enum"][0], event.as_str());
        assert!(fits(&sent, &schema[0], &document), "{sent}");
        assert_eq!(operation["summary"], event.meaning());
        assert!(!event.meaning().is_empty());
    }
    let stray = serde_json::json!({ "type": "x", "timestamp": "y", "data": { "id": 1 } });
    let schema = &events["invoice.settled"]["post"]["requestBody"];
    let schema = &schema["content"]["application/json"]["schema"]["allOf"][0];
    assert!(
        !fits(&stray, schema, &document),
        "it tells what does not fit"
    );
}

/// Whether a value is as a schema says, as far as our schemas go: types, fields that must be
/// there, and no field that is not described.
fn fits(value: &Value, schema: &Value, document: &Value) -> bool {
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().all(|schema| fits(value, schema, document));
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{name}");
        return fits(value, schema, document);
    }
    match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("object") => {
            let (Some(value), Some(fields)) = (value.as_object(), schema["properties"].as_object())
            else {
                return false;
            };
            let required = schema["required"].as_array().into_iter().flatten();
            required
                .into_iter()
                .all(|name| value.contains_key(name.as_str().unwrap()))
                && value.iter().all(|(name, value)| {
                    let schema = fields.get(name);
                    schema.is_some_and(|schema| fits(value, schema, document))
                })
        }
        // What only describes another.
        _ => true,
    }
}
