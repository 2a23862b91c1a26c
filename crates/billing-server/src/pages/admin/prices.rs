//! Who holds which price: every price of the catalog, and those that are held besides.

use billing_domain::catalog::Catalog;
use billing_ports::store::Holding;
use maud::{Markup, html};
use poem::web::Data;
use poem::{Request, Response, handler};

use super::chart;
use super::frame::{Part, Sheet, address, answered};
use super::operator::{Operator, plan_name};
use crate::pages::{Pages, describe};
use crate::problem::Problem;

/// Shows who holds which price.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let now = operator.now()?;
    let reports = &operator.state().reports;
    let counted = reports.holdings(operator.store()?.as_ref(), now).await?;
    let held = &counted.what;
    let revision = operator.catalog().await?;
    let catalog = revision.as_ref().map(|revision| &revision.catalog);
    let sold = |key: &str| catalog.is_some_and(|catalog| catalog.is_sold_at(key, now));
    let sheet = Sheet {
        title: "Who holds which price",
        part: Part::Prices,
        body: html! {
            h1 { "Who holds which price" }
            p class="lead" { "Counted " (describe::minute(counted.at)) "." }
            section class="card" {
                @if held.is_empty() { p { "Nobody holds anything yet." } } @else {
                    (table(held, catalog, sold))
                }
            }
            p { a href="/admin/migrations" { "Move holders from one price to another" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}

fn table(held: &[Holding], catalog: Option<&Catalog>, sold: impl Fn(&str) -> bool) -> Markup {
    let largest = held.iter().map(|row| row.holders).max().unwrap_or(0);
    html! {
        table {
            caption class="unseen" { "Holders by plan and price" }
            thead {
                tr {
                    th scope="col" { "Plan" }
                    th scope="col" { "Price" }
                    th scope="col" { "Amount" }
                    th scope="col" { "Sold" }
                    th scope="col" class="money" { "Holders" }
                    th scope="col" { span class="unseen" { "Bar" } }
                }
            }
            tbody {
                @for row in held {
                    tr {
                        th scope="row" { bdi { (plan_name(catalog, row.plan.as_str())) } }
                        td data-name="Price" { (price(row)) }
                        td data-name="Amount" { (amount(row, catalog)) }
                        td data-name="Sold" {
                            @match &row.price {
                                Some(key) if sold(key.as_str()) => "yes",
                                Some(_) => "no longer",
                                None => "–",
                            }
                        }
                        td data-name="Holders" class="money" { (row.holders) }
                        td class="bars" { (chart::bar(row.holders, largest)) }
                    }
                }
            }
        }
    }
}

/// The price, which leads to who holds it. Without one it is granted, or the plan has none.
fn price(row: &Holding) -> Markup {
    html! {
        @match &row.price {
            Some(key) => {
                @let asks = [("plan", row.plan.as_str()), ("price", key.as_str())];
                a href=(address("/admin/subscriptions", &asks)) { (key) }
            }
            None => "granted, or free",
        }
    }
}

fn amount(row: &Holding, catalog: Option<&Catalog>) -> String {
    let key = row.price.as_ref();
    let price = catalog
        .zip(key)
        .and_then(|(catalog, key)| catalog.price(key.as_str()));
    price.map_or_else(
        || "–".to_owned(),
        |price| describe::price(price.amount, 1, price.interval),
    )
}
