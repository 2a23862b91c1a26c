//! Invoices: all of them page by page, each with its lines, as a document to print or to file,
//! and where an open one is paid.

use std::cmp::Reverse;

use billing_domain::customer::Account;
use billing_domain::ids::{CustomerId, InvoiceId};
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_engine::{RenewalPage, RenewalPageError, RenewalStanding};
use billing_ports::store::{InvoiceFilter, Page, PageAsk};
use maud::{Markup, html};
use poem::http::StatusCode;
use poem::web::{Data, Query};
use poem::{Body, IntoResponse, Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, answered};
use super::lines;
use super::visitor::{Held, Visitor, named};
use crate::api::{DocumentForm, document};
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Invoices of one page: a screenful.
const ROWS: u16 = 20;

#[derive(Deserialize)]
struct Asked {
    /// The last invoice of the page before.
    after: Option<String>,
}

/// Lists invoices, newest first.
#[handler]
pub(super) async fn list(
    Data(pages): Data<&Pages>,
    request: &Request,
    query: poem::Result<Query<Asked>>,
) -> Response {
    let after = query.ok().and_then(|Query(asked)| asked.after);
    answered(pages, listed(pages, request, after).await).await
}

async fn listed(
    pages: &Pages,
    request: &Request,
    after: Option<String>,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let after: Option<InvoiceId> = match after {
        None => None,
        Some(id) => Some(id.parse().map_err(|_no_id| Problem::not_found())?),
    };
    let held = visitor.held().await?;
    let found = page(&visitor, &held.accounts, after).await?;
    let shown: Vec<&Invoice> = found.rows.iter().collect();
    let next = shown.last().filter(|_| found.more).map(|last| last.id);
    let sheet = Sheet {
        title: "Your invoices",
        part: Part::Invoices,
        script: None,
        body: html! {
            h1 { "Your invoices" }
            section class="card" {
                @if shown.is_empty() { p { "There are none." } } @else { (table(&visitor, &shown)) }
            }
            @if after.is_some() || next.is_some() {
                nav class="pages" aria-label="Pages" {
                    @if after.is_some() { a href="/portal/invoices" { "Newest" } }
                    @if let Some(next) = next {
                        a rel="next" href={ "/portal/invoices?after=" (next) } { "Older" }
                    }
                }
            }
        },
    };
    Ok(sheet.answer(&visitor, StatusCode::OK).await)
}

/// The next invoices of these accounts together, newest first.
async fn page(
    visitor: &Visitor<'_>,
    accounts: &[Account],
    after: Option<InvoiceId>,
) -> Result<Page<Invoice>, Problem> {
    let store = visitor.billing().store();
    let store = store.ok_or_else(Problem::billing_disabled)?;
    let ask = PageAsk {
        after: after.map(InvoiceId::uuid),
        limit: ROWS,
    };
    let mut found = Page {
        rows: Vec::new(),
        more: false,
    };
    for account in accounts {
        let filter = InvoiceFilter {
            customer: Some(account.customer.id),
            ..InvoiceFilter::default()
        };
        let theirs = store.list_invoices(filter, ask).await?;
        found.more |= theirs.more;
        found
            .rows
            .extend(theirs.rows.into_iter().map(|(_, row)| row));
    }
    // Newest first, whosever they are: ids ascend with time.
    found.rows.sort_by_key(|row| Reverse(row.id));
    found.more |= found.rows.len() > usize::from(ROWS);
    found.rows.truncate(usize::from(ROWS));
    Ok(found)
}

/// Invoices as a table, each leading to its own page, with the way to pay an open one.
pub(super) fn table(visitor: &Visitor<'_>, invoices: &[&Invoice]) -> Markup {
    html! {
        table {
            caption class="unseen" { "Invoices, newest first" }
            thead {
                tr {
                    th scope="col" { "Day" }
                    th scope="col" { "For" }
                    th scope="col" class="money" { "Amount" }
                    th scope="col" { "Status" }
                    th scope="col" { span class="unseen" { "Pay" } }
                    th scope="col" { span class="unseen" { "To print" } }
                }
            }
            tbody {
                @for invoice in invoices {
                    tr {
                        th scope="row" {
                            a href={ "/portal/invoices/" (invoice.id) } { (describe::day(invoice.opened_at)) }
                        }
                        td data-name="For" { (describe::purpose(invoice)) }
                        td data-name="Amount" class="money" { (describe::money(invoice.amount)) }
                        td data-name="Status" { (describe::invoice_status(invoice)) }
                        td { (way_to_pay(visitor, invoice)) }
                        td { (documents(invoice)) }
                    }
                }
            }
        }
    }
}

/// Where the invoice is as a document, to print and to file.
fn documents(invoice: &Invoice) -> Markup {
    let of = || html! { span class="unseen" { " of the invoice of " (describe::day(invoice.opened_at)) } };
    html! {
        a href={ "/portal/invoices/" (invoice.id) "/print" } { "Print" (of()) }
        " "
        a href={ "/portal/invoices/" (invoice.id) "/pdf" } { "PDF" (of()) }
    }
}

/// The button that leads to where an open invoice is paid. Nothing where it is paid by itself.
fn way_to_pay(visitor: &Visitor<'_>, invoice: &Invoice) -> Markup {
    let payable = invoice.is_open() && invoice.awaits().is_none() && invoice.pay_url.is_some();
    html! {
        @if payable {
            form class="plain" method="post" action={ "/portal/invoices/" (invoice.id) "/pay" } {
                (visitor.proof())
                button type="submit" {
                    "Pay" span class="unseen" { " " (describe::money(invoice.collected())) }
                }
            }
        }
    }
}

