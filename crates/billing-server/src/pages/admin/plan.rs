//! A price migration as it would be: who moves when, who is kept and why, which notices go out,
//! and what it is worth month by month. Planning writes nothing.

use billing_domain::migration::{KeptReason, MigrationPlan, Move};
use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use billing_engine::MigrationError;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};

use super::chart::{self, Series};
use super::frame::{Part, Sheet, answered};
use super::migrations::LIST;
use super::moves::{self, Asked, Wanted};
use super::operator::{Operator, reasoned};
use crate::api::migrations::refused;
use crate::pages::{Pages, describe};
use crate::problem::Problem;

/// Moves that the plan itself shows; a list of their own has the rest.
const FIRST_MOVES: usize = 20;

/// Days of notices that are shown: all of a month, which is when notices go out.
const NOTICE_DAYS: usize = 31;

/// Shows what a migration would do.
#[handler]
pub(super) async fn show(
    Data(pages): Data<&Pages>,
    request: &Request,
    query: poem::Result<Query<Asked>>,
) -> Response {
    let asked = query.map_or_else(|_| Asked::default(), |Query(asked)| asked);
    answered(pages, shown(pages, request, asked).await).await
}

async fn shown(pages: &Pages, request: &Request, asks: Asked) -> Result<Response, Problem> {
    let operator = Operator::of(pages, request).await?;
    let wanted = asks.wanted()?;
    let mut moving = Vec::new();
    let hear = |told: &Move| {
        if told.at.is_some() && moving.len() < FIRST_MOVES {
            moving.push(told.clone());
        }
    };
    let place = operator.state().migrations.place()?;
    let planned = operator.billing().plan_migration(&wanted.ask, hear).await;
    drop(place);
    let plan = match planned {
        Ok(plan) => plan,
        Err(MigrationError::Refused(refusal)) => {
            return Ok(not_possible(&operator, &refusal.to_string()).await);
        }
        Err(error) => return Err(refused(error)),
    };
    let months = Months::of(&plan)?;
    let sheet = Sheet {
        title: "A price migration",
        part: Part::Migrations,
        body: html! {
            h1 { "From " (wanted.ask.from) " to " (wanted.ask.to) }
            p class="lead" { "As it would be now. Nothing is written yet." }
            (facts(&wanted, &plan))
            section class="card" aria-labelledby="worth" {
                h2 id="worth" { "What it is worth, month by month" }
                p { "What those who move pay in a month: before, and once all have moved who do by the month's end." }
                (months.shown())
            }
            @if !plan.notices.is_empty() { (notices(&plan)) }
            (kept(&plan))
            @if !moving.is_empty() {
                section class="card" aria-labelledby="moves" {
                    h2 id="moves" { "Who moves" }
                    (moves::table(&moving))
                    @if plan.moves > u64::try_from(moving.len()).unwrap_or(u64::MAX) {
                        p { a href=(moves::all(&wanted, &plan.digest)) { "All of them" } }
                    }
                }
            }
            @if operator.may_act() && plan.moves > 0 { (confirm(&operator, &wanted, &plan)) }
            p { a href=(LIST) { "Plan another" } }
        },
    };
    Ok(sheet.answer(&operator).await)
}

async fn not_possible(operator: &Operator<'_>, why: &str) -> Response {
    let sheet = Sheet {
        title: "A price migration",
        part: Part::Migrations,
        body: html! {
            h1 { "This cannot be planned" }
            section class="card" {
                p role="alert" { (describe::sentence(why)) }
                p { a class="button" href=(LIST) { "Plan another" } }
            }
        },
    };
    sheet.answer(operator).await
}

fn facts(wanted: &Wanted, plan: &MigrationPlan) -> Markup {
    let day = |at: Option<Timestamp>| at.map_or_else(|| "nobody moves".to_owned(), describe::day);
    html! {
        section class="card" aria-labelledby="facts" {
            h2 id="facts" { "In short" }
            dl {
                dt { "Hold the price that is left" }
                dd { (plan.holders) }
                dt { "Move" }
                dd { strong { (plan.moves) } }
                dt { "Nobody moves before" }
                dd { @if wanted.not_before.is_empty() { "each as soon as may be" } @else { (wanted.not_before) } }
                dt { "First move" }
                dd { (day(plan.first_move)) }
                dt { "Last move" }
                dd { (day(plan.last_move)) }
                dt { "Planned" }
                dd { (describe::minute(plan.planned_at)) }
            }
        }
    }
}

/// A month before and after.
struct Month {
    /// `2026-03`.
    name: String,
    after: Money,
    effect: Money,
    moves: u64,
    notices: u64,
}

struct Months {
    before: Money,
    rows: Vec<Month>,
}

