//! The OpenAPI document.

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

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!(
        billing_server::openapi_document(),
        billing_server::openapi_document()
    );
}
