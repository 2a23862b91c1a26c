//! Quotes: what a change comes to, on a page of its own, before anything is accepted.

use billing_domain::catalog::{Catalog, LockEnd};
use billing_domain::entitlement::{Entitlement, Entitlements, FeatureKey};
use billing_domain::ids::{QuoteId, SubscriptionId};
use billing_domain::quote::{KeptLock, Loss, Quote, Step, Timing};
use billing_engine::StepAsk;
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::facts::plan;
use super::frame::{Part, Sheet, answered};
use super::visitor::{Form, Held, Visitor, named};
use super::{change, lines};
use crate::api::change_ask;
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Works out what a change or a step comes to, and leads to the page that tells it.
#[handler]
pub(super) async fn make(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, made(pages, request, body).await).await
}

async fn made(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let form = visitor.form(request, body).await?;
    let subscription: SubscriptionId = named(request)?;
    let (billing, of) = (visitor.billing(), visitor.reference());
    let quote = if let Some(word) = form.field("step") {
        let step = step(word)?;
        billing
            .quote_step(&of, &StepAsk { subscription, step })
            .await?
    } else {
        let ask = change_ask(
            subscription,
            form.field("plan").map(str::to_owned),
            form.field("price").map(str::to_owned),
            quantity(&form)?,
        )?;
        billing.quote(&of, &ask).await?
    };
    Ok(see_other(&format!("/portal/quotes/{}", quote.id)))
}

fn step(word: &str) -> Result<Step, Problem> {
    let mut steps = [Step::Cancel, Step::Pause, Step::Resume].into_iter();
    let step = steps.find(|step| step.as_str() == word);
    step.ok_or_else(|| Problem::field("step", "is cancel, pause or resume"))
}

fn quantity(form: &Form) -> Result<Option<u32>, Problem> {
    let given = form.field("quantity").map(str::parse::<u32>);
    let given = given.transpose();
    given.map_err(|_no_number| Problem::field("quantity", "must be a whole number"))
}

/// Shows a quote.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let id: QuoteId = named(request)?;
    let quote = visitor
        .billing()
        .get_quote(&visitor.reference(), id)
        .await?;
    let quote = quote.ok_or_else(Problem::not_found)?;
    let held = visitor.held().await?;
    let is_over = quote.expires_at <= held.now;
    let status = if is_over {
        StatusCode::GONE
    } else {
        StatusCode::OK
    };
    let sheet = Sheet {
        title: "What it comes to",
        part: Part::Overview,
        script: None,
        body: html! {
            h1 { (heading(&held, &quote)) }
            section class="card" aria-labelledby="comes-to" {
                h2 id="comes-to" { "What it comes to" }
                (told(&held, &quote))
            }
            @if !quote.lines.is_empty() {
                section class="card" aria-labelledby="lines" {
                    h2 id="lines" { "How it comes about" }
                    (lines::table(held.catalog(), &quote.lines, ("To pay now", quote.owed_now)))
                }
            }
            (lost(held.catalog(), &quote))
            (decision(&visitor, &quote, is_over))
        },
    };
    Ok(sheet.answer(&visitor, status).await)
}

fn heading(held: &Held, quote: &Quote) -> Markup {
    let name = plan(held.catalog(), quote.terms.plan.as_str());
    html! {
        @match quote.step {
            Step::Change => { "Change to " (name) "?" }
            Step::Cancel => { "Cancel " (name) "?" }
            Step::Pause => { "Pause " (name) "?" }
            Step::Resume => { "Go on with " (name) "?" }
        }
    }
}

fn told(held: &Held, quote: &Quote) -> Markup {
    let terms = &quote.terms;
    html! {
        dl {
            @if matches!(quote.step, Step::Change | Step::Resume) {
                dt { "Price then" }
                dd { (describe::price(terms.unit, terms.quantity, terms.billing)) }
            }
            dt { "Takes effect" }
            dd {
                @match quote.timing {
                    Timing::AtOnce if quote.effective_at <= held.now => "At once",
                    Timing::AtOnce | Timing::PeriodEnd => (describe::day(quote.effective_at)),
                }
            }
            dt { "To pay now" }
            dd { strong { (describe::money(quote.owed_now)) } }
            @if !quote.balance_after.is_zero() {
                dt { "Your balance afterward" }
                dd { (describe::money(quote.balance_after)) }
            }
            dt { "Next charge" }
            dd {
                @match quote.next_charge {
                    Some(next) => { (describe::money(next.amount)) " on " (describe::day(next.at)) }
                    None => "None",
                }
            }
            @if let Some(kept) = &quote.keeps {
                dt { "You keep" }
                dd { (keeps(kept)) }
            }
            dt { "This offer holds until" }
            dd { (describe::minute(quote.expires_at)) }
        }
        @if !quote.pinned {
            p class="small" {
                "The payment provider works the amount out when it is done: some cents more or "
                "less may come of rounding."
            }
        }
    }
}

