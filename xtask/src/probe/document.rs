//! The server's own document, with bodies that fit what is in its books as examples: the tool
//! sends them as they are, and makes up others from them, one field at a time.

use serde_json::{Value, json};

use super::known::Known;
use crate::failure::{Failure, Outcome};

/// Bodies by the operation that takes them. A text that begins with `$` stands for the first value
/// of its kind that was learned.
const BODIES: &str = include_str!("bodies.json");

/// The document with examples. Fails where a body is for no operation of it, or wants what nobody
/// learned.
pub(crate) fn with_examples(document: &str, known: &Known) -> Outcome<String> {
    let mut document: Value =
        serde_json::from_str(document).map_err(Failure::doing("read the document"))?;
    let bodies: Value = serde_json::from_str(BODIES).map_err(Failure::doing("read the bodies"))?;
    for (operation, bodies) in bodies.as_object().into_iter().flatten() {
        let (method, path) = operation.split_once(' ').unwrap_or_default();
        let operation_of = &mut document["paths"][path][method.to_lowercase()];
        let body = &mut operation_of["requestBody"]["content"]["application/json"];
        if body["schema"].is_null() {
            let words = format!("no operation {operation} takes a body");
            return Err(Failure::new(words));
        }
        let mut examples = json!({});
        for (number, body) in bodies.as_array().into_iter().flatten().enumerate() {
            let mut body = body.clone();
            filled(&mut body, known)?;
            examples[number.to_string()] = json!({ "value": body });
        }
        body["examples"] = examples;
    }
    Ok(document.to_string())
}

/// Puts what was learned where it is wanted.
fn filled(body: &mut Value, known: &Known) -> Outcome<()> {
    for field in body
        .as_object_mut()
        .into_iter()
        .flat_map(|body| body.values_mut())
    {
        let wanted = field.as_str().and_then(|text| text.strip_prefix('$'));
        let Some(kind) = wanted else { continue };
        let first = known.all(kind).into_iter().next();
        let missing = || Failure::new(format!("nothing of the kind {kind} was learned"));
        *field = Value::from(first.ok_or_else(missing)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known::default();
        known.learn("link", &json!("bl_1")).unwrap();
        known.learn("link", &json!("bl_2")).unwrap();
        known
    }

    #[test]
    fn a_field_that_wants_what_was_learned_has_the_first() {
        let mut body = json!({ "link": "$link", "price": "yearly", "quantity": 3 });
        filled(&mut body, &known()).unwrap();
        assert_eq!(
            body,
            json!({ "link": "bl_1", "price": "yearly", "quantity": 3 })
        );
        let unknown = filled(&mut json!({ "key": "$key" }), &known());
        assert!(unknown.unwrap_err().to_string().contains("kind key"));
    }

    #[test]
    fn a_body_for_no_operation_is_told() {
        let failure = with_examples("{\"paths\":{}}", &known()).unwrap_err();
        assert!(failure.to_string().contains("takes a body"), "{failure}");
    }
}
