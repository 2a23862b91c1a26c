//! The events that are sent out, in the OpenAPI document: each by its name, with a schema of
//! what it says and nothing else, and an example. Knows nothing of how they are sent.

use billing_domain::journal::{Event, Part};
use billing_notify::{body, example};
use serde_json::{Map, Value, json};

/// Where a renewal is paid, in examples.
const PAY_URL: &str = "https://billing.example.com/renewal?link=br_019ca9450a00…";

/// What every event says of itself.
const ALWAYS: [&str; 2] = ["id", "customer"];
const SOMETIMES: [&str; 2] = ["sequence", "actor"];

/// The document with a section `webhooks`. Put in as text, so that the rest of it stays in
/// its order.
pub(super) fn with_events(document: &str) -> String {
    let Some(open) = document.trim_end().strip_suffix('}') else {
        return document.to_owned();
    };
    // What the framework printed can be read.
    let read: Value = serde_json::from_str(document).unwrap_or_default();
    let events: Map<String, Value> = Event::ALL
        .iter()
        .map(|event| (event.as_str().to_owned(), event_of(*event, &read)))
        .collect();
    // Maps of values can always be written.
    let events = serde_json::to_string_pretty(&events).unwrap_or_default();
    let events = events.replace('\n', "\n  ");
    format!("{},\n  \"webhooks\": {events}\n}}\n", open.trim_end())
}

fn event_of(event: Event, document: &Value) -> Value {
    let example: Value = body(&example(event), Some(PAY_URL))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let content = json!({ "schema": schema_of(event, document), "example": example });
    json!({
        "post": {
            "operationId": format!("event_{}", event.as_str().replace('.', "_")),
            "summary": event.meaning(),
            "requestBody": { "required": true, "content": { "application/json": content } },
            "responses": {
                "2XX": { "description": "Taken." },
                "410": { "description": "Nobody listens here any more: the receiver is disabled." },
                "default": { "description": "Not taken: sent again later, for a day." },
            },
        },
    })
}

/// The schema of one event: as that of all events, with what it always says required, and
/// without what it never says.
fn schema_of(event: Event, document: &Value) -> Value {
    let says = event.says();
    let fields = |parts: &[Part]| -> Vec<&str> {
        let fields = parts.iter().copied();
        fields.filter_map(Part::field).collect()
    };
    let always = [&ALWAYS[..], &fields(says.always)].concat();
    let sometimes = [&SOMETIMES[..], &fields(says.sometimes)].concat();
    let field = |schema: &str, name: &str| {
        let mut field = document["components"]["schemas"][schema]["properties"][name].clone();
        if let Some(field) = field.as_object_mut() {
            // What it does not say is left out of what is sent.
            field.remove("nullable");
        }
        field
    };
    let said: Map<String, Value> = always
        .iter()
        .chain(&sometimes)
        .map(|name| ((*name).to_owned(), field("EventData", name)))
        .collect();
    json!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "type": "string", "enum": [event.as_str()] },
            "timestamp": field("Event", "timestamp"),
            "data": { "type": "object", "required": always, "properties": said },
        },
    })
}
