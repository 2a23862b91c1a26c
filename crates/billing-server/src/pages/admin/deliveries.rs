//! Events on their way to receivers: a list, and each with what is sent, and a way to have it
//! sent again that was given up.

use billing_domain::ids::DeliveryId;
use billing_notify::Way;
use billing_ports::store::{DeliveryFilter, DeliveryState, Endpoint, EventDelivery, LastTry};
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::{Operator, reasoned};
use super::overview::host;
use crate::api::retry_delivery;
use crate::pages::form::named;
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

const LIST: &str = "/admin/deliveries";

const STATES: [DeliveryState; 3] = [
    DeliveryState::Dead,
    DeliveryState::Pending,
    DeliveryState::Delivered,
];

#[derive(Default, Deserialize)]
struct Asked {
    /// As `DeliveryState` says it. Empty: any.
    status: Option<String>,
    after: Option<String>,
}

/// Lists deliveries, newest first.
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
    let state = asks.status.as_deref().and_then(DeliveryState::from_word);
    let after = after(asks.after.as_deref(), DeliveryId::uuid)?;
    let filter = DeliveryFilter {
        state,
        ..DeliveryFilter::default()
    };
    let store = operator.store()?;
    let found = store.list_deliveries(filter, asked(after)).await?;
    let receivers = store.list_endpoints().await?;
    let keep: Vec<_> = state
        .map(|of| ("status", of.as_str()))
        .into_iter()
        .collect();
    let sheet = Sheet {
        title: "Deliveries",
        part: Part::Deliveries,
        body: html! {
            h1 { "Deliveries" }
            p class="lead" { "Events on their way to your applications, and letters and invitations to customers, newest first." }
            (filtered(state))
            section class="card" {
                @if found.rows.is_empty() { p { "There are none." } } @else {
                    (table(&found.rows, &receivers))
                }
            }
            (pager(LIST, &keep, after.is_none(), next(&found, |row| row.id).as_deref()))
        },
    };
    Ok(sheet.answer(&operator).await)
}

fn filtered(at: Option<DeliveryState>) -> Markup {
    html! {
        form class="asks" method="get" action=(LIST) {
            label for="status" { "Status" }
            select id="status" name="status" {
                option value="" { "Any" }
                @for state in STATES {
                    option value=(state.as_str()) selected[at == Some(state)] { (word(state).0) }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

const fn word(state: DeliveryState) -> (&'static str, &'static str) {
    match state {
        DeliveryState::Pending => ("To be sent", "trial"),
        DeliveryState::Delivered => ("Taken", "good"),
        DeliveryState::Dead => ("Given up", "over"),
    }
}

fn badge(state: DeliveryState) -> Markup {
    let (word, class) = word(state);
    html! { span class={ "badge " (class) } { (word) } }
}

fn table(rows: &[EventDelivery], receivers: &[Endpoint]) -> Markup {
    html! {
        table {
            caption class="unseen" { "Deliveries, newest first" }
            thead {
                tr {
                    th scope="col" { "When" }
                    th scope="col" { "What happened" }
                    th scope="col" { "To" }
                    th scope="col" { "Status" }
                    th scope="col" class="money" { "Tries" }
                    th scope="col" { "Last answer" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { a href={ (LIST) "/" (row.id) } { (describe::minute(row.created_at)) } }
                        td data-name="What happened" { (row.event.as_str()) }
                        td data-name="To" { (to(row, receivers)) }
                        td data-name="Status" { (badge(row.state)) }
                        td data-name="Tries" class="money" { (row.attempts) }
                        td data-name="Last answer" { (last(row)) }
                    }
                }
            }
        }
    }
}

fn to(row: &EventDelivery, receivers: &[Endpoint]) -> String {
    if let Some(way) = Way::of(row.endpoint) {
        return way.as_str().to_owned();
    }
    let receiver = receivers.iter().find(|held| held.id == row.endpoint);
    receiver.map_or_else(|| "a deleted receiver".to_owned(), |held| host(&held.url))
}

fn last(row: &EventDelivery) -> Markup {
    html! {
        @match &row.last {
            None => "not tried yet",
            // What takes letters and invitations answers nothing else.
            Some(LastTry { status: None, problem: None, .. }) => "taken",
            Some(last) => {
                @if let Some(status) = last.status { (status) }
                @if let Some(problem) = &last.problem { bdi { (problem) } }
            }
        }
    }
}

/// Shows one delivery, with what is sent.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let id: DeliveryId = named(request)?;
    let store = operator.store()?;
    let found = store.get_delivery(id).await?;
    let held = found.ok_or_else(Problem::not_found)?;
    let receivers = store.list_endpoints().await?;
    let sheet = Sheet {
        title: "Delivery",
        part: Part::Deliveries,
        body: html! {
            h1 { (held.event.as_str()) }
            section class="card" aria-labelledby="stands" {
                div class="head" {
                    h2 id="stands" { "How it stands" }
                    (badge(held.state))
                }
                p { (describe::sentence(held.event.meaning())) }
                dl {
                    dt { "To" }
                    dd { (to(&held, &receivers)) }
                    dt { "Customer" }
                    dd { a href={ "/admin/customers/" (held.customer) } { (held.customer) } }
                    dt { "Since" }
                    dd { (describe::minute(held.created_at)) }
                    dt { "Tries" }
                    dd { (held.attempts) }
                    dt { "Last answer" }
                    dd {
                        (last(&held))
                        @if let Some(last) = &held.last { ", " (describe::minute(last.at)) }
                    }
                    @if held.state == DeliveryState::Pending {
                        dt { "Tried next" }
                        dd { (describe::minute(held.next_at)) }
                    }
                    dt { "Id, as receivers see it" }
                    dd { code { (held.id) } }
                }
            }
            @if operator.may_act() && held.state == DeliveryState::Dead {
                section class="card" aria-labelledby="again" {
                    h2 id="again" { "Send it again" }
                    p { "Once its receiver takes events: its tries are counted from none." }
                    form class="stacked" method="post" action={ (LIST) "/" (held.id) "/retry" } {
                        (reasoned(&operator, "why-retry"))
                        button type="submit" { "Send it again" }
                    }
                }
            }
            section class="card" aria-labelledby="sent" {
                h2 id="sent" { "What is sent" }
                pre { code { bdi { (held.body) } } }
            }
            p { a href=(LIST) { "Back to deliveries" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// Has a delivery sent again.
#[handler]
pub(super) async fn retry(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, retried(pages, request, body).await).await
}

async fn retried(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let acting = operator.acts(request, body).await?;
    let id: DeliveryId = named(request)?;
    retry_delivery(&acting.state, id, &acting.actor).await?;
    Ok(see_other(&format!("{LIST}/{id}")))
}
