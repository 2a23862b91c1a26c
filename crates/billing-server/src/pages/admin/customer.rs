//! One customer: who it is, all that it holds, and everything that happened to it.

use billing_domain::catalog::Catalog;
use billing_domain::customer::Account;
use billing_domain::grant::{Grant, GrantReason};
use billing_domain::ids::{CustomerId, JournalId};
use billing_domain::license::{License, LicenseState};
use billing_domain::time::Timestamp;
use billing_engine::CustomerRef;
use billing_ports::store::InvoiceFilter;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::{Operator, plan_name};
use super::{invoices, subscriptions, timeline};
use crate::pages::form::named;
use crate::pages::{Pages, describe};
use crate::problem::Problem;
use crate::renewing;

#[derive(Default, Deserialize)]
struct Asked {
    /// The last entry of the timeline's page before.
    after: Option<String>,
}

/// Shows a customer.
#[handler]
pub(super) async fn show(
    Data(pages): Data<&Pages>,
    request: &Request,
    query: poem::Result<Query<Asked>>,
) -> Response {
    let asked = query.map_or_else(|_| Asked::default(), |Query(asked)| asked);
    answered(pages, shown(pages, request, asked).await).await
}

async fn shown(pages: &Pages, request: &Request, asks: Asked) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let id: CustomerId = named(request)?;
    let of = CustomerRef::from(id);
    let account = operator.billing().account(&of).await?;
    let account = account.ok_or_else(Problem::not_found)?;
    let now = operator.now()?;
    let after = after(asks.after.as_deref(), JournalId::uuid)?;
    let store = operator.store()?;
    let entries = store.list_journal(id, asked(after)).await?;
    let filter = InvoiceFilter {
        customer: Some(id),
        ..InvoiceFilter::default()
    };
    let billed = store.list_invoices(filter, asked(None)).await?;
    let billing = renewing::of_invoices(store.as_ref(), &billed.rows, now).await?;
    let held = account.subscriptions.iter();
    let owing = held.filter_map(|held| Some((held.id, renewing::within(&account, held, now)?)));
    let owing = owing.collect();
    let revision = operator.catalog().await?;
    let catalog = revision.as_ref().map(|revision| &revision.catalog);
    let here = format!("/admin/customers/{id}");
    let whose = id.to_string();
    let all = super::frame::address("/admin/invoices", &[("customer", whose.as_str())]);
    let sheet = Sheet {
        title: "Customer",
        part: Part::Customers,
        body: html! {
            h1 { (name(&account)) }
            (who(&account))
            section class="card" aria-labelledby="subscriptions" {
                h2 id="subscriptions" { "Subscriptions" }
                @if account.subscriptions.is_empty() { p { "There are none." } } @else {
                    (subscriptions::table(&account.subscriptions, catalog, &owing, now))
                }
            }
            @if !account.grants.is_empty() {
                section class="card" aria-labelledby="grants" {
                    h2 id="grants" { "Held without paying" }
                    ul { @for grant in &account.grants { li { (granted(catalog, grant, now)) } } }
                }
            }
            @if !account.licenses.is_empty() {
                section class="card" aria-labelledby="licenses" {
                    h2 id="licenses" { "Licenses" }
                    (licenses(&account.licenses))
                }
            }
            section class="card" aria-labelledby="invoices" {
                h2 id="invoices" { "Invoices" }
                @if billed.rows.is_empty() { p { "There are none." } } @else {
                    (invoices::table(&billed.rows, &billing))
                }
                @if billed.more { p { a href=(all) { "All of them" } } }
            }
            section class="card" aria-labelledby="story" {
                h2 id="story" { "What happened" }
                (timeline::list(&entries.rows))
            }
            (pager(&here, &[], after.is_none(), next(&entries, |entry| entry.id).as_deref()))
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// What a customer is called: the host's reference, the address, or the id.
fn name(account: &Account) -> Markup {
    let customer = &account.customer;
    html! {
        @match customer.external_ref.as_ref().or(customer.email.as_ref()) {
            Some(name) => { bdi { (name) } }
            None => "A guest",
        }
    }
}

fn who(account: &Account) -> Markup {
    let customer = &account.customer;
    let balances = customer
        .balances
        .iter()
        .filter(|balance| !balance.is_zero());
    html! {
        section class="card" aria-labelledby="who" {
            h2 id="who" { "Who it is" }
            dl {
                dt { "Id" }
                dd { code { (customer.id) } }
                dt { "E-mail" }
                dd {
                    @match &customer.email {
                        Some(email) => { bdi { (email) } }
                        None => "none",
                    }
                }
                dt { "Joined" }
                dd { (describe::minute(customer.joined_at)) }
                @if let Some(owner) = customer.member_of {
                    dt { "Acts under the plan of" }
                    dd { a href={ "/admin/customers/" (owner) } { (owner) } }
                }
                @for guest in &customer.claims {
                    dt { "Holds what this guest holds" }
                    dd { a href={ "/admin/customers/" (guest) } { (guest) } }
                }
                @for balance in balances {
                    dt { "To its credit" }
                    dd { (describe::money(*balance)) }
                }
                @for at in &customer.at_providers {
                    dt { "At " (at.account) }
                    dd { bdi { (at.reference) } }
                }
            }
        }
    }
}

fn granted(catalog: Option<&Catalog>, grant: &Grant, now: Timestamp) -> Markup {
    let why = match grant.reason {
        GrantReason::Plankowner => "came early",
        GrantReason::Comp => "an operator's gift",
        GrantReason::Trial => "a trial",
        GrantReason::FreePlan => "a plan that costs nothing",
    };
    html! {
        strong { bdi { (plan_name(catalog, grant.plan.as_str())) } } ", " (why) ", since "
        (describe::day(grant.starts_at))
        @if let Some(end) = grant.ends_at { ", until " (describe::day(end)) }
        @if !grant.is_live(now) { " " span class="badge over" { "Gives nothing now" } }
    }
}

fn licenses(rows: &[License]) -> Markup {
    html! {
        table {
            caption class="unseen" { "Licenses, oldest first" }
            thead {
                tr {
                    th scope="col" { "License" }
                    th scope="col" { "Status" }
                    th scope="col" { "Issued" }
                    th scope="col" class="money" { "Serial" }
                    th scope="col" class="money" { "Machines" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (row.id) }
                        td data-name="Status" { (standing(row)) }
                        td data-name="Issued" { (describe::day(row.issued_at)) }
                        td data-name="Serial" class="money" { (row.serial) }
                        td data-name="Machines" class="money" { (row.machines.len()) }
                    }
                }
            }
        }
    }
}

fn standing(license: &License) -> Markup {
    let (word, class) = match license.state {
        LicenseState::Good => ("Good", "good"),
        LicenseState::Suspended { .. } => ("Suspended", "due"),
        LicenseState::Revoked { .. } => ("Revoked", "over"),
    };
    html! {
        span class={ "badge " (class) } { (word) }
        @if let Some(reason) = license.reason() { " " bdi { (reason) } }
    }
}
