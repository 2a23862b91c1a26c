//! What the framework cannot say of the schemas by itself: that a body takes the fields that are
//! described and no others, and that what may be absent is `null` where it is.
//!
//! Knows no schema by name.

use poem_openapi::Webhook;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, MetaWebhook, Registry};

/// The type that stands in the place of `false`, which the framework cannot write. [`closed`] puts
/// `false` there.
const NO_OTHERS: &str = "-";

/// The last of all that is registered, which completes what was registered before.
pub(super) struct Described;

impl Webhook for Described {
    fn meta() -> Vec<MetaWebhook> {
        Vec::new()
    }

    fn register(registry: &mut Registry) {
        close_within(registry);
        for schema in registry.schemas.values_mut() {
            let required = schema.required.clone();
            let optional = schema.properties.iter_mut();
            for (_, property) in optional.filter(|(name, _)| !required.contains(name)) {
                may_be_null(property);
            }
        }
    }
}

/// Notes that the schema of this name is a body's, which takes no field that is not described.
pub(super) fn is_body(registry: &mut Registry, name: &str) {
    if let Some(schema) = registry.schemas.get_mut(name) {
        let none = MetaSchema::new(NO_OTHERS);
        schema.additional_properties = Some(Box::new(MetaSchemaRef::Inline(Box::new(none))));
    }
}

/// Closes the objects that are within bodies, too.
fn close_within(registry: &mut Registry) {
    let is_closed = |schema: &MetaSchema| schema.additional_properties.is_some();
    let bodies = registry.schemas.values().filter(|schema| is_closed(schema));
    let mut inside: Vec<String> = bodies.flat_map(references).collect();
    while let Some(name) = inside.pop() {
        let found = registry.schemas.get(&name);
        let Some(open) = found.filter(|schema| schema.ty == "object" && !is_closed(schema)) else {
            continue;
        };
        inside.extend(references(open));
        is_body(registry, &name);
    }
}

/// The schemas that the fields of one refer to.
fn references(schema: &MetaSchema) -> Vec<String> {
    fn of(schema: &MetaSchemaRef, found: &mut Vec<String>) {
        match schema {
            MetaSchemaRef::Reference(name) => found.push(name.clone()),
            MetaSchemaRef::Inline(inline) => {
                inline.all_of.iter().for_each(|one| of(one, found));
                inline.items.iter().for_each(|items| of(items, found));
            }
        }
    }
    let mut found = Vec::new();
    for (_, property) in &schema.properties {
        of(property, &mut found);
    }
    found
}

fn may_be_null(property: &mut MetaSchemaRef) {
    match property {
        MetaSchemaRef::Inline(schema) => schema.nullable = true,
        // Beside a reference nothing counts.
        MetaSchemaRef::Reference(name) => {
            *property = MetaSchemaRef::Inline(Box::new(MetaSchema {
                nullable: true,
                all_of: vec![MetaSchemaRef::Reference(name.clone())],
                ..MetaSchema::ANY
            }));
        }
    }
}

/// The document with `false` where no other fields are taken.
pub(super) fn closed(document: &str) -> String {
    // Every schema is at one depth.
    let marked =
        format!("\"additionalProperties\": {{\n          \"type\": \"{NO_OTHERS}\"\n        }}");
    document.replace(&marked, "\"additionalProperties\": false")
}
