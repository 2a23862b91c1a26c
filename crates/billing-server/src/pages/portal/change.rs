//! What came of a quote that was accepted, and taking a change back.

use billing_domain::change::{Change, ChangeState};
use billing_domain::ids::ChangeId;
use billing_domain::quote::Step;
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::HOME;
use super::facts::{plan, taken_back};
use super::frame::{Part, Sheet, answered};
use super::visitor::{Held, Visitor, named};
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Where an accepted change is paid: while it awaits its payment, and for what goes on after a
/// pause. `None`: nowhere.
pub(super) fn paid_at(change: &Change, pay_url: Option<String>) -> Option<String> {
    let awaits = change.state == ChangeState::AwaitingPayment;
    pay_url.filter(|_| awaits || change.quote.step == Step::Resume)
}

/// Shows how a change stands.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let id: ChangeId = named(request)?;
    let held = visitor.held().await?;
    let store = visitor.billing().store();
    let store = store.ok_or_else(Problem::billing_disabled)?;
    let change = store.get_change(id).await?;
    let change = change.filter(|change| held.is_of(change.customer));
    let change = change.ok_or_else(Problem::not_found)?;
    let (title, class) = standing(&change);
    let sheet = Sheet {
        title,
        part: Part::Overview,
        script: None,
        body: html! {
            section class=(class) {
                h1 { (title) }
                (words(&held, &change))
                @if change.state.is_open() && change.quote.step == Step::Change {
                    (taken_back(&visitor, change.id))
                }
                p { a class="button" href=(HOME) { "Back to your billing" } }
            }
        },
    };
    Ok(sheet.answer(&visitor, StatusCode::OK).await)
}

const fn standing(change: &Change) -> (&'static str, &'static str) {
    match change.state {
        ChangeState::Applied { .. } => ("Done", "notice good"),
        ChangeState::Scheduled => ("It is to come", "notice good"),
        ChangeState::AwaitingPayment => match change.quote.step {
            Step::Change => ("It awaits its payment", "notice wait"),
            Step::Cancel | Step::Pause | Step::Resume => ("It is on its way", "notice wait"),
        },
        ChangeState::Superseded { .. } => ("Another change took its place", "notice quiet"),
        ChangeState::Canceled { .. } => ("It was taken back", "notice quiet"),
        ChangeState::Failed { .. } => ("It was refused", "notice quiet"),
    }
}

fn words(held: &Held, change: &Change) -> Markup {
    let quote = &change.quote;
    let name = plan(held.catalog(), quote.terms.plan.as_str());
    html! {
        p {
            @match quote.step {
                Step::Change => { "The change to " strong { (name) } }
                Step::Cancel => { "The cancellation of " strong { (name) } }
                Step::Pause => { "The pause of " strong { (name) } }
                Step::Resume => { "Going on with " strong { (name) } }
            }
            @match change.state {
                ChangeState::Applied { .. } if quote.effective_at > held.now => {
                    " is noted, and takes effect on " (describe::day(quote.effective_at)) "."
                }
                ChangeState::Applied { at } => { " is in effect since " (describe::day(at)) "." }
                ChangeState::Scheduled => { " takes effect on " (describe::day(quote.effective_at)) "." }
                ChangeState::AwaitingPayment => {
                    @if quote.step == Step::Change {
                        " takes effect once " (describe::money(quote.owed_now)) " is paid."
                    } @else {
                        " is asked of the payment provider, which has not said yet that it is done."
                    }
                }
                ChangeState::Superseded { .. } | ChangeState::Canceled { .. } => " is not to come.",
                ChangeState::Failed { .. } => " was refused by the payment provider, and nothing was changed.",
            }
        }
    }
}

/// Takes back a change that is to come.
#[handler]
pub(super) async fn take_back(
    Data(pages): Data<&Pages>,
    request: &Request,
    body: Body,
) -> Response {
    answered(pages, took_back(pages, request, body).await).await
}

async fn took_back(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    visitor.form(request, body).await?;
    let id: ChangeId = named(request)?;
    let (of, actor) = (visitor.reference(), visitor.actor());
    visitor.billing().take_back(&of, id, Some(&actor)).await?;
    Ok(see_other(HOME))
}
