//! The events that are sent out, in the OpenAPI document: each by its name, with its schema
//! and an example. Knows nothing of how they are sent.

use billing_domain::journal::Event;
use billing_notify::{body, example};
use serde_json::{Map, Value, json};

/// The document with a section `webhooks`. Put in as text, so that the rest of it stays in
/// its order.
pub(super) fn with_events(document: &str) -> String {
    let Some(open) = document.trim_end().strip_suffix('}') else {
        return document.to_owned();
    };
    let events: Map<String, Value> = Event::ALL
        .iter()
        .map(|event| (event.as_str().to_owned(), event_of(*event)))
        .collect();
    // Maps of values can always be written.
    let events = serde_json::to_string_pretty(&events).unwrap_or_default();
    let events = events.replace('\n', "\n  ");
    format!("{},\n  \"webhooks\": {events}\n}}\n", open.trim_end())
}

fn event_of(event: Event) -> Value {
    let name = event.as_str();
    let example: Value = body(&example(event))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let schema = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Event" },
            { "type": "object", "properties": { "type": { "type": "string", "enum": [name] } } },
        ],
    });
    json!({
        "post": {
            "operationId": format!("event_{}", name.replace('.', "_")),
            "summary": event.meaning(),
            "requestBody": {
                "required": true,
                "content": { "application/json": { "schema": schema, "example": example } },
            },
            "responses": {
                "2XX": { "description": "Taken." },
                "410": { "description": "Nobody listens here any more: the receiver is disabled." },
                "default": { "description": "Not taken: sent again later, for a day." },
            },
        },
    })
}
