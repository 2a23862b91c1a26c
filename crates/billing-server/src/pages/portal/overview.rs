//! Everything that a customer has, on one page.

use billing_domain::catalog::Catalog;
use billing_domain::grant::{Grant, GrantReason};
use billing_domain::money::Money;
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::facts::{badge, facts, plan, to_come};
use super::frame::{Part, Sheet, answered};
use super::invoices;
use super::usage;
use super::visitor::{Held, Visitor};
use crate::pages::{Pages, describe};
use crate::problem::Problem;

/// Shows what the customer has.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let held = visitor.held().await?;
    let access = visitor.billing().access(&visitor.reference()).await?;
    let access = access.ok_or_else(Problem::unauthorized)?;
    let used = usage::used(&visitor).await?;
    let catalog = held.catalog();
    let may: Vec<_> = describe::granted(catalog, &access.entitlements).collect();
    let sheet = Sheet {
        title: "Your billing",
        part: Part::Overview,
        script: None,
        body: html! {
            h1 { "Your billing" }
            p class="lead" {
                @match &access.plan {
                    Some(key) => { "You have " strong { (plan(catalog, key.as_str())) } "." }
                    None => "You have no plan.",
                }
            }
            (owed(&visitor, &held))
            (subscriptions(&visitor, &held))
            (grants(&held))
            (balances(&held))
            (usage::section(catalog, &used))
            @if !may.is_empty() {
                section class="card" aria-labelledby="may" {
                    h2 id="may" { "What you may use" }
                    ul class="features" {
                        @for feature in &may {
                            li {
                                bdi { (feature.name) }
                                @if let Some(value) = &feature.value { ": " strong { bdi { (value) } } }
                            }
                        }
                    }
                }
            }
            p { a href="/pricing" { "Plans and prices" } }
        },
    };
    Ok(sheet.answer(&visitor, StatusCode::OK).await)
}

/// Open invoices, with the way to pay each.
fn owed(visitor: &Visitor<'_>, held: &Held) -> Markup {
    let accounts = held.accounts.iter();
    let open: Vec<_> = accounts
        .flat_map(|account| &account.invoices)
        .filter(|invoice| invoice.is_open())
        .collect();
    html! {
        @if !open.is_empty() {
            section class="card" aria-labelledby="owed" {
                h2 id="owed" { "To be paid" }
                (invoices::table(visitor, &open))
            }
        }
    }
}

fn subscriptions(visitor: &Visitor<'_>, held: &Held) -> Markup {
    html! {
        @for account in &held.accounts {
            @for subscription in &account.subscriptions {
                @let key = subscription.terms_at(held.now).plan.as_str();
                section class="card" aria-labelledby={ "at-" (subscription.id) } {
                    div class="head" {
                        h2 id={ "at-" (subscription.id) } { (plan(held.catalog(), key)) }
                        (badge(subscription))
                    }
                    (facts(held, account, subscription))
                    (to_come(visitor, held, account, subscription))
                    p {
                        a class="button" href={ "/portal/subscriptions/" (subscription.id) } {
                            "See and change" span class="unseen" { ": " (describe::plan_name(held.catalog(), key)) }
                        }
                    }
                }
            }
        }
    }
}

fn grants(held: &Held) -> Markup {
    let accounts = held.accounts.iter();
    let grants: Vec<_> = accounts
        .flat_map(|account| &account.grants)
        .filter(|grant| grant.is_live(held.now))
        .collect();
    html! {
        @if !grants.is_empty() {
            section class="card" aria-labelledby="given" {
                h2 id="given" { "Yours without paying" }
                ul { @for grant in grants { li { (given(held.catalog(), grant)) } } }
            }
        }
    }
}

fn given(catalog: &Catalog, grant: &Grant) -> Markup {
    let why = match grant.reason {
        GrantReason::Plankowner => "because you came early",
        GrantReason::Comp => "a gift",
        GrantReason::Trial => "to try it",
        GrantReason::FreePlan => "it costs nothing",
    };
    html! {
        strong { (plan(catalog, grant.plan.as_str())) } ", " (why)
        @if let Some(end) = grant.ends_at { ", until " (describe::day(end)) }
    }
}

fn balances(held: &Held) -> Markup {
    let accounts = held.accounts.iter();
    let balances: Vec<_> = accounts
        .flat_map(|account| &account.customer.balances)
        .filter(|balance| !balance.is_zero())
        .collect();
    html! {
        @for balance in balances {
            p {
                @if balance.amount > 0 { "You have to your credit: " }
                @else { "The next invoice charges besides: " }
                strong { (describe::money(magnitude(*balance))) } "."
            }
        }
    }
}

/// An amount without its sign, where the words around it say which way it goes.
fn magnitude(money: Money) -> Money {
    let amount = money.amount.saturating_abs();
    Money { amount, ..money }
}
