//! Events, notifications and destinations.

use serde_json::{Value, json};

use crate::fakes::paddle::things::{Destination, Event, Notification};

use super::time;

pub(in crate::fakes::paddle) fn event(event: &Event) -> Value {
    json!({
        "event_id": event.id,
        "event_type": event.kind,
        "occurred_at": time(event.at),
        "data": event.data,
    })
}

/// What is sent to a destination.
pub(in crate::fakes::paddle) fn payload(notification: &Notification) -> Value {
    let mut shown = event(&notification.event);
    shown["notification_id"] = Value::from(notification.id.clone());
    shown
}

pub(in crate::fakes::paddle) fn notification(notification: &Notification) -> Value {
    json!({
        "id": notification.id,
        "type": notification.event.kind,
        "status": notification.status.name(),
        "payload": payload(notification),
        "occurred_at": time(notification.event.at),
        "delivered_at": notification.delivered_at.map(time),
        "replayed_at": notification.replayed_at.map(time),
        "origin": if notification.replay { "replay" } else { "event" },
        "last_attempt_at": notification.last_attempt_at.map(time),
        "retry_at": null,
        "times_attempted": notification.attempts,
        "notification_setting_id": notification.destination_id,
    })
}

pub(in crate::fakes::paddle) fn destination(destination: &Destination) -> Value {
    let events = destination.events.iter();
    let events: Vec<Value> = events.map(|name| json!({"name": name})).collect();
    json!({
        "id": destination.id,
        "description": destination.description,
        "type": "url",
        "destination": destination.url,
        "active": destination.active,
        "api_version": 1,
        "include_sensitive_fields": false,
        "subscribed_events": events,
        "endpoint_secret_key": destination.secret,
        "traffic_source": "all",
    })
}
