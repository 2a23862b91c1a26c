//! The server loop, and what every request passes through before a route sees it.
//!
//! Knows HTTP and nothing of billing but whether it is switched on.

mod acts;
mod allow;
mod body;
mod cors;
mod errors;
mod framing;
mod guard;
mod idempotency;
mod limits;
mod observe;
mod rates;
mod seal;
mod server;

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Response};

pub use limits::ConnectionLimits;
pub use server::{ServeError, serve};

pub(crate) use acts::{is_reason, recording};
pub(crate) use allow::Allowed;
pub(crate) use errors::unsupported_media_type;
pub(crate) use idempotency::{Anew, Named, NotKept};
pub(crate) use rates::{RateLimiters, client_address};

use crate::state::AppState;

/// `routes` behind everything that guards and observes them, from the outside:
/// what is allowed told, observed, errors rendered, CORS, body read, caller known, answers repeated,
/// acts recorded.
pub(crate) fn guarded(
    routes: impl Endpoint<Output = Response> + 'static,
    allowed: Allowed,
    state: AppState,
) -> BoxEndpoint<'static, Response> {
    let (allowed, of_routes) = (Arc::new(allowed), state.clone());
    let (recording, repeating, knowing, reading, crossing, observing) = (
        state.clone(),
        state.clone(),
        state.clone(),
        state.clone(),
        state.clone(),
        state,
    );
    routes
        .around(move |next, request| acts::record(recording.clone(), next, request))
        .around(errors::render)
        .data(of_routes)
        .around(move |next, request| idempotency::repeat(repeating.clone(), next, request))
        .around(move |next, request| guard::admit(knowing.clone(), next, request))
        .around(move |next, request| body::read(reading.clone(), next, request))
        .around(move |next, request| cors::share(crossing.clone(), next, request))
        .around(errors::render)
        .around(move |next, request| observe::observe(observing.clone(), next, request))
        // A type of its own for so many layers is more than the compiler follows.
        .boxed()
        .around(move |next, request| allow::tell(Arc::clone(&allowed), next, request))
        .boxed()
}
