//! Webhooks over HTTP: making them, and what became of their deliveries. Knows no socket.

use serde_json::{Value, json};

use super::{Call, Replied, unknown};
use crate::fakes::btcpay::refusal::Refusal;
use crate::fakes::btcpay::render;
use crate::fakes::btcpay::things::{Delivery, Hook};
use crate::fakes::btcpay::world::World;

const MODIFY: &str = "btcpay.store.webhooks.canmodifywebhooks";

impl World {
    pub(super) fn webhooks(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        self.needs(MODIFY)?;
        match (call.method, rest) {
            ("GET", []) => Ok(self.hooks.values().map(render::hook).collect()),
            ("POST", []) => self.make_hook(call),
            (_, [id, rest @ ..]) => {
                let gone = || Refusal::new(404, "webhook-not-found", "The webhook was not found");
                let hook = self.hooks.get(*id).ok_or_else(gone)?;
                match (call.method, rest) {
                    ("GET", []) => Ok(render::hook(hook)),
                    ("PUT", []) => {
                        let changed = read(call, hook.clone())?;
                        let answer = render::hook(&changed);
                        self.hooks.insert(changed.id.clone(), changed);
                        Ok(answer)
                    }
                    ("DELETE", []) => {
                        self.hooks.remove(*id);
                        self.queues.remove(*id);
                        Ok(Value::Null)
                    }
                    (_, ["deliveries", rest @ ..]) => self.sent(call, id, rest),
                    _ => Err(unknown()),
                }
            }
            _ => Err(unknown()),
        }
    }

    fn make_hook(&mut self, call: &Call<'_>) -> Replied {
        let fresh = Hook {
            id: self.id(),
            url: None,
            enabled: true,
            redelivers: true,
            events: Vec::new(),
            secret: self.id(),
        };
        let hook = read(call, fresh)?;
        let mut answer = render::hook(&hook);
        answer["secret"] = Value::from(hook.secret.clone());
        self.hooks.insert(hook.id.clone(), hook);
        Ok(answer)
    }

    fn sent(&mut self, call: &Call<'_>, hook: &str, rest: &[&str]) -> Replied {
        match (call.method, rest) {
            ("GET", []) => {
                let count = call
                    .number("count")?
                    .and_then(|count| usize::try_from(count).ok());
                let of_hook = self.deliveries.iter().rev().filter(|one| one.hook == hook);
                let shown = of_hook.filter_map(|one| shown(one, call));
                Ok(shown.take(count.unwrap_or(usize::MAX)).collect())
            }
            (_, [id, rest @ ..]) => {
                let gone = || Refusal::new(404, "webhookdelivery-not-found", "No such delivery");
                let found = self.delivery(id).filter(|one| one.hook == hook);
                let one = found.ok_or_else(gone)?;
                match (call.method, rest) {
                    ("GET", []) => shown(one, call).ok_or_else(gone),
                    ("GET", ["request"]) => payload(one),
                    ("POST", ["redeliver"]) => {
                        let id = self.repeat(id, call.now).ok_or_else(gone)?;
                        self.outbox.push(id.clone());
                        Ok(Value::from(id))
                    }
                    _ => Err(unknown()),
                }
            }
            _ => Err(unknown()),
        }
    }
}

/// The body of a delivery, parsed again.
fn payload(one: &Delivery) -> Replied {
    let text = render::body(one);
    let broken = |error: serde_json::Error| Refusal::new(500, "generic-error", error.to_string());
    serde_json::from_str(&text).map_err(broken)
}

fn shown(one: &Delivery, call: &Call<'_>) -> Option<Value> {
    let taken = !one.lost && !call.waiting.contains(&one.id);
    render::delivery(one, taken)
}

fn read(call: &Call<'_>, before: Hook) -> Result<Hook, Refusal> {
    let body = &call.body;
    let flag = |field: &str, before| body.get(field).and_then(Value::as_bool).unwrap_or(before);
    let Some(url) = body.get("url").and_then(Value::as_str) else {
        return Err(Refusal::field("url", "Url is required"));
    };
    if url::Url::parse(url).is_err() {
        return Err(Refusal::field("url", "Url is invalid"));
    }
    let wanted = body.get("authorizedEvents").cloned().unwrap_or(json!({}));
    let everything = wanted.get("everything").and_then(Value::as_bool);
    let named = wanted.get("specificEvents").and_then(Value::as_array);
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    let events = if everything.unwrap_or(true) {
        Vec::new()
    } else {
        named.map(str::to_owned).collect()
    };
    let secret = body.get("secret").and_then(Value::as_str);
    Ok(Hook {
        url: Some(url.to_owned()),
        enabled: flag("enabled", before.enabled),
        redelivers: flag("automaticRedelivery", before.redelivers),
        events,
        secret: secret.map_or(before.secret, str::to_owned),
        id: before.id,
    })
}
