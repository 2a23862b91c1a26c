//! Price migrations: those that were begun, and the form that plans another.

use billing_domain::catalog::Catalog;
use billing_domain::ids::MigrationId;
use billing_domain::time::Timestamp;
use billing_ports::store::MigrationRow;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::chart;
use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::{Operator, plan_name};
use crate::pages::{Pages, describe};
use crate::problem::Problem;

pub(super) const LIST: &str = "/admin/migrations";

#[derive(Default, Deserialize)]
struct Asked {
    after: Option<String>,
}

/// Lists migrations, newest first.
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
    let after = after(asks.after.as_deref(), MigrationId::uuid)?;
    let found = operator.billing().list_migrations(asked(after)).await?;
    let revision = operator.catalog().await?;
    let now = operator.now()?;
    let sheet = Sheet {
        title: "Price migrations",
        part: Part::Migrations,
        body: html! {
            h1 { "Price migrations" }
            p class="lead" { "Move those who hold one price to another, each as soon as promises and notices allow." }
            @if let Some(revision) = &revision { (planner(&revision.catalog, now)) }
            section class="card" aria-labelledby="begun" {
                h2 id="begun" { "Begun before" }
                @if found.rows.is_empty() { p { "There are none." } } @else { (table(&found.rows)) }
            }
            (pager(LIST, &[], after.is_none(), next(&found, |row| row.id).as_deref()))
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// Asks what is to be planned. Planning writes nothing.
fn planner(catalog: &Catalog, now: Timestamp) -> Markup {
    let recurring = || {
        let prices = catalog.prices();
        prices.filter(|price| price.interval.interval().is_some())
    };
    html! {
        section class="card" aria-labelledby="planner" {
            h2 id="planner" { "Plan one" }
            p { "Shows who would move, and what it is worth. Nothing is written yet." }
            form class="stacked" method="get" action={ (LIST) "/plan" } {
                label for="from" { "The price that is left" }
                select id="from" name="from" required {
                    @for price in recurring() {
                        option value=(price.key) {
                            (plan_name(Some(catalog), price.plan.as_str())) ", "
                            (describe::price(price.amount, 1, price.interval)) ": " (price.key)
                        }
                    }
                }
                label for="to" { "The price that follows" }
                select id="to" name="to" required {
                    @for price in recurring().filter(|price| catalog.is_sold_at(price.key.as_str(), now)) {
                        option value=(price.key) {
                            (plan_name(Some(catalog), price.plan.as_str())) ", "
                            (describe::price(price.amount, 1, price.interval)) ": " (price.key)
                        }
                    }
                }
                label for="not_before" { "Nobody moves before this day (may be left empty)" }
                input id="not_before" type="date" name="not_before";
                button type="submit" { "Plan it" }
            }
        }
    }
}

fn table(rows: &[MigrationRow]) -> Markup {
    html! {
        table {
            caption class="unseen" { "Price migrations, newest first" }
            thead {
                tr {
                    th scope="col" { "Begun" }
                    th scope="col" { "From" }
                    th scope="col" { "To" }
                    th scope="col" class="money" { "Done" }
                    th scope="col" { span class="unseen" { "Bar" } }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { a href={ (LIST) "/" (row.id) } { (describe::minute(row.begun_at)) } }
                        td data-name="From" { (row.from) }
                        td data-name="To" { (row.to) }
                        td data-name="Done" class="money" { (row.done) " of " (row.planned) }
                        td class="bars" { (chart::bar(row.done, row.planned)) }
                    }
                }
            }
        }
    }
}
