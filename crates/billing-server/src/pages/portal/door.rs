//! Coming in and leaving: a link is mailed to whoever asks for one, and a session is ended
//! where it is kept. Tells nobody who is a customer.

use maud::html;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::DOOR;
use super::frame::{answered, without_cookie};
use super::visitor::Visitor;
use crate::api::mail_link;
use crate::pages::form::read;
use crate::pages::layout::{Around, framed};
use crate::pages::{Pages, see_other};
use crate::problem::Problem;

/// What is said above the form after somebody has left.
const LEFT: &str = "You are signed out.";
const NO_ADDRESS: &str = "This is no e-mail address. Please look at it again.";

/// Asks where to mail a link to.
#[handler]
pub(super) async fn ask(Data(pages): Data<&Pages>, request: &Request) -> Response {
    if !pages.state.billing.is_enabled() {
        return answered(pages, Err(Problem::billing_disabled())).await;
    }
    let said = (request.uri().query() == Some("left")).then_some(LEFT);
    form(pages, StatusCode::OK, said, "").await
}

/// Has a link mailed, if there is anybody to mail one to; says the same whoever asks.
#[handler]
pub(super) async fn mail(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    if !pages.state.billing.is_enabled() {
        return answered(pages, Err(Problem::billing_disabled())).await;
    }
    let sent = match read(pages, request, body).await {
        Ok(sent) => sent,
        Err(problem) => return answered(pages, Err(problem)).await,
    };
    let email = sent.field("email").unwrap_or_default();
    match mail_link(&pages.state, request, email).await {
        Ok(()) => mailed(pages).await,
        Err(problem) if problem.code() == "invalid_request" => {
            form(pages, StatusCode::BAD_REQUEST, Some(NO_ADDRESS), email).await
        }
        Err(problem) => answered(pages, Err(problem)).await,
    }
}

/// Ends the session, and has the browser forget it.
#[handler]
pub(super) async fn leave(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, left(pages, request, body).await).await
}

async fn left(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    visitor.form(request, body).await?;
    visitor.leave().await?;
    let door = see_other(&format!("{DOOR}?left"));
    Ok(without_cookie(pages, door))
}

async fn form(pages: &Pages, status: StatusCode, said: Option<&str>, email: &str) -> Response {
    let body = html! {
        section class="notice quiet" {
            h1 { "Your billing" }
            @if let Some(said) = said { p role="alert" { (said) } }
            p { "We mail you a link that opens it. There is no password." }
            form class="stacked" method="post" action=(DOOR) {
                label for="email" { "Your e-mail address" }
                input id="email" type="email" name="email" value=(email) required
                    autocomplete="email" maxlength="254";
                button type="submit" { "Mail me a link" }
            }
        }
    };
    framed(pages, status, "Sign in", &Around::default(), body).await
}

async fn mailed(pages: &Pages) -> Response {
    let minutes = pages.state.options.link_lifetime.as_mins();
    let body = html! {
        section class="notice good" {
            h1 { "Look into your mailbox" }
            p {
                "If anything was bought with this address, a link is on its way to it. It opens "
                "your billing once, within " (minutes) " minutes."
            }
            p { a href=(DOOR) { "Use another address" } }
        }
    };
    framed(
        pages,
        StatusCode::OK,
        "A link is on its way",
        &Around::default(),
        body,
    )
    .await
}
