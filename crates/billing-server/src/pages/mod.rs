//! The pages that people see: prices, what became of a checkout, where a mailed link
//! leads, where a renewal is paid, the portal, where customers see and change what
//! they have, and the dashboard, where operators see over everybody.
//!
//! Rendered here, working without a script, with one stylesheet; only where
//! Paddle's checkout opens does a page need one. Deliberately decides nothing: a visit
//! changes nothing, and a purchase is a checkout of the engine like any other.

mod admin;
mod assets;
mod checkout;
mod cookie;
mod describe;
mod form;
mod layout;
mod origin;
mod pay;
mod policy;
mod portal;
mod pricing;
mod renewal;
mod session;

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt, Response, Route, get, post};

use crate::AppState;
use crate::renewal_link;
pub(crate) use pay::PaddlePage;

/// What the pages need.
#[derive(Clone)]
pub(crate) struct Pages {
    state: AppState,
    /// Where browsers reach this server, without a slash at its end.
    public_url: Arc<str>,
}

/// How the addresses of pages begin; `""` is the home. The sandbox is among them where
/// there is none: people are told so.
const BEGINNINGS: [&str; 9] = [
    "", "admin", "assets", "checkout", "portal", "pricing", "renewal", "sandbox", "session",
];

/// Whether an address whose first part is this is a page's, whoever asks.
pub(crate) fn is_page(first: &str) -> bool {
    BEGINNINGS.contains(&first)
}

/// The pages, to be mounted at the root beside the API.
#[must_use]
pub fn page_routes(state: &AppState) -> impl Endpoint<Output = Response> + use<> {
    state.shows_pages();
    let pages = Pages {
        state: state.clone(),
        public_url: Arc::from(state.options.public_url.as_str()),
    };
    let content_policy = policy::content_policy(&pages.public_url);
    admin::routes(portal::routes(Route::new()))
        .at("/", get(to_pricing))
        .at("/pricing", get(pricing::show))
        .at("/pricing/checkout", post(pricing::checkout))
        .at("/checkout/success", get(checkout::success))
        .at("/checkout/cancel", get(checkout::canceled))
        .at("/checkout/pay", get(pay::pay))
        .at("/session", get(session::ask).post(session::open))
        .at(renewal_link::PAGE, get(renewal::ask).post(renewal::pay))
        .at("/assets/billing.css", get(assets::stylesheet))
        .at("/assets/paddle.js", get(assets::paddle_script))
        .at("/assets/copy.js", get(assets::copy_script))
        .at("/assets/wait.js", get(assets::wait_script))
        .data(pages)
        .catch_error(|error: poem::error::NotFoundError| async move {
            tracing::debug!(%error, "no such page");
            layout::not_found()
        })
        .with(policy::PageHeaders::new(content_policy))
        .map_to_response()
}

#[poem::handler]
fn to_pricing() -> Response {
    see_other("/pricing")
}

/// Sends a browser on, with GET.
fn see_other(to: &str) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header("location", to)
        .finish()
}
