//! What operators do: every write with an operator's key is done by an engine that keeps
//! who asked, for what and why, in the transaction of what it writes. What a host's meters
//! report is no act: nobody decided it, and it comes by the million.
//!
//! The reason is in the header, or in the body's `reason` where a route has one. Whether a
//! route insists on one is the route's business.

use std::sync::Arc;

use billing_domain::ids::IdSeq;
use billing_ports::store::Act;
use poem::http::Method;
use poem::{Endpoint, Request, Response, Result};

use crate::api::MAX_TEXT;
use crate::auth::{Caller, Operator};
use crate::http::guard::BILLING;
use crate::problem::Problem;
use crate::state::AppState;

/// The header that says why.
const REASON: &str = "billing-reason";

/// What the path of a report of use ends with.
const METERED: &str = "/usage";

/// Longest path that is kept: ids and references of ours are shorter, and a path is as long
/// as the server allows.
const MAX_PATH: usize = 1_000;

/// Passes a request on, with an engine that records the act where an operator writes.
pub(crate) async fn record<E: Endpoint<Output = Response>>(
    state: AppState,
    next: Arc<E>,
    mut request: Request,
) -> Result<Response> {
    let path = request.uri().path();
    let acts = path.starts_with(BILLING) && !path.ends_with(METERED);
    let writes = *request.method() != Method::GET && acts;
    let operator = match Caller::of(&request) {
        Caller::Key(operator) if writes => operator,
        Caller::Key(_) | Caller::Session(_) | Caller::Public => return next.call(request).await,
    };
    let reason = match in_header(&request)? {
        Some(reason) => Some(reason),
        None => in_body(&mut request).await?,
    };
    let recording = recording(&state, operator, &request, reason)?;
    request.set_data(recording);
    next.call(request).await
}

/// `state` with an engine that keeps what `operator` asks for with the first thing that it
/// writes.
///
/// # Errors
///
/// 404 where billing is switched off.
pub(crate) fn recording(
    state: &AppState,
    operator: Operator,
    request: &Request,
    reason: Option<String>,
) -> Result<AppState, Problem> {
    let now = state.clock()?.now();
    let act = Act {
        id: IdSeq::new(now, state.ids.seed()).draw(),
        at: now,
        actor: operator.actor,
        name: operator.name,
        request: told(request),
        reason,
    };
    let mut recording = state.clone();
    recording.billing = state.billing.recording(act);
    Ok(recording)
}

/// What is asked for: the method and the path.
fn told(request: &Request) -> String {
    let path: String = request.uri().path().chars().take(MAX_PATH).collect();
    format!("{} {path}", request.method())
}

/// The reason in the header. `None`: there is none.
fn in_header(request: &Request) -> Result<Option<String>, Problem> {
    let mut given = request.headers().get_all(REASON).iter();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let text = std::str::from_utf8(first.as_bytes()).ok();
    let text = text.filter(|text| is_reason(text) && given.next().is_none());
    let text = text.map(|text| Some(text.to_owned()));
    text.ok_or_else(|| {
        let message = format!("must be one text of 1 to {MAX_TEXT} bytes");
        Problem::field("Billing-Reason", message)
    })
}

/// The body's `reason`, which the route reads again. `None`: it has none that is a text.
async fn in_body(request: &mut Request) -> Result<Option<String>> {
    let body = request.take_body().into_bytes().await?;
    request.set_body(body.clone());
    let read: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let reason = read.as_ref().and_then(|body| body.get("reason")?.as_str());
    let reason = reason.filter(|text| is_reason(text));
    Ok(reason.map(str::to_owned))
}

/// Whether a text is fit to say why.
pub(crate) fn is_reason(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.contains(char::is_control)
}