/// Shows one invoice.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let id: InvoiceId = named(request)?;
    let held = visitor.held().await?;
    let invoice = found(&visitor, &held, id).await?;
    let sheet = Sheet {
        title: "Invoice",
        part: Part::Invoices,
        script: None,
        body: html! {
            h1 { "Invoice of " (describe::day(invoice.opened_at)) }
            section class="card" aria-labelledby="stands" {
                div class="head" {
                    h2 id="stands" { (describe::purpose(&invoice)) }
                    (describe::invoice_status(&invoice))
                }
                (facts(&invoice))
                (way_to_pay(&visitor, &invoice))
                p { (documents(&invoice)) }
            }
            @if !invoice.lines.is_empty() {
                section class="card" aria-labelledby="lines" {
                    h2 id="lines" { "How it comes about" }
                    (lines::table(held.catalog(), &invoice.lines, ("Together", invoice.amount)))
                }
            }
            p { a href="/portal/invoices" { "All invoices" } }
        },
    };
    Ok(sheet.answer(&visitor, StatusCode::OK).await)
}

/// Shows an invoice as it is printed.
#[handler]
pub(super) async fn printed(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, as_document(pages, request, DocumentForm::Html).await).await
}

/// Gives an invoice as it is filed.
#[handler]
pub(super) async fn filed(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, as_document(pages, request, DocumentForm::Pdf).await).await
}

async fn as_document(
    pages: &Pages,
    request: &Request,
    form: DocumentForm,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    let id: InvoiceId = named(request)?;
    let held = visitor.held().await?;
    let (owner, invoice) = owned(&visitor, &held, id).await?;
    let made = document(&pages.state, form, owner, &invoice).await?;
    Ok(made.into_response())
}

/// An invoice of this customer's.
async fn found(visitor: &Visitor<'_>, held: &Held, id: InvoiceId) -> Result<Invoice, Problem> {
    owned(visitor, held, id).await.map(|(_, invoice)| invoice)
}

/// The same, with whose it is: the customer's own, or a guest's that is attached to it.
async fn owned(
    visitor: &Visitor<'_>,
    held: &Held,
    id: InvoiceId,
) -> Result<(CustomerId, Invoice), Problem> {
    let store = visitor.billing().store();
    let store = store.ok_or_else(Problem::billing_disabled)?;
    let found = store.get_invoice(id).await?;
    let found = found.filter(|(customer, _)| held.is_of(*customer));
    found.ok_or_else(Problem::not_found)
}

fn facts(invoice: &Invoice) -> Markup {
    html! {
        dl {
            dt { "Amount" }
            dd { strong { (describe::money(invoice.amount)) } }
            @if let Some(conversion) = &invoice.conversion {
                dt { "Collected as" }
                dd { (describe::money(conversion.collected)) }
            }
            @if let Some(period) = invoice.period {
                dt { "Pays for" }
                dd { (describe::day(period.start)) " to " (describe::day(period.end)) }
            }
            @if let InvoiceState::Settled { at } = invoice.state {
                dt { "Paid" }
                dd { (describe::day(at)) }
            }
            @for payment in invoice.payments.iter().filter(|payment| payment.credited) {
                dt { "Payment" }
                dd { (describe::money(payment.amount)) " on " (describe::day(payment.at)) }
            }
            @for back in &invoice.returned {
                dt { @if back.kind.name() == "dispute" { "Contested" } @else { "Given back" } }
                dd { (describe::money(back.amount)) " (" (back.kind.state()) ")" }
            }
            dt { "Number" }
            dd class="small" { (invoice.id) }
        }
    }
}

/// Leads to where an open invoice is paid: for a renewal that we collect, to a page that is
/// open now.
#[handler]
pub(super) async fn pay(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, paid_at(pages, request, body).await).await
}

async fn paid_at(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let visitor = Visitor::of(pages, request).await?;
    visitor.form(request, body).await?;
    let id: InvoiceId = named(request)?;
    let held = visitor.held().await?;
    let invoice = found(&visitor, &held, id).await?;
    let own = see_other(&format!("/portal/invoices/{id}"));
    if !invoice.is_open() {
        return Ok(own);
    }
    match visitor.billing().renewal_page(id).await {
        Ok(RenewalPage::At(page)) => Ok(see_other(&page)),
        Ok(RenewalPage::Not(RenewalStanding::OnItsWay)) => Err(Problem::unprocessable(
            "a payment of this invoice is on its way; please do not pay again",
        )),
        Ok(RenewalPage::Not(_)) => Ok(own),
        // No renewal that we collect: its provider's own page is for good.
        Err(RenewalPageError::NotFound) => match &invoice.pay_url {
            Some(page) => Ok(see_other(page)),
            None => Err(Problem::unprocessable(
                "the payment provider collects this invoice by itself",
            )),
        },
        Err(RenewalPageError::Provider) => Err(Problem::new(
            StatusCode::BAD_GATEWAY,
            "provider_error",
            "the payment provider did not answer; try again",
        )),
        Err(RenewalPageError::Engine(error)) => Err(error.into()),
    }
}
