//! Subscriptions over everybody: of one plan, at one price, or with one status.

use std::collections::BTreeMap;

use billing_domain::catalog::{Catalog, PlanKey, PriceKey};
use billing_domain::ids::SubscriptionId;
use billing_domain::subscription::{Collection, Status, Subscription};
use billing_domain::time::Timestamp;
use billing_ports::store::SubscriptionFilter;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::{Operator, plan_name};
use super::tried;
use crate::pages::{Pages, describe};
use crate::problem::Problem;
use crate::renewing;

const LIST: &str = "/admin/subscriptions";

const STATUSES: [Status; 8] = [
    Status::Active,
    Status::Trialing,
    Status::PastDue,
    Status::Paused,
    Status::Lapsed,
    Status::Canceled,
    Status::Expired,
    Status::Incomplete,
];

#[derive(Default, Deserialize)]
struct Asked {
    status: Option<String>,
    plan: Option<String>,
    price: Option<String>,
    after: Option<String>,
}

/// Lists subscriptions, newest first.
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
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (status, plan, price) = (filled(asks.status), filled(asks.plan), filled(asks.price));
    let mut statuses = STATUSES.into_iter();
    let status = status.and_then(|word| statuses.find(|of| of.as_str() == word));
    let plan: Option<PlanKey> = key(plan.as_deref())?;
    let price: Option<PriceKey> = key(price.as_deref())?;
    let after = after(asks.after.as_deref(), SubscriptionId::uuid)?;
    let filter = SubscriptionFilter {
        customer: None,
        status,
        plan: plan.clone(),
        price: price.clone(),
    };
    let store = operator.store()?;
    let found = store.list_subscriptions(filter, asked(after)).await?;
    let revision = operator.catalog().await?;
    let catalog = revision.as_ref().map(|revision| &revision.catalog);
    let now = operator.now()?;
    let owed = renewing::of_subscriptions(store.as_ref(), &found.rows, now).await?;
    let mut keep = Vec::new();
    keep.extend(status.map(|of| ("status", of.as_str())));
    keep.extend(plan.as_ref().map(|of| ("plan", of.as_str())));
    keep.extend(price.as_ref().map(|of| ("price", of.as_str())));
    let sheet = Sheet {
        title: "Subscriptions",
        part: Part::Prices,
        body: html! {
            h1 { "Subscriptions" }
            p class="lead" {
                "Newest first"
                @if let Some(plan) = &plan { ", of " strong { bdi { (plan_name(catalog, plan.as_str())) } } }
                @if let Some(price) = &price { ", at " strong { (price) } }
                @if let Some(status) = status { ", with the status " strong { (describe::status(status).0) } }
                "."
            }
            form class="asks" method="get" action=(LIST) {
                @if let Some(plan) = &plan { input type="hidden" name="plan" value=(plan); }
                @if let Some(price) = &price { input type="hidden" name="price" value=(price); }
                label for="status" { "Status" }
                select id="status" name="status" {
                    option value="" { "Any" }
                    @for of in STATUSES {
                        option value=(of.as_str()) selected[status == Some(of)] { (describe::status(of).0) }
                    }
                }
                button type="submit" { "Show" }
            }
            section class="card" {
                @if found.rows.is_empty() { p { "There are none." } } @else {
                    (table(&found.rows, catalog, &owed, now))
                }
            }
            (pager(LIST, &keep, after.is_none(), next(&found, |row| row.id).as_deref()))
            p { a href="/admin/prices" { "Who holds which price" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// A key that a list is asked for.
fn key<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let read = text.map(str::parse);
    read.transpose().map_err(|_no_key| Problem::not_found())
}

/// Subscriptions as a table, each leading to its customer; where any has a cycle that is
/// `owed`, with how far the collection of each has come.
pub(super) fn table(
    rows: &[Subscription],
    catalog: Option<&Catalog>,
    owed: &BTreeMap<SubscriptionId, Collection>,
    now: Timestamp,
) -> Markup {
    let tells = !owed.is_empty();
    html! {
        table {
            caption class="unseen" { "Subscriptions" }
            thead {
                tr {
                    th scope="col" { "Plan" }
                    th scope="col" { "Status" }
                    th scope="col" { "Price" }
                    th scope="col" { "Customer" }
                    th scope="col" { "Since" }
                    th scope="col" { "Paid until" }
                    @if tells { th scope="col" { "Due" } }
                    th scope="col" { "Grace ends" }
                    @if tells { th scope="col" { "Tried" } }
                }
            }
            tbody {
                @for row in rows {
                    @let terms = row.terms_at(now);
                    @let (word, class) = describe::status(row.status());
                    tr {
                        th scope="row" { bdi { (plan_name(catalog, terms.plan.as_str())) } }
                        td data-name="Status" { span class={ "badge " (class) } { (word) } }
                        td data-name="Price" {
                            span {
                                (describe::price(terms.unit, terms.quantity, terms.billing))
                                @if let Some(price) = &terms.price { ", " code { (price) } }
                            }
                        }
                        td data-name="Customer" {
                            a href={ "/admin/customers/" (row.customer) } { (row.customer) }
                        }
                        td data-name="Since" { (describe::day(row.created_at)) }
                        td data-name="Paid until" { (day(row.times.paid_through)) }
                        @if tells { td data-name="Due" { (day(row.times.due_at)) } }
                        td data-name="Grace ends" { (day(row.times.grace_ends_at)) }
                        @if tells {
                            td data-name="Tried" {
                                @match owed.get(&row.id) {
                                    Some(of) => { (tried::words(of, row.provider.as_ref())) }
                                    None => "–",
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A day, where there is one.
pub(super) fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), describe::day)
}
