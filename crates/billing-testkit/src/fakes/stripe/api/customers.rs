//! Customers, searching them, and their portal.

use serde_json::{Value, json};
use url::Url;

use super::super::params::{Params, merge};
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::Customer;
use super::super::world::World;
use super::list::{Bounds, Page};
use super::{Done, deleted};

/// Puts a new customer there and tells of it.
pub(in super::super) fn put(
    world: &mut World,
    email: Option<String>,
    name: Option<String>,
    metadata: super::super::thing::Metadata,
) -> String {
    let now = world.now();
    let customer = Customer {
        id: world.id("cus"),
        email,
        name,
        metadata,
        created: now,
        searchable_at: now.saturating_add(world.rules.search_lag.as_secs()),
        balance: 0,
        card: None,
        deleted: false,
    };
    let id = customer.id.clone();
    let object = render::customer(world, &customer);
    world.customers.insert(id.clone(), customer);
    world.tell("customer.created", object);
    id
}

pub(super) fn create(world: &mut World, params: &mut Params) -> Done {
    let email = params.text("email");
    let name = params.text("name");
    let metadata = params.metadata("metadata")?.unwrap_or_default();
    params.finish()?;
    let id = put(world, email, name, metadata);
    Ok(render::customer(world, world.customer(&id)?))
}

pub(super) fn read(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::customer(world, world.customer(id)?))
}

pub(super) fn update(world: &mut World, id: &str, params: &mut Params) -> Done {
    let email = params.take("email");
    let name = params.take("name");
    let metadata = params.metadata("metadata")?;
    params.finish()?;
    let mut customer = world.customer(id)?.clone();
    if customer.deleted {
        return Err(Refusal::no_such("customer", id));
    }
    if let Some(email) = email {
        customer.email = Some(email).filter(|email| !email.is_empty());
    }
    if let Some(name) = name {
        customer.name = Some(name).filter(|name| !name.is_empty());
    }
    merge(&mut customer.metadata, metadata);
    let lag = world.rules.search_lag.as_secs();
    customer.searchable_at = world.now().saturating_add(lag);
    let object = render::customer(world, &customer);
    world.customers.insert(id.to_owned(), customer);
    world.tell("customer.updated", object.clone());
    Ok(object)
}

pub(super) fn delete(world: &mut World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let mut customer = world.customer(id)?.clone();
    let subscriptions = world.subscriptions.values();
    let held: Vec<_> = subscriptions
        .filter(|of| of.customer == id && !of.status.over())
        .cloned()
        .collect();
    for of in held {
        super::super::lifecycle::end(world, of, "cancellation_requested");
    }
    let object = render::customer(world, &customer);
    customer.deleted = true;
    world.customers.insert(id.to_owned(), customer);
    world.tell("customer.deleted", object);
    Ok(deleted("customer", id))
}

pub(super) fn list(world: &World, params: &mut Params) -> Done {
    let email = params.text("email");
    let created = Bounds::take(params)?;
    let page = Page::take(params)?;
    params.finish()?;
    let fits = |customer: &&Customer| {
        !customer.deleted
            && (email.is_none() || customer.email == email)
            && created.hold(customer.created)
    };
    let found = world.customers.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|one| render::customer(world, one)).collect();
    page.of(found, "/v1/customers")
}

/// A condition of a search.
enum Term {
    Metadata(String, String),
    Email(String),
}

/// Finds only what was written some time ago: search is not for reading what
/// was just written.
pub(super) fn search(world: &World, params: &mut Params) -> Done {
    let query = params.required("query")?;
    let limit = params.count("limit")?.unwrap_or(10);
    let page = params.text("page");
    params.finish()?;
    if page.is_some() {
        return Err(Refusal::invalid("page", "Invalid page"));
    }
    let terms = terms(&query)
        .ok_or_else(|| Refusal::invalid("query", "We were unable to parse your search query."))?;
    let now = world.now();
    let fits = |customer: &&Customer| {
        !customer.deleted
            && customer.searchable_at <= now
            && terms.iter().all(|term| match term {
                Term::Metadata(key, value) => customer.metadata.get(key) == Some(value),
                Term::Email(email) => customer.email.as_ref() == Some(email),
            })
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let all: Vec<&Customer> = world.customers.values().rev().filter(fits).collect();
    let found: Vec<Value> = all
        .iter()
        .take(limit)
        .map(|one| render::customer(world, one))
        .collect();
    let more = all.len() > found.len();
    Ok(json!({
        "object": "search_result", "url": "/v1/customers/search", "data": found,
        "has_more": more, "next_page": null,
    }))
}

/// Reads `metadata['key']:'value' AND email:'a@b'`; either quotes do.
fn terms(query: &str) -> Option<Vec<Term>> {
    let query = if query.contains('\'') {
        query.to_owned()
    } else {
        query.replace('"', "'")
    };
    query
        .split(" AND ")
        .map(|term| {
            let term = term.trim();
            let (field, value) = term.split_once(":'")?;
            let value = value.strip_suffix('\'')?;
            let value = value.replace("\\'", "'").replace("\\\\", "\\");
            if field == "email" {
                return Some(Term::Email(value));
            }
            let key = field.strip_prefix("metadata['")?.strip_suffix("']")?;
            Some(Term::Metadata(key.to_owned(), value))
        })
        .collect()
}

/// A portal session: a link that soon ends.
pub(super) fn portal(world: &mut World, params: &mut Params) -> Done {
    let customer = params.required("customer")?;
    let return_url = params.text("return_url");
    let configuration = params.text("configuration");
    let locale = params.text("locale");
    let flow = params.word(
        "flow_data[type]",
        &[
            "subscription_cancel",
            "subscription_update",
            "subscription_update_confirm",
            "subscription_pause",
            "payment_method_update",
        ],
    )?;
    let names = [
        "subscription_cancel",
        "subscription_update",
        "subscription_pause",
    ];
    let mut subscription = None;
    for name in names {
        let field = format!("flow_data[{name}][subscription]");
        if flow == Some(name) {
            subscription = Some(params.required(&field)?);
        }
    }
    let after = params.word(
        "flow_data[after_completion][type]",
        &["hosted_confirmation", "portal_homepage", "redirect"],
    )?;
    let redirect = params.text("flow_data[after_completion][redirect][return_url]");
    params.finish()?;
    if world
        .customer(&customer)
        .map_err(|no| no.of_param("customer"))?
        .deleted
    {
        return Err(Refusal::no_such("customer", &customer).of_param("customer"));
    }
    for url in [&return_url, &redirect].into_iter().flatten() {
        Url::parse(url).map_err(|_none| {
            Refusal::invalid("return_url", "Not a valid URL").coded("url_invalid")
        })?;
    }
    if after == Some("redirect") && redirect.is_none() {
        let name = "flow_data[after_completion][redirect][return_url]";
        return Err(Refusal::missing(name));
    }
    if let Some(id) = &subscription {
        let held = world.subscription(id)?;
        if held.customer != customer {
            return Err(Refusal::no_such("subscription", id));
        }
    }
    let id = world.id("bps");
    let flow = flow.map(|flow| json!({ "type": flow }));
    Ok(json!({
        "id": id, "object": "billing_portal.session", "configuration": configuration,
        "created": world.now(), "customer": customer, "flow": flow,
        "livemode": world.rules.livemode, "locale": locale, "return_url": return_url,
        "url": world.link(&format!("portal/{id}")),
    }))
}
