//! The endpoints. Each reads what it knows, refuses what it does not, and only
//! then does anything.

mod asked;
mod carry;
mod catalog;
mod customers;
mod events;
mod invoices;
mod list;
mod own;
mod payments;
mod schedules;
mod sessions;
mod standing;
mod subscriptions;

use serde_json::{Value, json};

use super::expand;
use super::params::Params;
use super::refusal::Refusal;
use super::world::World;

pub(super) use catalog::{PriceSeed, put_price};
pub(super) use customers::put as customer;
pub(super) use payments::give_back;
pub(super) use sessions::{items as session_items, worth};
pub(super) use subscriptions::discount;

type Done = Result<Value, Refusal>;

/// Answers one request under `/v1/`.
pub(super) fn answer(world: &mut World, method: &str, path: &[&str], mut params: Params) -> Done {
    let wanted = params.list("expand")?;
    let value = route(world, method, path, &mut params)?;
    expand::expand(world, value, &wanted)
}

fn route(world: &mut World, method: &str, path: &[&str], params: &mut Params) -> Done {
    match (method, path) {
        ("GET", ["account"]) => {
            params.finish()?;
            Ok(json!({ "id": "acct_1Fake", "object": "account", "charges_enabled": true }))
        }
        ("POST", ["products"]) => catalog::create_product(world, params),
        ("GET", ["products", id]) => catalog::product(world, id, params),
        ("POST", ["prices"]) => catalog::create_price(world, params),
        ("GET", ["prices"]) => catalog::prices(world, params),
        ("GET", ["prices", id]) => catalog::price(world, id, params),
        ("POST", ["prices", id]) => catalog::update_price(world, id, params),
        ("POST", ["coupons"]) => catalog::create_coupon(world, params),
        ("GET", ["coupons", id]) => catalog::coupon(world, id, params),
        ("DELETE", ["coupons", id]) => catalog::delete_coupon(world, id, params),
        ("POST", ["customers"]) => customers::create(world, params),
        ("GET", ["customers"]) => customers::list(world, params),
        ("GET", ["customers", "search"]) => customers::search(world, params),
        ("GET", ["customers", id]) => customers::read(world, id, params),
        ("POST", ["customers", id]) => customers::update(world, id, params),
        ("DELETE", ["customers", id]) => customers::delete(world, id, params),
        ("POST", ["checkout", "sessions"]) => sessions::create(world, params),
        ("GET", ["checkout", "sessions"]) => sessions::list(world, params),
        ("GET", ["checkout", "sessions", id]) => sessions::read(world, id, params),
        ("GET", ["checkout", "sessions", id, "line_items"]) => sessions::lines(world, id, params),
        ("POST", ["checkout", "sessions", id, "expire"]) => sessions::expire(world, id, params),
        ("GET", ["subscriptions"]) => subscriptions::list(world, params),
        ("GET", ["subscriptions", id]) => subscriptions::read(world, id, params),
        ("POST", ["subscriptions", id]) => subscriptions::update(world, id, params),
        ("DELETE", ["subscriptions", id]) => standing::cancel(world, id, params),
        ("POST", ["subscriptions", id, "pause"]) => standing::pause(world, id, params),
        ("POST", ["subscriptions", id, "resume"]) => standing::resume(world, id, params),
        ("POST", ["subscription_schedules"]) => schedules::create(world, params),
        ("GET", ["subscription_schedules"]) => schedules::list(world, params),
        ("GET", ["subscription_schedules", id]) => schedules::read(world, id, params),
        ("POST", ["subscription_schedules", id]) => schedules::update(world, id, params),
        ("POST", ["subscription_schedules", id, "release"]) => {
            schedules::release(world, id, params)
        }
        ("POST", ["subscription_schedules", id, "cancel"]) => schedules::cancel(world, id, params),
        ("POST", ["invoices", "create_preview"]) => invoices::preview(world, params),
        ("GET", ["invoices"]) => invoices::list(world, params),
        ("GET", ["invoices", id]) => invoices::read(world, id, params),
        ("POST", ["invoices"]) => own::create(world, params),
        ("POST", ["invoiceitems"]) => own::add_line(world, params),
        ("POST", ["invoices", id, act]) => invoices::act(world, id, act, params),
        ("GET", ["invoice_payments"]) => invoices::payments(world, params),
        ("GET", ["payment_intents", id]) => payments::intent(world, id, params),
        ("GET", ["charges", id]) => payments::charge(world, id, params),
        ("POST", ["refunds"]) => payments::refund(world, params),
        ("GET", ["refunds"]) => payments::refunds(world, params),
        ("GET", ["refunds", id]) => payments::read_refund(world, id, params),
        ("GET", ["disputes"]) => payments::disputes(world, params),
        ("GET", ["disputes", id]) => payments::dispute(world, id, params),
        ("POST", ["billing_portal", "sessions"]) => customers::portal(world, params),
        ("GET", ["events"]) => events::list(world, params),
        ("GET", ["events", id]) => events::read(world, id, params),
        ("POST", ["webhook_endpoints"]) => events::create_endpoint(world, params),
        ("GET", ["webhook_endpoints"]) => events::endpoints(world, params),
        ("GET", ["webhook_endpoints", id]) => events::endpoint(world, id, params),
        ("POST", ["webhook_endpoints", id]) => events::update_endpoint(world, id, params),
        ("DELETE", ["webhook_endpoints", id]) => events::delete_endpoint(world, id, params),
        _ => Err(Refusal::path(method, &format!("/v1/{}", path.join("/")))),
    }
}

/// What a deleted object is answered as.
fn deleted(kind: &str, id: &str) -> Value {
    json!({ "id": id, "object": kind, "deleted": true })
}