fn keeps(kept: &KeptLock) -> Markup {
    html! {
        "the price of " (describe::money(kept.unit))
        @match kept.lasts {
            LockEnd::Forever => " for ever",
            LockEnd::Until(end) => { ", until " (describe::day(end)) }
            LockEnd::Cycles(_) => {
                @if let Some(left) = kept.cycles_left { ", for " (left) " more payments" }
            }
            LockEnd::UntilChange => ", until the plan is changed",
        }
    }
}

fn lost(catalog: &Catalog, quote: &Quote) -> Markup {
    html! {
        @if !quote.loses.is_empty() {
            section class="card" aria-labelledby="lost" {
                h2 id="lost" { "What you lose" }
                ul { @for loss in &quote.loses { li { (loss_words(catalog, loss)) } } }
            }
        }
    }
}

fn loss_words(catalog: &Catalog, loss: &Loss) -> Markup {
    html! {
        @match loss {
            Loss::PriceLock { unit, until, .. } => {
                "The price of " (describe::money(*unit)) " that you were promised"
                @if let Some(until) = until { " until " (describe::day(*until)) }
                ": it is no longer sold."
            }
            Loss::Discount => "Your discount.",
            Loss::ScheduledChange => "The change that is to come.",
            Loss::Entitlement { feature, from, to } => {
                (feature_words(catalog, feature, from))
                @match to.as_ref().and_then(|to| amount(catalog, feature, to)) {
                    Some(to) => { ", which becomes " bdi { (to) } "." }
                    None => ".",
                }
            }
            Loss::PaidTime { left } => {
                (describe::length(*left)) " of time that you paid for."
            }
        }
    }
}

fn feature_words(catalog: &Catalog, feature: &FeatureKey, from: &Entitlement) -> Markup {
    let known = catalog.features().get(feature);
    let name = known.map_or(feature.as_str(), |known| known.name.as_str());
    html! {
        bdi { (name) }
        @if let Some(from) = amount(catalog, feature, from) { ": " bdi { (from) } }
    }
}

/// How much of a feature, in words. `None`: it is there or not, and that is all.
fn amount(catalog: &Catalog, feature: &FeatureKey, granted: &Entitlement) -> Option<String> {
    let one = Entitlements {
        by_feature: [(feature.clone(), granted.clone())].into(),
    };
    describe::granted(catalog, &one).next()?.value
}

fn decision(visitor: &Visitor<'_>, quote: &Quote, is_over: bool) -> Markup {
    let back = format!("/portal/subscriptions/{}", quote.subscription);
    let word = match quote.step {
        Step::Change if quote.owed_now.is_zero() => "Change it",
        Step::Change => "Change it and pay",
        Step::Cancel => "Cancel it",
        Step::Pause => "Pause it",
        Step::Resume => "Go on with it",
    };
    html! {
        @if is_over {
            p role="alert" { "This offer has expired, and nothing was changed. Please ask for it again." }
            p { a class="button" href=(back) { "Back to the subscription" } }
        } @else {
            div class="steps" {
                form class="plain" method="post" action={ "/portal/quotes/" (quote.id) "/accept" } {
                    (visitor.proof())
                    button type="submit" { (word) }
                }
                p { a href=(back) { "Leave it as it is" } }
            }
        }
    }
}

/// Accepts a quote, and leads to where it is paid, or to what came of it.
#[handler]
pub(super) async fn accept(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, accepted(pages, request, body).await).await
}

async fn accepted(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    visitor.form(request, body).await?;
    let id: QuoteId = named(request)?;
    let (of, actor) = (visitor.reference(), visitor.actor());
    let accepting = visitor.billing().accept_quote(&of, id, Some(&actor));
    let accepted = accepting.await?;
    Ok(match change::paid_at(&accepted.change, accepted.pay_url) {
        Some(page) => see_other(&page),
        None => see_other(&format!("/portal/changes/{}", accepted.change.id)),
    })
}
