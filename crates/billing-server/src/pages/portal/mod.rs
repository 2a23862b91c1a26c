//! The portal: where customers see what they have, change it, and find their invoices and
//! licenses, in a browser that opened a mailed link.
//!
//! A page shows what the engine says and asks it for what the JSON routes ask for: no rule is
//! here. Looking changes nothing; whatever changes something is a form with the session's own
//! token, and what costs something is quoted on a page of its own before it is accepted.

mod change;
mod door;
mod facts;
mod frame;
mod invoices;
mod licenses;
mod lines;
mod offers;
mod overview;
mod quote;
mod subscription;
mod usage;
mod visitor;

use poem::{Route, get, post};

/// Where the portal begins.
pub(super) const HOME: &str = "/portal";

/// Where somebody without a session is led.
const DOOR: &str = "/portal/sign-in";

/// `route` with the pages of the portal.
pub(super) fn routes(route: Route) -> Route {
    route
        .at(HOME, get(overview::show))
        .at(DOOR, get(door::ask).post(door::mail))
        .at("/portal/sign-out", post(door::leave))
        .at("/portal/subscriptions/:id", get(subscription::show))
        .at("/portal/subscriptions/:id/quotes", post(quote::make))
        .at("/portal/subscriptions/:id/keep", post(subscription::keep))
        .at(
            "/portal/subscriptions/:id/payment-method",
            post(subscription::payment_method),
        )
        .at("/portal/quotes/:id", get(quote::show))
        .at("/portal/quotes/:id/accept", post(quote::accept))
        .at("/portal/changes/:id", get(change::show))
        .at("/portal/changes/:id/take-back", post(change::take_back))
        .at("/portal/invoices", get(invoices::list))
        .at("/portal/invoices/:id", get(invoices::show))
        .at("/portal/invoices/:id/pay", post(invoices::pay))
        .at("/portal/invoices/:id/print", get(invoices::printed))
        .at("/portal/invoices/:id/pdf", get(invoices::filed))
        .at("/portal/licenses", get(licenses::list))
        .at(
            "/portal/licenses/:id/deactivate",
            post(licenses::deactivate),
        )
}
