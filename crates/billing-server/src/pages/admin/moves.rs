//! Which migration is asked for, and who would move by its plan, page by page.

use billing_domain::catalog::PriceKey;
use billing_domain::ids::SubscriptionId;
use billing_domain::migration::{MigrationAsk, Move};
use billing_domain::time::{Timestamp, to_micros};
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, address, after, answered, asked, next, pager};
use super::operator::Operator;
use crate::api::migrations::{ask, refused};
use crate::pages::{Pages, describe};
use crate::problem::Problem;

const LIST: &str = "/admin/migrations/moves";

/// Which plan, as browsers ask.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    /// A day, as in `2026-03-01`. Empty: each moves as soon as may be.
    not_before: Option<String>,
    digest: Option<String>,
    after: Option<String>,
}

impl Asked {
    /// As [`Wanted::read`].
    pub(super) fn wanted(&self) -> Result<Wanted, Problem> {
        let (from, to) = (self.from.as_deref(), self.to.as_deref());
        Wanted::read(from, to, self.not_before.as_deref())
    }
}

/// A plan that can be asked for, in words and as the engine takes it.
pub(super) struct Wanted {
    pub(super) ask: MigrationAsk,
    pub(super) not_before: String,
}

impl Wanted {
    /// Read from what was sent.
    ///
    /// # Errors
    ///
    /// 400 for what is no price or no day.
    pub(super) fn read(
        from: Option<&str>,
        to: Option<&str>,
        not_before: Option<&str>,
    ) -> Result<Self, Problem> {
        let price = |field: &'static str, text: Option<&str>| {
            let key = text.and_then(|text| text.parse::<PriceKey>().ok());
            key.ok_or_else(|| Problem::field(field, "must be the key of a price"))
        };
        let day = not_before.map(str::trim).filter(|day| !day.is_empty());
        let at: Option<Result<Timestamp, _>> = day.map(|day| format!("{day}T00:00:00Z").parse());
        let at = at.transpose();
        let at =
            at.map_err(|_no_day| Problem::field("not_before", "must be a day as in 2026-03-01"))?;
        Ok(Self {
            ask: ask(price("from", from)?, price("to", to)?, at.map(to_micros)),
            not_before: day.unwrap_or_default().to_owned(),
        })
    }

    /// The fields by which it is asked for again.
    pub(super) fn fields(&self) -> [(&'static str, &str); 3] {
        [
            ("from", self.ask.from.as_str()),
            ("to", self.ask.to.as_str()),
            ("not_before", &self.not_before),
        ]
    }
}

/// Lists who moves by a plan, page by page.
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
    let wanted = asks.wanted()?;
    let digest = asks.digest.as_deref().unwrap_or_default();
    let after = after(asks.after.as_deref(), SubscriptionId::uuid)?;
    let place = operator.state().migrations.place()?;
    let listing = operator
        .billing()
        .list_moves(&wanted.ask, digest, asked(after));
    let found = listing.await.map_err(refused)?;
    drop(place);
    let keep = [&wanted.fields()[..], &[("digest", digest)]].concat();
    let sheet = Sheet {
        title: "Who moves",
        part: Part::Migrations,
        body: html! {
            h1 { "Who moves" }
            p class="lead" { "From " (wanted.ask.from) " to " (wanted.ask.to) "." }
            section class="card" {
                @if found.rows.is_empty() { p { "Nobody." } } @else { (table(&found.rows)) }
            }
            (pager(LIST, &keep, after.is_none(), next(&found, |row| row.subscription).as_deref()))
            p { a href=(address("/admin/migrations/plan", &wanted.fields())) { "Back to the plan" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// The address of the first page of those who move.
pub(super) fn all(wanted: &Wanted, digest: &str) -> String {
    let asks = [&wanted.fields()[..], &[("digest", digest)]].concat();
    address(LIST, &asks)
}

/// Those who move, as a table.
pub(super) fn table(rows: &[Move]) -> Markup {
    html! {
        table {
            caption class="unseen" { "Who moves, by the ids of the subscriptions" }
            thead {
                tr {
                    th scope="col" { "Subscription" }
                    th scope="col" { "Customer" }
                    th scope="col" { "Moves" }
                    th scope="col" class="money" { "From" }
                    th scope="col" class="money" { "To" }
                    th scope="col" { "Notice" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { (row.subscription) }
                        td data-name="Customer" {
                            a href={ "/admin/customers/" (row.customer) } { (row.customer) }
                        }
                        td data-name="Moves" { @if let Some(at) = row.at { (describe::day(at)) } }
                        td data-name="From" class="money" { (describe::money(row.from_amount)) }
                        td data-name="To" class="money" {
                            @if let Some(to) = row.to_amount { (describe::money(to)) }
                        }
                        td data-name="Notice" {
                            @if row.notice_at.is_some() { "with the migration" } @else { "none" }
                        }
                    }
                }
            }
        }
    }
}
