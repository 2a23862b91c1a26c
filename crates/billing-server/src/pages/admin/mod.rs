//! The dashboard: where operators see over everybody what recurs, who holds what and what waits
//! for a person, and decide what can be decided there.
//!
//! A page shows what the store and the engine say, and asks for what the JSON routes ask for: no
//! rule is here. Looking changes nothing. Whatever changes something is a form with the session's
//! own token and a reason, and is kept as an act of the key's.

mod chart;
mod customer;
mod customers;
mod deliveries;
mod door;
mod frame;
mod invoices;
mod migration;
mod migrations;
mod moves;
mod operator;
mod overview;
mod parked;
mod parts;
mod plan;
mod prices;
mod revenue;
mod subscriptions;
mod timeline;
mod tried;

use poem::{Route, get, post};

/// Where the dashboard begins.
const HOME: &str = "/admin";

/// Where somebody without a session is led.
const DOOR: &str = "/admin/sign-in";

/// `route` with the pages of the dashboard.
pub(super) fn routes(route: Route) -> Route {
    route
        .at(HOME, get(overview::show))
        .at(DOOR, get(door::ask).post(door::enter))
        .at("/admin/sign-out", post(door::leave))
        .at("/admin/parked", get(parked::list))
        .at("/admin/parked/:id", get(parked::show))
        .at("/admin/parked/:id/replay", post(parked::replay))
        .at("/admin/parked/:id/link", post(parked::link))
        .at("/admin/parked/:id/discard", post(parked::discard))
        .at("/admin/deliveries", get(deliveries::list))
        .at("/admin/deliveries/:id", get(deliveries::show))
        .at("/admin/deliveries/:id/retry", post(deliveries::retry))
        .at("/admin/customers", get(customers::list))
        .at("/admin/customers/:id", get(customer::show))
        .at("/admin/subscriptions", get(subscriptions::list))
        .at("/admin/invoices", get(invoices::list))
        .at("/admin/prices", get(prices::show))
        .at("/admin/churn", get(parts::show))
        .at(
            "/admin/migrations",
            get(migrations::list).post(migration::begin),
        )
        .at("/admin/migrations/plan", get(plan::show))
        .at("/admin/migrations/moves", get(moves::list))
        .at("/admin/migrations/:id", get(migration::show))
}
