//! `expand[]`: ids replaced by what they name.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::render;
use super::world::World;

/// How deep may be expanded, as the real one has it.
const DEPTH_MAX: usize = 4;

/// Replaces what `wanted` names within `value`.
pub(super) fn expand(world: &World, mut value: Value, wanted: &[String]) -> Result<Value, Refusal> {
    for path in wanted {
        let steps: Vec<&str> = path.split('.').collect();
        if steps.len() > DEPTH_MAX {
            let why = "You cannot expand more than 4 levels of a property";
            return Err(Refusal::invalid("expand", why).coded("property_expansion_max_depth"));
        }
        walk(world, &mut value, &steps, path)?;
    }
    Ok(value)
}

fn walk(world: &World, value: &mut Value, steps: &[&str], path: &str) -> Result<(), Refusal> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(());
    };
    if let Value::Array(all) = value {
        return all
            .iter_mut()
            .try_for_each(|one| walk(world, one, steps, path));
    }
    add_hidden(world, value, step);
    let held = value.get_mut(*step);
    let Some(held) = held else {
        let why = format!("This property cannot be expanded ({path}).");
        return Err(Refusal::invalid("expand", why));
    };
    if let Some(id) = held.as_str() {
        let object = object(world, id);
        let why = || format!("This property cannot be expanded ({path}).");
        *held = object.ok_or_else(|| Refusal::invalid("expand", why()))?;
    }
    if held.is_null() {
        return Ok(());
    }
    walk(world, held, rest, path)
}

/// Adds what is there only when it is asked for.
fn add_hidden(world: &World, value: &mut Value, step: &str) {
    let kind = value.get("object").and_then(Value::as_str);
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
    let hidden = match (kind, step) {
        (Some("invoice"), "payments") => world.invoices.get(id).map(|invoice| {
            let payments = render::invoice_payments(world, invoice);
            render::list(&payments, "/v1/invoice_payments")
        }),
        (Some("checkout.session"), "line_items") => world.sessions.get(id).map(|session| {
            let lines = render::session_lines(world, session);
            render::list(&lines, &format!("/v1/checkout/sessions/{id}/line_items"))
        }),
        (Some("subscription"), "discounts") => {
            let of = world.subscriptions.get(id);
            of.map(|of| json!(render::discounts(world, of)))
        }
        (Some("charge"), "refunds") => {
            let refunds = world.refunds.values().filter(|refund| refund.charge == id);
            let refunds: Vec<Value> = refunds.map(render::refund).collect();
            Some(render::list(&refunds, &format!("/v1/charges/{id}/refunds")))
        }
        _ => None,
    };
    if let (Some(hidden), Some(fields)) = (hidden, value.as_object_mut()) {
        fields.insert(step.to_owned(), hidden);
    }
}

/// The object of an id, whatever its kind.
pub(super) fn object(world: &World, id: &str) -> Option<Value> {
    let customer = || {
        world
            .customers
            .get(id)
            .map(|one| render::customer(world, one))
    };
    let product = || {
        world
            .products
            .get(id)
            .map(|one| render::product(world, one))
    };
    let price = || world.prices.get(id).map(|one| render::price(world, one));
    let subscription = || {
        let held = world.subscriptions.get(id);
        held.map(|one| render::subscription(world, one))
    };
    let schedule = || {
        world
            .schedules
            .get(id)
            .map(|one| render::schedule(world, one))
    };
    let invoice = || {
        world
            .invoices
            .get(id)
            .map(|one| render::invoice(world, one))
    };
    let intent = || world.intents.get(id).map(|one| render::intent(world, one));
    let charge = || world.charges.get(id).map(|one| render::charge(world, one));
    let session = || {
        world
            .sessions
            .get(id)
            .map(|one| render::session(world, one))
    };
    let refund = || world.refunds.get(id).map(render::refund);
    let dispute = || {
        world
            .disputes
            .get(id)
            .map(|one| render::dispute(world, one))
    };
    customer()
        .or_else(product)
        .or_else(price)
        .or_else(subscription)
        .or_else(schedule)
        .or_else(invoice)
        .or_else(intent)
        .or_else(charge)
        .or_else(session)
        .or_else(refund)
        .or_else(dispute)
}
