//! Finding a customer: by its id or the id of something of its, by the host's own reference, or
//! by e-mail.

use billing_domain::claim::{mailbox_of, unconfirmed_at};
use billing_domain::customer::Customer;
use billing_domain::ids::{ChangeId, CheckoutId, CustomerId, InvoiceId, LicenseId, SubscriptionId};
use billing_ports::Store;
use billing_ports::store::Locator;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::Operator;
use crate::api::MAX_TEXT;
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

pub(super) const LIST: &str = "/admin/customers";

#[derive(Default, Deserialize)]
struct Asked {
    /// What is looked for. Empty: all are listed.
    q: Option<String>,
    after: Option<String>,
}

/// Lists customers, newest first, or those that are looked for.
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
    let store = operator.store()?;
    let wanted = asks.q.as_deref().map(str::trim).unwrap_or_default();
    let (rows, is_first, next) = if wanted.is_empty() {
        let after = after(asks.after.as_deref(), CustomerId::uuid)?;
        let found = store.list_customers(asked(after)).await?;
        let next = next(&found, |row| row.id);
        (found.rows, after.is_none(), next)
    } else {
        if let Some(id) = named(store.as_ref(), wanted).await? {
            return Ok(see_other(&format!("{LIST}/{id}")));
        }
        (of_mailbox(store.as_ref(), wanted).await?, true, None)
    };
    let sheet = Sheet {
        title: "Customers",
        part: Part::Customers,
        body: html! {
            h1 { "Customers" }
            form class="asks" method="get" action=(LIST) role="search" {
                label for="q" { "Id, reference or e-mail" }
                input id="q" type="search" name="q" value=(wanted) maxlength=(MAX_TEXT);
                button type="submit" { "Find" }
            }
            section class="card" {
                @if rows.is_empty() && !wanted.is_empty() {
                    p role="status" { "Nobody was found. An address is found where its owner is known to be the customer." }
                } @else if rows.is_empty() {
                    p { "There are none yet." }
                } @else {
                    (table(&rows))
                }
            }
            (pager(LIST, &[], is_first, next.as_deref()))
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// The one customer that `text` names. `None`: it names none.
async fn named(store: &dyn Store, text: &str) -> Result<Option<CustomerId>, Problem> {
    let id = text.parse().map(Locator::Customer);
    let id = id.or_else(|_| text.parse::<SubscriptionId>().map(Locator::Subscription));
    let id = id.or_else(|_| text.parse::<InvoiceId>().map(Locator::Invoice));
    let id = id.or_else(|_| text.parse::<LicenseId>().map(Locator::License));
    let id = id.or_else(|_| text.parse::<ChangeId>().map(Locator::Change));
    let id = id.or_else(|_| text.parse::<CheckoutId>().map(Locator::Checkout));
    if let Ok(locator) = id {
        return Ok(store.find(&locator).await?);
    }
    if text.len() > MAX_TEXT || text.contains(char::is_control) {
        return Ok(None);
    }
    Ok(store.find(&Locator::ExternalRef(text.to_owned())).await?)
}

/// The customers of a mailbox, and the guests who wait to be claimed by its owner.
async fn of_mailbox(store: &dyn Store, text: &str) -> Result<Vec<Customer>, Problem> {
    if !text.contains('@') || text.len() > MAX_TEXT || text.contains(char::is_control) {
        return Ok(Vec::new());
    }
    let mut found = store.of_mailbox(&mailbox_of(text)).await?;
    found.extend(store.of_mailbox(&unconfirmed_at(text)).await?);
    Ok(found)
}

fn table(rows: &[Customer]) -> Markup {
    html! {
        table {
            caption class="unseen" { "Customers" }
            thead {
                tr {
                    th scope="col" { "Customer" }
                    th scope="col" { "Reference" }
                    th scope="col" { "E-mail" }
                    th scope="col" { "Joined" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { a href={ (LIST) "/" (row.id) } { (row.id) } }
                        td data-name="Reference" {
                            @match &row.external_ref {
                                Some(name) => { bdi { (name) } }
                                None => "guest",
                            }
                        }
                        td data-name="E-mail" {
                            @match &row.email {
                                Some(email) => { bdi { (email) } }
                                None => "none",
                            }
                        }
                        td data-name="Joined" { (describe::day(row.joined_at)) }
                    }
                }
            }
        }
    }
}
