//! One subscription: how it stands, what it can be changed to, and how it is stopped.

use billing_domain::customer::Account;
use billing_domain::ids::SubscriptionId;
use billing_domain::subscription::Subscription;
use billing_engine::{PortalError, QuoteError, QuoteRefusal};
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::HOME;
use super::facts::{badge, facts, plan, to_come};
use super::frame::{Part, Sheet, answered};
use super::offers;
use super::usage;
use super::visitor::{Held, Visitor, named};
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Shows one subscription.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let id: SubscriptionId = named(request)?;
    let held = visitor.held().await?;
    let (account, of) = found(&held, id)?;
    let offers = offered(&visitor, &held, of).await?;
    let used = usage::used(&visitor).await?;
    let metered = used.period.as_ref().and_then(|period| period.subscription);
    let name = plan(held.catalog(), of.terms_at(held.now).plan.as_str());
    let sheet = Sheet {
        title: "Your subscription",
        part: Part::Overview,
        script: None,
        body: html! {
            h1 { (name) }
            section class="card" aria-labelledby="stands" {
                div class="head" {
                    h2 id="stands" { "How it stands" }
                    (badge(of))
                }
                (facts(&held, account, of))
                (to_come(&visitor, &held, account, of))
            }
            section class="card" aria-labelledby="changes" {
                h2 id="changes" { "Change it" }
                (offers)
            }
            @if metered == Some(id) { (usage::section(held.catalog(), &used)) }
            (offers::steps(&visitor, &held, of))
            p { a href=(HOME) { "Back to your billing" } }
        },
    };
    Ok(sheet.answer(&visitor, StatusCode::OK).await)
}

/// A subscription of this customer's, with the account that it is in.
pub(super) fn found(held: &Held, id: SubscriptionId) -> Result<(&Account, &Subscription), Problem> {
    let mut accounts = held.accounts.iter();
    let found = accounts.find_map(|account| Some((account, account.subscription(id)?)));
    found.ok_or_else(Problem::not_found)
}

/// What it can be changed to, or why nothing of it can be changed.
async fn offered(visitor: &Visitor<'_>, held: &Held, of: &Subscription) -> Result<Markup, Problem> {
    let billing = visitor.billing();
    match billing.allowed_changes(&visitor.reference(), of.id).await {
        Ok(allowed) => Ok(offers::changes(visitor, held, of, &allowed)),
        Err(QuoteError::Refused(refusal)) if refusal != QuoteRefusal::NoSubscription => {
            Ok(html! { p { (describe::sentence(&refusal.to_string())) } })
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes a cancellation back that has not come to be.
#[handler]
pub(super) async fn keep(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, kept(pages, request, body).await).await
}

async fn kept(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    visitor.form(request, body).await?;
    let id: SubscriptionId = named(request)?;
    let (of, actor) = (visitor.reference(), visitor.actor());
    visitor.billing().uncancel(&of, id, Some(&actor)).await?;
    Ok(see_other(&format!("/portal/subscriptions/{id}")))
}

/// Leads to the provider's page where another payment method is given.
#[handler]
pub(super) async fn payment_method(
    Data(pages): Data<&Pages>,
    request: &Request,
    body: Body,
) -> Response {
    answered(pages, led_to_method(pages, request, body).await).await
}

async fn led_to_method(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    visitor.form(request, body).await?;
    let id: SubscriptionId = named(request)?;
    found(&visitor.held().await?, id)?;
    let back = format!("{}/portal/subscriptions/{id}", pages.public_url);
    let of = visitor.reference();
    match visitor.billing().payment_method(&of, id, &back).await {
        Ok(page) => Ok(see_other(&page)),
        // It is theirs: its provider has no such page.
        Err(PortalError::NoSubscription) => Err(Problem::unprocessable(
            "the payment method of this subscription is given when the next invoice is paid",
        )),
        Err(error) => Err(error.into()),
    }
}
