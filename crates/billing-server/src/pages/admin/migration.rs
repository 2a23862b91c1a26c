//! A price migration that is executed: begun by its plan's digest, and watched.

use billing_domain::ids::MigrationId;
use maud::html;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::chart;
use super::frame::{Part, Sheet, answered};
use super::migrations::LIST;
use super::moves::Wanted;
use super::operator::Operator;
use crate::api::migrations::refused;
use crate::pages::form::named;
use crate::pages::{Pages, describe, see_other};
use crate::problem::Problem;

/// Executes the plan with the digest that was shown.
#[handler]
pub(super) async fn begin(Data(pages): Data<&Pages>, request: &Request, body: Body) -> Response {
    answered(pages, begun(pages, request, body).await).await
}

async fn begun(pages: &Pages, request: &Request, body: Body) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let acting = operator.acts(request, body).await?;
    let form = &acting.form;
    let wanted = Wanted::read(
        form.field("from"),
        form.field("to"),
        form.field("not_before"),
    )?;
    let digest = form.field("digest").unwrap_or_default().to_owned();
    let state = &acting.state;
    let by = Some(acting.actor.clone());
    let executed = state
        .migrations
        .execute(&state.billing, wanted.ask, digest, by);
    let row = Box::pin(executed).await.map_err(refused)?;
    Ok(see_other(&format!("{LIST}/{}", row.id)))
}

/// Shows how far a migration has come.
#[handler]
pub(super) async fn show(Data(pages): Data<&Pages>, request: &Request) -> Response {
    answered(pages, shown(pages, request).await).await
}

async fn shown(pages: &Pages, request: &Request) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let id: MigrationId = named(request)?;
    let row = operator.billing().get_migration(id).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    let at_work = operator.state().migrations.has(&row);
    let sheet = Sheet {
        title: "A price migration",
        part: Part::Migrations,
        body: html! {
            h1 { "From " (row.from) " to " (row.to) }
            section class="card" aria-labelledby="far" {
                div class="head" {
                    h2 id="far" { "How far it has come" }
                    @match row.finished_at {
                        Some(_) => { span class="badge good" { "Finished" } }
                        None if at_work => { span class="badge trial" { "Under way" } }
                        None => { span class="badge due" { "Not finished" } }
                    }
                }
                (chart::bar(row.done, row.planned))
                dl {
                    dt { "Looked at" }
                    dd { (row.done) " of " (row.planned) }
                    dt { "Begun" }
                    dd { (describe::minute(row.begun_at)) }
                    @if let Some(at) = row.finished_at {
                        dt { "Finished" }
                        dd { (describe::minute(at)) }
                    }
                    @if let Some(actor) = &row.actor {
                        dt { "By" }
                        dd { bdi { (actor) } }
                    }
                }
                @if row.finished_at.is_none() { p { a href="" { "Look again" } } }
            }
            p { a href=(LIST) { "All price migrations" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}
