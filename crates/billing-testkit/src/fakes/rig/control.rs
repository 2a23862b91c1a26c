//! The rig's own paths, for tests in other processes and for people:
//! `/_clock`, `/_faults`, `/_webhooks`, `/_requests`, `/_books`, `/_act/{name}`.
//!
//! They ask for no key: a fake listens on loopback alone.

use billing_domain::time::{Timestamp, shifted};
use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::fault::{Fault, FaultPlan, SLOW_MAX_MILLIS};
use super::serve::Parts;
use super::wire::{Answer, Incoming};
use super::{FaultKind, advance_to};

/// How the clock is to be moved: by seconds, or to an instant.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Move {
    AdvanceSeconds(u32),
    AdvanceTo(Timestamp),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhooks {
    /// Where to. `null`: hold.
    url: Option<String>,
}

/// Answers a path of the rig's own. `None`: it is the provider's.
pub(super) fn answer(parts: &Parts, request: &Incoming) -> Option<Answer> {
    let path = request.path.strip_prefix("/_")?;
    let done = match (request.method.as_str(), path) {
        ("GET", "clock") => Ok(clock(parts)),
        ("POST", "clock") => move_clock(parts, request),
        ("GET", "faults") => Ok(json!({ "open": parts.faults.open() })),
        ("POST", "faults") => order(&parts.faults, request),
        ("DELETE", "faults") => {
            parts.faults.clear();
            Ok(json!({ "open": [] }))
        }
        ("GET", "books") => Ok(json!(parts.provider.books())),
        ("GET", "requests") => Ok(requests(parts)),
        ("GET", "webhooks") => Ok(webhooks(parts)),
        ("POST", "webhooks") => aim(parts, request),
        ("POST", path) => match path.strip_prefix("act/") {
            Some(name) => body(request).and_then(|body| parts.provider.act(name, &body)),
            None => return Some(unknown()),
        },
        _ => return Some(unknown()),
    };
    Some(match done {
        Ok(value) => Answer::json(StatusCode::OK, &value),
        Err(why) => Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": why })),
    })
}

fn unknown() -> Answer {
    let why = json!({ "error": "unknown path of the fake" });
    Answer::json(StatusCode::NOT_FOUND, &why)
}

fn body<T: for<'a> Deserialize<'a>>(request: &Incoming) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| format!("body not understood: {error}"))
}

fn clock(parts: &Parts) -> Value {
    json!({ "now": parts.clock.now() })
}

fn move_clock(parts: &Parts, request: &Incoming) -> Result<Value, String> {
    let target = match body(request)? {
        Move::AdvanceSeconds(seconds) => shifted(
            parts.clock.now(),
            SignedDuration::from_secs(i64::from(seconds)),
        ),
        Move::AdvanceTo(target) if target < parts.clock.now() => {
            return Err("time only goes on".to_owned());
        }
        Move::AdvanceTo(target) => target,
    };
    advance_to(parts.provider.as_ref(), &parts.clock, target);
    Ok(clock(parts))
}

fn order(plan: &FaultPlan, request: &Incoming) -> Result<Value, String> {
    let fault: Fault = body(request)?;
    if matches!(fault.kind, FaultKind::Slow { millis } if millis > SLOW_MAX_MILLIS) {
        return Err(format!("slow for more than {SLOW_MAX_MILLIS} ms"));
    }
    if fault.times == 0 {
        return Err("times is at least 1".to_owned());
    }
    plan.order(fault);
    Ok(json!({ "open": plan.open() }))
}

fn requests(parts: &Parts) -> Value {
    let shown = |one: super::Recorded| {
        json!({
            "at": one.at, "method": one.method, "path": one.path, "query": one.query,
            "authorized": one.authorized, "status": one.status, "fault": one.fault,
            "body": String::from_utf8_lossy(&one.body),
        })
    };
    let all: Vec<Value> = parts.log.all().into_iter().map(shown).collect();
    json!({ "requests": all })
}

fn webhooks(parts: &Parts) -> Value {
    let failed: Vec<String> = parts
        .outbox
        .failed()
        .into_iter()
        .map(|one| one.id)
        .collect();
    let url = parts.outbox.target().map(String::from);
    json!({ "url": url, "waiting": parts.outbox.kinds(), "failed": failed })
}

fn aim(parts: &Parts, request: &Incoming) -> Result<Value, String> {
    let Webhooks { url } = body(request)?;
    let url = url.map(|url| Url::parse(&url)).transpose();
    let url = url.map_err(|error| format!("url not understood: {error}"))?;
    parts.outbox.set_target(url);
    Ok(webhooks(parts))
}