impl Months {
    fn of(plan: &MigrationPlan) -> Result<Self, Problem> {
        let mut rows = Vec::with_capacity(plan.months.len());
        for month in &plan.months {
            let after = plan.before.checked_add(month.effect);
            let after = after.map_err(|error| Problem::unprocessable(error.to_string()))?;
            let starts = month.starts.to_zoned(TimeZone::UTC);
            rows.push(Month {
                name: starts.strftime("%Y-%m").to_string(),
                after,
                effect: month.effect,
                moves: month.moves,
                notices: month.notices,
            });
        }
        Ok(Self {
            before: plan.before,
            rows,
        })
    }

    fn shown(&self) -> Markup {
        let labels: Vec<&str> = self
            .rows
            .iter()
            .map(|row| chart::month(&row.name))
            .collect();
        let before = self.rows.iter().map(|_| size(self.before));
        let series = [
            Series {
                name: "before",
                class: "two",
                values: before.collect(),
            },
            Series {
                name: "after",
                class: "one",
                values: self.rows.iter().map(|row| size(row.after)).collect(),
            },
        ];
        html! {
            (chart::columns("Monthly revenue of those who move", &labels, &series))
            table {
                caption class="unseen" { "Monthly revenue of those who move, before and after" }
                thead {
                    tr {
                        th scope="col" { "Month" }
                        th scope="col" class="money" { "Before" }
                        th scope="col" class="money" { "After" }
                        th scope="col" class="money" { "Difference" }
                        th scope="col" class="money" { "Move" }
                        th scope="col" class="money" { "Notices" }
                    }
                }
                tbody {
                    @for row in &self.rows {
                        tr {
                            th scope="row" { (row.name) }
                            td data-name="Before" class="money" { (describe::money(self.before)) }
                            td data-name="After" class="money" { (describe::money(row.after)) }
                            td data-name="Difference" class="money" { (describe::money(row.effect)) }
                            td data-name="Move" class="money" { (row.moves) }
                            td data-name="Notices" class="money" { (row.notices) }
                        }
                    }
                }
            }
        }
    }
}

/// What is drawn of an amount: nobody pays less than nothing.
fn size(money: Money) -> u64 {
    u64::try_from(money.amount).unwrap_or(0)
}

fn notices(plan: &MigrationPlan) -> Markup {
    html! {
        section class="card" aria-labelledby="notices" {
            h2 id="notices" { "Notices" }
            p { "Nobody pays more before its notice is old enough. They go out with the migration:" }
            ul {
                @for (day, count) in plan.notices.iter().take(NOTICE_DAYS) {
                    li { (describe::day(*day)) ": " strong { (count) } }
                }
            }
        }
    }
}

fn kept(plan: &MigrationPlan) -> Markup {
    html! {
        @if !plan.kept.is_empty() {
            section class="card" aria-labelledby="kept" {
                h2 id="kept" { "Who is kept at the present price" }
                ul {
                    @for (why, count) in &plan.kept {
                        li { strong { (count) } ": " (kept_because(*why)) }
                    }
                }
            }
        }
    }
}

/// Why a holder is kept, in words.
const fn kept_because(why: KeptReason) -> &'static str {
    match why {
        KeptReason::PromisedForever => "the price was promised for ever",
        KeptReason::PromisedUntilChange => "it was promised until the holder changes plan",
        KeptReason::PromisedUntil => "it was promised until a day too far away to plan for",
        KeptReason::PromisedSuccessor => "a cheaper price was promised to follow",
        KeptReason::Canceled => "canceled, and does not renew",
        KeptReason::ChangePending => "has a change to come",
        KeptReason::MigrationPending => "another migration moves it already",
        KeptReason::NotActive => "paused, lapsed, over or never paid",
        KeptReason::OtherPrice => "holds another price",
        KeptReason::OtherCurrency => "was sold in another currency",
        KeptReason::OtherInterval => "was sold for another interval",
        KeptReason::Quantity => "the new price is not sold in this quantity",
        KeptReason::NoProvider => "the new price is not sold where it is paid",
    }
}

fn confirm(operator: &Operator<'_>, wanted: &Wanted, plan: &MigrationPlan) -> Markup {
    html! {
        section class="card" aria-labelledby="confirm" {
            h2 id="confirm" { "Do it" }
            p {
                "Schedules " (plan.moves) " moves and gives the notices that they need. It is refused where "
                "the plan would be another by then, and holds until midnight, UTC."
            }
            form class="stacked" method="post" action=(LIST) {
                @for (name, value) in wanted.fields() {
                    input type="hidden" name=(name) value=(value);
                }
                input type="hidden" name="digest" value=(plan.digest);
                (reasoned(operator, "why-migrate"))
                button type="submit" { "Move " (plan.moves) " of " (plan.holders) }
            }
        }
    }
}
