//! Invoices over everybody, or of one customer: what is owed, and what was paid.

use std::collections::BTreeMap;

use billing_domain::ids::{CustomerId, InvoiceId};
use billing_domain::invoice::Invoice;
use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::Collection;
use billing_ports::store::InvoiceFilter;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::Operator;
use super::subscriptions::day;
use super::tried;
use crate::pages::{Pages, describe};
use crate::problem::Problem;
use crate::renewing;

const LIST: &str = "/admin/invoices";

#[derive(Default, Deserialize)]
struct Asked {
    /// `yes`: those that are owed only; `renewals`: renewals among them.
    open: Option<String>,
    customer: Option<String>,
    after: Option<String>,
}

/// Lists invoices, newest first.
#[handler]
pub(super) async fn list(
    Data(pages): Data<&Pages>,
    request: &Request,
    query: poem::Result<Query<Asked>>,
) -> Response {
    let asked = query.map_or_else(|_| Asked::default(), |Query(asked)| asked);
    answered(pages, listed(pages, request, asked).await).await
}

async fn listed(pages: &Pages, request: &Request, asks: Asked) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let open = asks.open.as_deref();
    let open = ["yes", "renewals"].into_iter().find(|of| Some(*of) == open);
    let customer = asks.customer.as_deref().map(str::parse::<CustomerId>);
    let customer = customer
        .transpose()
        .map_err(|_no_id| Problem::not_found())?;
    let after = after(asks.after.as_deref(), InvoiceId::uuid)?;
    let filter = InvoiceFilter {
        customer,
        open: open.map(|_which| true),
        renewal: (open == Some("renewals")).then_some(true),
        ..InvoiceFilter::default()
    };
    let store = operator.store()?;
    let found = store.list_invoices(filter, asked(after)).await?;
    let now = operator.now()?;
    let owed = renewing::of_invoices(store.as_ref(), &found.rows, now).await?;
    let whose = customer.map(|id| id.to_string());
    let mut keep = Vec::new();
    keep.extend(open.map(|which| ("open", which)));
    keep.extend(whose.as_deref().map(|id| ("customer", id)));
    let sheet = Sheet {
        title: "Invoices",
        part: Part::Invoices,
        body: html! {
            h1 { "Invoices" }
            p class="lead" {
                "Newest first"
                @if let Some(id) = customer { ", of " a href={ "/admin/customers/" (id) } { (id) } }
                "."
            }
            form class="asks" method="get" action=(LIST) {
                @if let Some(id) = customer { input type="hidden" name="customer" value=(id); }
                label for="open" { "Which" }
                select id="open" name="open" {
                    option value="" { "All" }
                    option value="yes" selected[open == Some("yes")] { "Those that are owed" }
                    option value="renewals" selected[open == Some("renewals")] { "Renewals that are owed" }
                }
                button type="submit" { "Show" }
            }
            section class="card" {
                @if found.rows.is_empty() { p { "There are none." } } @else { (table(&found.rows, &owed)) }
            }
            (pager(LIST, &keep, after.is_none(), next(&found, |(_, row)| row.id).as_deref()))
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// Invoices as a table, each leading to its customer; where any is `owed` for a renewal, with
/// how far the collection of each has come.
pub(super) fn table(
    rows: &[(CustomerId, Invoice)],
    owed: &BTreeMap<InvoiceId, Collection>,
) -> Markup {
    let tells = !owed.is_empty();
    html! {
        table {
            caption class="unseen" { "Invoices, newest first" }
            thead {
                tr {
                    th scope="col" { "Invoice" }
                    th scope="col" { "Day" }
                    th scope="col" { "For" }
                    th scope="col" class="money" { "Amount" }
                    th scope="col" { "Status" }
                    @if tells {
                        th scope="col" { "Due" }
                        th scope="col" { "Grace ends" }
                        th scope="col" { "Tried" }
                    }
                    th scope="col" { "Customer" }
                }
            }
            tbody {
                @for (customer, row) in rows {
                    tr {
                        th scope="row" { (row.id) }
                        td data-name="Day" { (describe::day(row.opened_at)) }
                        td data-name="For" { (describe::purpose(row)) }
                        td data-name="Amount" class="money" { (describe::money(row.amount)) }
                        td data-name="Status" { (describe::invoice_status(row)) }
                        @if tells { (cells(owed.get(&row.id), row.provider.as_ref())) }
                        td data-name="Customer" {
                            a href={ "/admin/customers/" (customer) } { (customer) }
                        }
                    }
                }
            }
        }
    }
}

/// When a renewal is due, until when its grace lasts, and how often it was tried. `None`: it is
/// no renewal that is to be paid.
fn cells(of: Option<&Collection>, at: Option<&ProviderAccount>) -> Markup {
    html! {
        td data-name="Due" { (day(of.and_then(|of| of.due_at))) }
        td data-name="Grace ends" { (day(of.and_then(|of| of.grace_ends_at))) }
        td data-name="Tried" { (of.map_or_else(|| "–".to_owned(), |of| tried::words(of, at))) }
    }
}
