//! Coming in with a key, and leaving. What a key was sent for is a session of its own; the key
//! itself is neither kept nor shown. Says the same of every key that opens nothing.

use billing_domain::ids::IdSeq;
use billing_domain::time::shifted;
use billing_ports::store::{OperatorKey, OperatorSession};
use jiff::SignedDuration;
use maud::html;
use poem::http::{HeaderValue, StatusCode};
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::frame::{answered, without_cookie};
use super::operator::Operator;
use super::{DOOR, HOME};
use crate::auth::{self, KEY_PREFIX, OPERATOR_PREFIX, hash};
use crate::http::{client_address, recording};
use crate::pages::cookie::{OPERATOR, with_cookie};
use crate::pages::form::read;
use crate::pages::layout::{Around, framed};
use crate::pages::{Pages, see_other};
use crate::problem::Problem;

/// How long a session lasts: a working day, so that nobody keeps a key at hand to come in anew.
const LASTS: SignedDuration = SignedDuration::from_hours(8);

/// Longest key that is looked at; ours are half as long.
const MAX_KEY: usize = 128;

const LEFT: &str = "You are signed out.";
const NO_KEY: &str = "This key opens nothing. Please look at it again.";

/// Asks for a key.
#[handler]
pub(super) async fn ask(Data(pages): Data<&Pages>, request: &Request) -> Response {
    if !pages.state.billing.is_enabled() {
        return answered(pages, Err(Problem::billing_disabled())).await;
    }
    let said = (request.uri().query() == Some("left")).then_some(LEFT);
    form(pages, StatusCode::OK, said).await
}

/// Gives the browser a session for a key.
#[handler]
pub(super) async fn enter(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, entered(pages, request, body).await).await
}

async fn entered(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let store = pages.state.store()?;
    let sent = read(pages, request, body).await?;
    let given = sent.field("key").unwrap_or_default();
    let Some(key) = opening(pages, given).await? else {
        let address = client_address(&pages.state, request);
        pages.state.limiters.failure(address)?;
        tracing::warn!("an operator was refused at the door");
        return Ok(form(pages, StatusCode::FORBIDDEN, Some(NO_KEY)).await);
    };
    // What the browser held before is over, whosever it was.
    if let Some(token) = OPERATOR.sent(request, &pages.public_url) {
        store.end_operator_session(hash(token)).await?;
    }
    let cookie = begun(pages, request, key).await?;
    Ok(with_cookie(see_other(HOME), cookie))
}

/// The key that is given. `None`: it opens nothing, for whatever cause.
async fn opening(pages: &Pages, given: &str) -> Result<Option<OperatorKey>, Problem> {
    if !given.starts_with(KEY_PREFIX) || given.len() > MAX_KEY {
        return Ok(None);
    }
    let found = pages.state.store()?.find_key(hash(given)).await?;
    Ok(found.filter(OperatorKey::opens_sessions))
}

/// Begins a session, as an act of the key's.
async fn begun(pages: &Pages, request: &Request, key: OperatorKey) -> Result<HeaderValue, Problem> {
    let state = &pages.state;
    let now = state.clock()?.now();
    let token = auth::fresh(state.ids.as_ref(), OPERATOR_PREFIX);
    let session = OperatorSession {
        id: IdSeq::new(now, state.ids.seed()).draw(),
        key: key.id,
        expires_at: shifted(now, LASTS),
    };
    tracing::info!(key = %key.id, "operator signed in");
    let recording = recording(state, key.into(), request, None)?;
    let store = recording.store()?;
    store.add_operator_session(session, hash(&token)).await?;
    Ok(OPERATOR.kept(&pages.public_url, &token, LASTS.as_secs()))
}

/// Ends the session, and has the browser forget it.
#[handler]
pub(super) async fn leave(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, left(pages, request, body).await).await
}

async fn left(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    operator.form(request, body).await?;
    operator.leave().await?;
    let door = see_other(&format!("{DOOR}?left"));
    Ok(without_cookie(pages, door))
}

async fn form(pages: &Pages, status: StatusCode, said: Option<&str>) -> Response {
    let hours = LASTS.as_hours();
    let body = html! {
        section class="notice quiet" {
            h1 { "For operators" }
            @if let Some(said) = said { p role="alert" { (said) } }
            p { "Come in with an operator key. This browser keeps a session for " (hours) " hours, and not the key." }
            form class="stacked" method="post" action=(DOOR) {
                label for="key" { "Operator key" }
                input id="key" type="password" name="key" required autocomplete="off"
                    maxlength=(MAX_KEY) spellcheck="false";
                button type="submit" { "Sign in" }
            }
        }
    };
    framed(pages, status, "Sign in", &Around::default(), body).await
}
