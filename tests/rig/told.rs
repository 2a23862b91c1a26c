//! Events as receivers read them, held to the OpenAPI document. Knows no story.

use std::collections::{BTreeMap, BTreeSet};

use billing_server::openapi_document;
use billing_testkit::RecordingNotifier;
use billing_testkit::documented::event_fits;
use serde_json::Value;

/// Fields that depend on who did it and when, and not on what happened.
const APART: [&str; 2] = ["actor", "sequence"];

fn document() -> Value {
    serde_json::from_str(openapi_document()).unwrap()
}

/// Refuses a payload that is not as the schema of its event says.
#[track_caller]
fn assert_fits(sent: &Value, document: &Value) {
    if let Err(misfit) = event_fits(sent, document) {
        panic!("{misfit}: {sent:#}");
    }
}

/// Holds all that was told to the schemas of the document, as it would be sent.
pub(crate) fn assert_told_as_documented(notifier: &RecordingNotifier) {
    let document = document();
    let told = notifier.deliveries().into_iter();
    for entry in told.flat_map(|(_, told)| told.entries) {
        let sent = billing_notify::body(&entry, None).unwrap();
        assert_fits(&serde_json::from_str(&sent).unwrap(), &document);
    }
}

/// Holds what a receiver got to the document: each event fits its schema, and of each kind one
/// at least says just what the example says.
pub(crate) fn assert_sent_as_documented(sent: &[Value]) {
    let document = document();
    let mut kinds: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
    for event in sent {
        assert_fits(event, &document);
        let name = event["type"].as_str().unwrap();
        kinds.entry(name).or_default().insert(says(event));
    }
    for (name, said) in kinds {
        let body = &document["webhooks"][name]["post"]["requestBody"];
        let example = says(&body["content"]["application/json"]["example"]);
        assert!(
            said.contains(&example),
            "{name}: {example:?}, and not {said:?}"
        );
    }
}

/// The fields of what an event says.
fn says(event: &Value) -> Vec<&str> {
    let fields = event["data"].as_object().unwrap().keys();
    let fields = fields.map(String::as_str);
    fields.filter(|field| !APART.contains(field)).collect()
}
