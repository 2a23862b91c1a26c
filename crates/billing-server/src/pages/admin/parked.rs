//! What could not be decided: a list, and for each thing what a person can do about it.

use billing_domain::ids::ParkedId;
use billing_domain::parked::{ParkReason, Parked};
use billing_ports::store::Resolution;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;

use super::frame::{Part, Sheet, after, answered, asked, next, pager};
use super::operator::{Acting, Operator, reasoned};
use crate::api::{MAX_TEXT, PARK_REASONS, named as customer_named};
use crate::pages::form::named;
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

const LIST: &str = "/admin/parked";

#[derive(Default, Deserialize)]
struct Asked {
    /// For this reason only. Empty: for any.
    reason: Option<String>,
    after: Option<String>,
    /// What was decided a moment ago.
    done: Option<String>,
}

/// Lists what waits, newest first.
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
    let word = asks.reason.as_deref().filter(|word| !word.is_empty());
    let reason = PARK_REASONS
        .into_iter()
        .find(|of| Some(of.as_str()) == word);
    let after = after(asks.after.as_deref(), ParkedId::uuid)?;
    let found = operator.store()?.list_parked(reason, asked(after)).await?;
    let keep: Vec<_> = reason
        .map(|of| ("reason", of.as_str()))
        .into_iter()
        .collect();
    let sheet = Sheet {
        title: "Parked",
        part: Part::Parked,
        body: html! {
            h1 { "Parked" }
            p class="lead" { "What could not be decided, newest first." }
            @if let Some(words) = asks.done.as_deref().and_then(done) {
                p class="coming" role="status" { (words) }
            }
            (filter(reason))
            section class="card" {
                @if found.rows.is_empty() { p { "Nothing waits." } } @else { (table(&found.rows)) }
            }
            (pager(LIST, &keep, after.is_none(), next(&found, |row| row.id).as_deref()))
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// What is said of a decision.
fn done(what: &str) -> Option<&'static str> {
    match what {
        "replay" => Some("It is being tried again. What cannot be decided is parked anew."),
        "link" => Some("It was given to that customer, and is being tried again."),
        "discard" => Some("It was let go: nothing is to be done."),
        _ => None,
    }
}

fn filter(at: Option<ParkReason>) -> Markup {
    html! {
        form class="asks" method="get" action=(LIST) {
            label for="why" { "Why" }
            select id="why" name="reason" {
                option value="" { "For any reason" }
                @for reason in PARK_REASONS {
                    option value=(reason.as_str()) selected[at == Some(reason)] { (why(reason)) }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

fn table(rows: &[Parked]) -> Markup {
    html! {
        table {
            caption class="unseen" { "What waits for a person" }
            thead {
                tr {
                    th scope="col" { "Since" }
                    th scope="col" { "Why" }
                    th scope="col" { "What is known" }
                    th scope="col" { "Customer" }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" { a href={ (LIST) "/" (row.id) } { (describe::minute(row.at)) } }
                        td data-name="Why" { (why(row.reason)) }
                        td class="long" { bdi { (row.evidence) } }
                        td data-name="Customer" { (whose(row)) }
                    }
                }
            }
        }
    }
}

fn whose(row: &Parked) -> Markup {
    html! {
        @match row.customer {
            Some(id) => { a href={ "/admin/customers/" (id) } { (id) } }
            None => "nobody known",
        }
    }
}

/// Why something waits, in words.
const fn why(reason: ParkReason) -> &'static str {
    match reason {
        ParkReason::Unlinked => "It matches nothing known",
        ParkReason::SharedCustomer => "Several customers share it",
        ParkReason::UnknownPrice => "Its price is in no plan",
        ParkReason::AmountMismatch => "Another amount was paid",
        ParkReason::LatePayment => "The payment came too late",
        ParkReason::CurrencyMismatch => "Another currency was paid",
        ParkReason::Duplicate => "It is held already",
        ParkReason::ProviderRefused => "The provider refused",
        ParkReason::AttemptsExhausted => "Every attempt failed",
        ParkReason::Conflict => "It contradicts what is known",
        ParkReason::Unreadable => "It could not be read",
    }
}

/// What solves it, in words: what is to be done elsewhere, and which of the decisions follows.
const fn solved_by(reason: ParkReason) -> &'static str {
    match reason {
        ParkReason::Unlinked => {
            "Say whose it is. If it is nobody's here, such as another shop's in the same account, let it go."
        }
        ParkReason::SharedCustomer => {
            "Look at the provider who of them bought it, and say whose it is."
        }
        ParkReason::UnknownPrice => {
            "Put the provider's price into the plan file, apply it, and try it again. Until then the plan stays as it was."
        }
        ParkReason::AmountMismatch => {
            "The evidence says how much. Too little gave nothing: refund it, or grant what was meant. Of what is above what was owed, which was honored, only the rest goes back. Then let it go."
        }
        ParkReason::LatePayment => {
            "It paid for nothing any more, and lies on the customer's balance where that could be told. Refund it, or leave it there, and let it go."
        }
        ParkReason::CurrencyMismatch => {
            "The evidence says what was paid, and what for. See in the customer's story whether it was honored: where it was not, refund it or grant what was meant. Then let it go."
        }
        ParkReason::Duplicate => {
            "Somebody has the same thing twice. End one of the two where it is charged again, refund what was paid for it, and let it go."
        }
        ParkReason::ProviderRefused => {
            "The provider says why. Mend that, in its settings or here, and try it again where it waits; else let it go."
        }
        ParkReason::AttemptsExhausted => {
            "It was tried for as long as it made sense. See that the provider answers, and try it again."
        }
        ParkReason::Conflict => {
            "Read what both sides say, here and at the provider. Mend the one that is wrong, and try it again, or let it go."
        }
        ParkReason::Unreadable => {
            "It was signed by the provider and is of a form that is not known here. Update this server, and try it again."
        }
    }
}

/// Shows one thing, with what can be decided about it.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let id: ParkedId = named(request)?;
    let found = operator.store()?.get_parked(id).await?;
    let parked = found.ok_or_else(Problem::not_found)?;
    let sheet = Sheet {
        title: "Parked",
        part: Part::Parked,
        body: html! {
            h1 { (why(parked.reason)) }
            section class="card" aria-labelledby="known" {
                h2 id="known" { "What is known" }
                p { bdi { (parked.evidence) } }
                dl {
                    dt { "Since" }
                    dd { (describe::minute(parked.at)) }
                    dt { "Customer" }
                    dd { (whose(&parked)) }
                    dt { "Waits" }
                    dd {
                        @match (parked.inbox, parked.effect) {
                            (Some(row), _) => { "an event, " (row) }
                            (None, Some(effect)) => { "a call to the provider, " (effect) }
                            (None, None) => "nothing: it only tells",
                        }
                    }
                    dt { "Reason" }
                    dd { code { (parked.reason.as_str()) } }
                    @if let Some(id) = parked.customer {
                        dt { "Invoices" }
                        dd { a href={ "/admin/invoices?customer=" (id) } { "Those of this customer" } }
                    }
                }
            }
            section class="card" aria-labelledby="solved" {
                h2 id="solved" { "What solves it" }
                p { (solved_by(parked.reason)) }
            }
            @if operator.may_act() { (decisions(&operator, &parked)) }
            p { a href=(LIST) { "Back to what is parked" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}

fn decisions(operator: &Operator<'_>, parked: &Parked) -> Markup {
    let at = format!("{LIST}/{}", parked.id);
    html! {
        @if parked.inbox.is_some() || parked.effect.is_some() {
            section class="card" aria-labelledby="again" {
                h2 id="again" { "Try it again" }
                p { "Once what stood against it was mended: its attempts are counted from none." }
                form class="stacked" method="post" action={ (at) "/replay" } {
                    (reasoned(operator, "why-replay"))
                    button type="submit" { "Try it again" }
                }
            }
        }
        @if parked.inbox.is_some() {
            section class="card" aria-labelledby="link" {
                h2 id="link" { "Say whose it is" }
                p { "It is given to that customer, and tried again." }
                form class="stacked" method="post" action={ (at) "/link" } {
                    label for="whose" { "Customer, by id or by your own reference" }
                    input id="whose" type="text" name="customer" required maxlength=(MAX_TEXT) autocomplete="off";
                    (reasoned(operator, "why-link"))
                    button type="submit" { "Give it to this customer" }
                }
            }
        }
        section class="card" aria-labelledby="discard" {
            h2 id="discard" { "Let it go" }
            p { "Nothing is to be done, or it was done elsewhere. This cannot be taken back." }
            form class="stacked" method="post" action={ (at) "/discard" } {
                (reasoned(operator, "why-discard"))
                button type="submit" class="quiet" { "Let it go" }
            }
        }
    }
}

/// Tries it again.
#[handler]
pub(super) async fn replay(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, decided(pages, request, body, "replay").await).await
}

/// Says whose it is.
#[handler]
pub(super) async fn link(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, decided(pages, request, body, "link").await).await
}

/// Lets it go.
#[handler]
pub(super) async fn discard(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, decided(pages, request, body, "discard").await).await
}

async fn decided(
    pages: &Pages,
    request: &Request,
    body: Body,
    what: &'static str,
) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let acting = operator.acts(request, body).await?;
    let id: ParkedId = named(request)?;
    let resolution = match what {
        "replay" => Resolution::Replay,
        "link" => linked(&acting).await?,
        _ => Resolution::Discard,
    };
    if !acting.state.billing.resolve_parked(id, resolution).await? {
        return Err(Problem::not_found());
    }
    tracing::info!(parked = %id, by = %acting.actor, what, "parked item resolved by an operator");
    Ok(see_other(&format!("{LIST}?done={what}")))
}

async fn linked(acting: &Acting) -> Result<Resolution, Problem> {
    let whose = acting.form.field("customer").unwrap_or_default();
    let customer = customer_named(&acting.state, whose).await?;
    Ok(Resolution::Link(customer))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_is_solved_in_a_way_of_its_own() {
        let words: BTreeSet<&str> = PARK_REASONS.into_iter().map(solved_by).collect();
        assert_eq!(words.len(), PARK_REASONS.len());
    }
}
