//! Events and the endpoints that they are sent to.

use serde_json::{Value, json};
use url::Url;

use super::super::options::Version;
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::render;
use super::super::world::{self, Endpoint, Event, World, find};
use super::list::{Bounds, Page};
use super::{Done, deleted};

/// The most types that one list may ask for, as the real one has it.
const TYPES_MAX: usize = 20;

/// How long events are kept: 30 days, as the real one does.
const KEPT_SECONDS: i64 = 30 * 86_400;

pub(super) fn list(world: &World, params: &mut Params) -> Done {
    let mut kinds = params.list("types")?;
    kinds.extend(params.text("type"));
    let created = Bounds::take(params)?;
    // Whether a delivery failed is known to the outbox alone: both are told of.
    let _delivered = params.flag("delivery_success")?;
    let page = Page::take(params)?;
    params.finish()?;
    if kinds.len() > TYPES_MAX {
        return Err(Refusal::invalid("types", "20 types at most"));
    }
    let fits = |event: &&Event| {
        kept(world, event)
            && created.hold(event.created)
            && (kinds.is_empty() || kinds.iter().any(|kind| matches(kind, event.kind)))
    };
    let found = world.events.iter().rev().filter(fits);
    let found: Vec<Value> = found.map(|event| shown(world, event)).collect();
    page.of(found, "/v1/events")
}

fn kept(world: &World, event: &Event) -> bool {
    event.created.saturating_add(KEPT_SECONDS) > world.now()
}

/// Whether a kind is meant, by name or by `customer.subscription.*`.
fn matches(wanted: &str, kind: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(opening) => kind.starts_with(opening),
        None => wanted == kind,
    }
}

fn shown(world: &World, event: &Event) -> Value {
    world::render(event, Version::Pinned, world.rules.livemode)
}

pub(super) fn read(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let mut events = world.events.iter();
    let event = events.find(|event| event.id == id && kept(world, event));
    let event = event.ok_or_else(|| Refusal::no_such("event", id))?;
    Ok(shown(world, event))
}

pub(super) fn create_endpoint(world: &mut World, params: &mut Params) -> Done {
    let url = params.required("url")?;
    let enabled_events = params.list("enabled_events")?;
    let api_version = params.text("api_version");
    let _description = params.text("description");
    params.finish()?;
    Url::parse(&url)
        .map_err(|_none| Refusal::invalid("url", "Invalid URL").coded("url_invalid"))?;
    if enabled_events.is_empty() {
        return Err(Refusal::missing("enabled_events"));
    }
    if let Some(version) = api_version.as_deref()
        && Version::named(version).is_none()
    {
        return Err(Refusal::invalid("api_version", "Invalid API version"));
    }
    let endpoint = Endpoint {
        id: world.id("we"),
        url,
        enabled_events,
        api_version,
        disabled: false,
        created: world.now(),
    };
    let mut object = render::endpoint(world, &endpoint);
    if let Some(fields) = object.as_object_mut() {
        // Only here, as the real one does it.
        let secret = format!("whsec_{}", endpoint.id);
        fields.insert("secret".to_owned(), json!(secret));
    }
    world.endpoints.insert(endpoint.id.clone(), endpoint);
    Ok(object)
}

pub(super) fn endpoints(world: &World, params: &mut Params) -> Done {
    let page = Page::take(params)?;
    params.finish()?;
    let all = world.endpoints.values().rev();
    let all: Vec<Value> = all.map(|one| render::endpoint(world, one)).collect();
    page.of(all, "/v1/webhook_endpoints")
}

pub(super) fn endpoint(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let endpoint = find(&world.endpoints, "webhook endpoint", id)?;
    Ok(render::endpoint(world, endpoint))
}

pub(super) fn update_endpoint(world: &mut World, id: &str, params: &mut Params) -> Done {
    let url = params.text("url");
    let enabled_events = params.list("enabled_events")?;
    let disabled = params.flag("disabled")?;
    params.finish()?;
    let mut endpoint = find(&world.endpoints, "webhook endpoint", id)?.clone();
    endpoint.url = url.unwrap_or(endpoint.url);
    endpoint.disabled = disabled.unwrap_or(endpoint.disabled);
    if !enabled_events.is_empty() {
        endpoint.enabled_events = enabled_events;
    }
    let object = render::endpoint(world, &endpoint);
    world.endpoints.insert(id.to_owned(), endpoint);
    Ok(object)
}

pub(super) fn delete_endpoint(world: &mut World, id: &str, params: &Params) -> Done {
    params.finish()?;
    find(&world.endpoints, "webhook endpoint", id)?;
    world.endpoints.remove(id);
    Ok(deleted("webhook_endpoint", id))
}
