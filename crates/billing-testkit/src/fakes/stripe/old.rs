//! Rendering in the old version: what the pinned version moved is moved back.
//!
//! Works on what was rendered in the pinned version, and on whatever is inside.

use serde_json::{Map, Value, json};

use super::options::Version;

/// `value`, which was rendered in the pinned version, in `version`.
pub(super) fn rendered(value: Value, version: Version) -> Value {
    match version {
        Version::Pinned => value,
        Version::Old => moved(value),
    }
}

fn moved(value: Value) -> Value {
    match value {
        Value::Array(all) => Value::Array(all.into_iter().map(moved).collect()),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields: Map<String, Value> =
                fields.map(|(name, value)| (name, moved(value))).collect();
            Value::Object(object(fields))
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn object(mut fields: Map<String, Value>) -> Map<String, Value> {
    match fields.get("object").and_then(Value::as_str) {
        Some("subscription") => subscription(&mut fields),
        Some("invoice") => invoice(&mut fields),
        Some("line_item") => line(&mut fields),
        Some("discount") => {
            let coupon = fields.remove("source");
            let coupon = coupon.and_then(|source| source.get("coupon").cloned());
            fields.insert("coupon".to_owned(), coupon.unwrap_or_default());
        }
        _ => {}
    }
    fields
}

/// The period stood on the subscription, and its items had none.
fn subscription(fields: &mut Map<String, Value>) {
    for name in ["billing_mode", "status_details", "billing_schedules"] {
        fields.remove(name);
    }
    let items = fields
        .get_mut("items")
        .and_then(|items| items.get_mut("data"));
    let Some(items) = items.and_then(Value::as_array_mut) else {
        return;
    };
    let mut bounds = (Value::Null, Value::Null);
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        bounds.0 = item.remove("current_period_start").unwrap_or_default();
        bounds.1 = item.remove("current_period_end").unwrap_or_default();
    }
    fields.insert("current_period_start".to_owned(), bounds.0);
    fields.insert("current_period_end".to_owned(), bounds.1);
}

fn invoice(fields: &mut Map<String, Value>) {
    let parent = fields.remove("parent").unwrap_or_default();
    let details = parent.get("subscription_details").cloned();
    let subscription = details.as_ref().and_then(|one| one.get("subscription"));
    let subscription = subscription.cloned().unwrap_or_default();
    let metadata = details.and_then(|one| one.get("metadata").cloned());
    fields.insert("subscription".to_owned(), subscription);
    fields.insert(
        "subscription_details".to_owned(),
        json!({ "metadata": metadata }),
    );
    let paid = fields.get("status").and_then(Value::as_str) == Some("paid");
    fields.insert("paid".to_owned(), json!(paid));
    let payment = fields.remove("payments").unwrap_or_default();
    let intent = payment.pointer("/data/0/payment/payment_intent").cloned();
    fields.insert("payment_intent".to_owned(), intent.unwrap_or_default());
    fields.insert("tax".to_owned(), Value::Null);
}

fn line(fields: &mut Map<String, Value>) {
    let parent = fields.remove("parent").unwrap_or_default();
    let details = parent.get("subscription_item_details");
    let proration = details.and_then(|one| one.get("proration")).cloned();
    fields.insert("proration".to_owned(), proration.unwrap_or(json!(false)));
    let item = details
        .and_then(|one| one.get("subscription_item"))
        .cloned();
    fields.insert("subscription_item".to_owned(), item.unwrap_or_default());
    let pricing = fields.remove("pricing").unwrap_or_default();
    let price = pricing.pointer("/price_details/price").cloned();
    fields.insert(
        "price".to_owned(),
        json!({ "id": price, "object": "price" }),
    );
    fields.insert("type".to_owned(), json!("subscription"));
}
