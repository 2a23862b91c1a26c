//! Calls about events, notifications and where they go.

use serde_json::{Value, json};
use url::Url;

use crate::fakes::paddle::page::ROWS_MAX;
use crate::fakes::paddle::read;
use crate::fakes::paddle::refusal::Refusal;
use crate::fakes::paddle::render;
use crate::fakes::paddle::things::{Destination, Notification};
use crate::fakes::paddle::world::World;

use super::{Call, Replied, Reply, unknown};

impl World {
    /// Events, notifications and where they go.
    pub(super) fn told(&mut self, call: &Call<'_>, area: &str, rest: &[&str]) -> Replied {
        match (call.method, area, rest) {
            ("GET", "events", []) => {
                let mut rows: Vec<Value> = self.events.iter().map(render::event).collect();
                for row in &mut rows {
                    row["id"] = row["event_id"].clone();
                }
                let mut reply = call.list(ROWS_MAX, &["event_type"], rows)?;
                let rows = reply.data.as_array_mut().into_iter().flatten();
                for row in rows.filter_map(Value::as_object_mut) {
                    row.remove("id");
                }
                Ok(reply)
            }
            ("GET", "notifications", []) => {
                let rows = self.notifications.values();
                let rows = rows.map(render::notification).collect();
                let fields = ["id", "status", "notification_setting_id", "type"];
                call.list(ROWS_MAX, &fields, rows)
            }
            ("GET", "notifications", [id]) => {
                let found = self.notification(id)?;
                Ok(Reply::ok(render::notification(found)))
            }
            ("POST", "notifications", [id, "replay"]) => self.replay(call, id),
            ("GET", "notification-settings", []) => {
                let rows = self.destinations.values();
                let rows = rows.map(render::destination).collect();
                call.list(ROWS_MAX, &["id", "active"], rows)
            }
            ("GET", "notification-settings", [id]) => {
                let found = self.destinations.get(*id);
                let found = found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply::ok(render::destination(found)))
            }
            ("POST", "notification-settings", []) => self.create_destination(call),
            ("PATCH", "notification-settings", [id]) => self.change_destination(call, id),
            ("DELETE", "notification-settings", [id]) => {
                let found = self.destinations.remove(*id);
                found.ok_or_else(|| Refusal::not_found(id))?;
                Ok(Reply {
                    status: 204,
                    ..Reply::ok(Value::Null)
                })
            }
            _ => Err(unknown(call)),
        }
    }

    pub(super) fn notification(&self, id: &str) -> Result<&Notification, Refusal> {
        let found = self.notifications.get(id);
        found.ok_or_else(|| Refusal::not_found(id))
    }

    pub(super) fn replay(&mut self, call: &Call<'_>, id: &str) -> Replied {
        let found = self.notification(id)?;
        if found.replay {
            let code = "notification_replay_invalid_origin_type";
            return Err(Refusal::bad(code, "a replay cannot be replayed"));
        }
        let (event, destination) = (found.event.clone(), found.destination_id.clone());
        let made = self.notify(event, &destination, true);
        if let Some(found) = self.notifications.get_mut(id) {
            found.replayed_at = Some(call.now);
        }
        Ok(Reply {
            status: 202,
            ..Reply::ok(json!({"notification_id": made}))
        })
    }

    pub(super) fn create_destination(&mut self, call: &Call<'_>) -> Replied {
        let url = url_of(read::text(&call.body, "destination")?)?;
        let id = self.id("ntfset");
        let secret = format!("pdl_{id}_{}", self.id("secret"));
        let destination = Destination {
            id: id.clone(),
            description: read::text(&call.body, "description")?.to_owned(),
            url,
            active: true,
            events: subscribed(&call.body),
            secret,
        };
        let shown = render::destination(&destination);
        self.destinations.insert(id, destination);
        Ok(Reply::created(shown))
    }

    /// What is not named stays as it is; where the fake itself sends does, too.
    fn change_destination(&mut self, call: &Call<'_>, id: &str) -> Replied {
        let found = self.destinations.get_mut(id);
        let found = found.ok_or_else(|| Refusal::not_found(id))?;
        if let Some(active) = call.body.get("active").and_then(Value::as_bool) {
            found.active = active;
        }
        if let Some(url) = call.body.get("destination").and_then(Value::as_str) {
            found.url = url_of(url)?;
        }
        if call.body.get("subscribed_events").is_some() {
            found.events = subscribed(&call.body);
        }
        Ok(Reply::ok(render::destination(found)))
    }
}

fn url_of(url: &str) -> Result<String, Refusal> {
    if Url::parse(url).is_err() {
        let code = "url_notification_setting_incorrect";
        return Err(Refusal::bad(code, "destination must be a URL"));
    }
    Ok(url.to_owned())
}

/// The names of the events that a destination is to be sent.
fn subscribed(body: &Value) -> Vec<String> {
    let events = body.get("subscribed_events").and_then(Value::as_array);
    let events = events.map_or(&[][..], Vec::as_slice).iter();
    let named = events.filter_map(|name| name.as_str().map(str::to_owned));
    named.collect()
}
