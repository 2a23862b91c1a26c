//! Whether a value is as an OpenAPI document says, as far as our own schemas go: types, words
//! of a list, fields that must be there, and no field that is not described.
//!
//! Knows nothing of what a schema is for.

use std::fmt;

use serde_json::Value;

/// Where a value is not as its schema says, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The names of the fields that lead there. Empty: the value itself.
    pub path: Vec<String>,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.path.join("."), self.expected)
    }
}

fn not(expected: impl Into<String>) -> Result<(), Misfit> {
    Err(Misfit {
        path: Vec::new(),
        expected: expected.into(),
    })
}

/// Holds an event, as a receiver gets it, to the schema of its own that it has in `document`.
///
/// # Errors
///
/// The first [`Misfit`]; an event that has no schema is one.
pub fn event_fits(sent: &Value, document: &Value) -> Result<(), Misfit> {
    let name = sent["type"].as_str().unwrap_or_default();
    let body = &document["webhooks"][name]["post"]["requestBody"]["content"];
    let schema = &body["application/json"]["schema"];
    if schema.is_null() {
        return not(format!("an event with a schema, not `{name}`"));
    }
    fits(sent, schema, document)
}

/// Holds a value to a schema of `document`.
///
/// # Errors
///
/// The first [`Misfit`].
pub fn fits(value: &Value, schema: &Value, document: &Value) -> Result<(), Misfit> {
    if value.is_null() && schema["nullable"] == true {
        return Ok(());
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        let schema = &document["components"]["schemas"][name];
        if schema.is_null() {
            return not(format!("a schema `{name}`"));
        }
        return fits(value, schema, document);
    }
    for one in schema["allOf"].as_array().into_iter().flatten() {
        fits(value, one, document)?;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return not(format!("one of {words:?}"));
    }
    match schema["type"].as_str() {
        Some("string") if !value.is_string() => not("a string"),
        Some("boolean") if !value.is_boolean() => not("a boolean"),
        Some("integer") if !value.is_i64() && !value.is_u64() => not("an integer"),
        Some("array") => each_fits(value, &schema["items"], document),
        Some("object") => fields_fit(value, schema, document),
        // What only describes another has no type.
        _ => Ok(()),
    }
}

fn each_fits(value: &Value, items: &Value, document: &Value) -> Result<(), Misfit> {
    let Some(values) = value.as_array() else {
        return not("an array");
    };
    let mut values = values.iter().enumerate();
    values.try_for_each(|(index, value)| at(&index.to_string(), fits(value, items, document)))
}

fn fields_fit(value: &Value, schema: &Value, document: &Value) -> Result<(), Misfit> {
    let Some(fields) = value.as_object() else {
        return not("an object");
    };
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return at(name, not("a value"));
        }
    }
    fields.iter().try_for_each(|(name, value)| {
        let schema = &schema["properties"][name];
        if schema.is_null() {
            return at(name, not("nothing"));
        }
        at(name, fits(value, schema, document))
    })
}

/// The same, found below a field of this name.
fn at(name: &str, found: Result<(), Misfit>) -> Result<(), Misfit> {
    found.map_err(|mut misfit| {
        misfit.path.insert(0, name.to_owned());
        misfit
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let amount = json!({
            "type": "object",
            "required": ["amount"],
            "properties": { "amount": { "type": "integer" } },
        });
        let schema = json!({
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": { "type": "string", "enum": ["bill.paid"] },
                "money": { "allOf": [{ "$ref": "#/components/schemas/Amount" }, {}] },
                "tags": { "type": "array", "items": { "type": "string" } },
                "paid": { "type": "boolean", "nullable": true },
            },
        });
        let body = json!({ "content": { "application/json": { "schema": schema } } });
        json!({
            "components": { "schemas": { "Amount": amount } },
            "webhooks": { "bill.paid": { "post": { "requestBody": body } } },
        })
    }

    #[test]
    fn what_is_as_its_schema_says_fits() {
        for sent in [
            json!({ "type": "bill.paid" }),
            json!({ "type": "bill.paid", "money": { "amount": -1 }, "tags": ["a"], "paid": null }),
        ] {
            assert_eq!(event_fits(&sent, &document()), Ok(()));
        }
    }

    #[test]
    fn what_is_not_is_told_where() {
        for (sent, told) in [
            (json!({ "type": "bill.sent" }), ": expected an event with"),
            (json!({}), ": expected an event with"),
            (
                json!({ "type": "bill.paid", "more": 1 }),
                "more: expected nothing",
            ),
            (
                json!({ "type": "bill.paid", "money": 1 }),
                "money: expected an object",
            ),
            (
                json!({ "type": "bill.paid", "money": {} }),
                "money.amount: expected a value",
            ),
            (
                json!({ "type": "bill.paid", "tags": ["a", 1] }),
                "tags.1: expected a string",
            ),
            (
                json!({ "type": "bill.paid", "tags": "a" }),
                "tags: expected an array",
            ),
            (
                json!({ "type": "bill.paid", "paid": 0 }),
                "paid: expected a boolean",
            ),
            (
                json!({ "type": "bill.paid", "money": { "amount": 1.5 } }),
                "money.amount: expected an integer",
            ),
        ] {
            let misfit = event_fits(&sent, &document()).unwrap_err().to_string();
            assert!(misfit.starts_with(told), "{misfit}");
        }
        let schema = &document()["webhooks"]["bill.paid"]["post"]["requestBody"]["content"];
        let schema = &schema["application/json"]["schema"];
        let misfit = fits(&json!({ "type": "bill" }), schema, &document()).unwrap_err();
        assert_eq!(misfit.path, ["type"]);
    }
}
