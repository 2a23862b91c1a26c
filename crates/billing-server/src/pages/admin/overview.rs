//! The first page: what recurs, and what waits for somebody.

use billing_domain::report::Split;
use billing_domain::subscription::Status;
use billing_ports::store::{
    DeliveryFilter, DeliveryState, Endpoint, InvoiceFilter, SubscriptionFilter,
};
use maud::{Markup, html};
use poem::web::Data;
use poem::{Request, Response, handler};

use super::frame::{COUNT, Count, Part, Sheet, answered};
use super::operator::Operator;
use super::parts::Parts;
use super::revenue::{Revenue, amounts, unfit};
use crate::pages::{Pages, describe};
use crate::problem::Problem;

/// Shows what recurs, and what waits.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let state = operator.state();
    let figures = state
        .reports
        .figures(&state.billing, operator.now()?)
        .await?;
    let revenue = Revenue::of(&figures).map_err(unfit)?;
    let by_plan = Parts::at_a_glance(&figures, Split::Plan).map_err(unfit)?;
    let by_price = Parts::at_a_glance(&figures, Split::Price).map_err(unfit)?;
    let waiting = Waiting::at(&operator).await?;
    let revision = operator.catalog().await?;
    let catalog = revision.as_ref().map(|revision| &revision.catalog);
    let sheet = Sheet {
        title: "Overview",
        part: Part::Overview,
        body: html! {
            h1 { "Overview" }
            section class="card" aria-labelledby="now" {
                h2 id="now" { "Now" }
                dl {
                    dt { "Recurs in a month" }
                    dd { strong { (amounts(&revenue.totals)) } }
                    dt { "Subscriptions that pay" }
                    dd { (revenue.subscriptions) }
                    dt { "Counted" }
                    dd { (describe::minute(figures.now())) }
                }
            }
            (waiting.card())
            (revenue.recurring(catalog))
            (revenue.churn())
            (by_plan.glance(catalog))
            (by_price.glance(catalog))
            (revenue.cohorts())
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// What waits for somebody, or soon may.
struct Waiting {
    due: Count,
    past_due: Count,
    parked: Count,
    dead: Count,
    receivers: Vec<Endpoint>,
    /// Whose key is refused, as in `stripe/main` and `github/acme`.
    refused: Vec<String>,
}

impl Waiting {
    async fn at(operator: &Operator<'_>) -> Result<Self, Problem> {
        let store = operator.store()?;
        let due = InvoiceFilter {
            open: Some(true),
            renewal: Some(true),
            ..InvoiceFilter::default()
        };
        let owing = SubscriptionFilter {
            status: Some(Status::PastDue),
            ..SubscriptionFilter::default()
        };
        let dead = DeliveryFilter {
            state: Some(DeliveryState::Dead),
            ..DeliveryFilter::default()
        };
        let receivers = store.list_endpoints().await?;
        Ok(Self {
            due: Count::of(&store.list_invoices(due, COUNT).await?),
            past_due: Count::of(&store.list_subscriptions(owing, COUNT).await?),
            parked: Count::of(&store.list_parked(None, COUNT).await?),
            dead: Count::of(&store.list_deliveries(dead, COUNT).await?),
            receivers: receivers
                .into_iter()
                .filter(Endpoint::takes_nothing)
                .collect(),
            refused: refused(operator),
        })
    }

    fn card(&self) -> Markup {
        html! {
            section class="card" aria-labelledby="waits" {
                h2 id="waits" { "What waits" }
                dl {
                    (row("Renewals to be paid", self.due, "/admin/invoices?open=renewals", "trial"))
                    (row("Renewals that failed: past due", self.past_due, "/admin/subscriptions?status=past_due", "due"))
                    (row("Parked for a person", self.parked, "/admin/parked", "due"))
                    (row("Deliveries that were given up", self.dead, "/admin/deliveries?status=dead", "over"))
                    dt { "Receivers that take nothing" }
                    dd {
                        @if self.receivers.is_empty() { (well()) }
                        @for receiver in &self.receivers {
                            span class="badge over" { (host(&receiver.url)) } " "
                        }
                    }
                    dt { "Who refuses our key" }
                    dd {
                        @if self.refused.is_empty() { (well()) }
                        @for account in &self.refused {
                            span class="badge over" { (account) } " "
                        }
                    }
                }
            }
        }
    }
}

fn row(what: &str, count: Count, to: &str, class: &str) -> Markup {
    html! {
        dt { (what) }
        dd {
            @if count.is_none() { (well()) } @else {
                a href=(to) { span class={ "badge " (class) } { (count) } }
            }
        }
    }
}

fn well() -> Markup {
    html! { span class="badge good" { "None" } }
}

/// Who refuses our key, as they last said: providers, and GitHub.
fn refused(operator: &Operator<'_>) -> Vec<String> {
    let keys = operator.billing().refused_keys();
    let refused = keys.filter(|(_, refused)| *refused);
    let providers = refused.map(|(account, _)| account.to_string());
    let invitations = operator.state().invitations.as_ref();
    let github = invitations.filter(|github| github.refuses_key());
    providers
        .chain(github.map(|github| github.account()))
        .collect()
}

/// Where a receiver is, without what may be secret in its address.
pub(super) fn host(address: &str) -> String {
    let parsed = url::Url::parse(address).ok();
    let host = parsed.as_ref().and_then(url::Url::host_str);
    host.unwrap_or("unknown").to_owned()
}
