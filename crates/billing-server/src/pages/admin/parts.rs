//! Who came, who left, who moved and how much was lost, by plan and by price: on the overview
//! as a table each, and month by month on a page of its own.

use std::collections::BTreeMap;

use billing_domain::catalog::Catalog;
use billing_domain::money::{Money, MoneyError};
use billing_domain::report::{self, Figures, Flow, Recurring, Split};
use maud::{Markup, html};
use poem::web::{Data, Query};
use poem::{Request, Response, handler};
use serde::Deserialize;

use super::chart::{self, Series};
use super::frame::{Part, Sheet, answered};
use super::operator::{Operator, plan_name};
use super::revenue::{MONTHS, amounts, percent, unfit};
use crate::api::recurring_totals;
use crate::pages::{Pages, describe};
use crate::problem::Problem;

const PAGE: &str = "/admin/churn";

/// Parts that the overview tells by themselves: as many as are taken in at a glance.
const GLANCE: usize = 8;

/// Parts that the page tells by themselves, each with its charts: a few screens.
const SHOWN: usize = 20;

#[derive(Default, Deserialize)]
struct Asked {
    /// `plan` or `price`; by plan where neither is said.
    split: Option<String>,
}

/// Shows every part, month by month.
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
    let state = operator.state();
    let figures = state
        .reports
        .figures(&state.billing, operator.now()?)
        .await?;
    let split = match asks.split.as_deref() {
        Some("price") => Split::Price,
        _ => Split::Plan,
    };
    let parts = Parts::of(&figures, split, SHOWN).map_err(unfit)?;
    let revision = operator.catalog().await?;
    let catalog = revision.as_ref().map(|revision| &revision.catalog);
    let sheet = Sheet {
        title: "New, lost and churn",
        part: Part::Overview,
        body: html! {
            h1 { "New, lost and churn" }
            p class="lead" {
                "Month by month, counted " (describe::minute(figures.now())) ". Who moves from one "
                (word(split)) " to another is neither new nor lost: they left the one and arrived at the other."
            }
            form class="asks" method="get" action=(PAGE) {
                label for="split" { "By" }
                select id="split" name="split" {
                    option value="plan" selected[split == Split::Plan] { "Plan" }
                    option value="price" selected[split == Split::Price] { "Price" }
                }
                button type="submit" { "Show" }
            }
            @if parts.rows.is_empty() {
                section class="card" { p { "Nobody has come yet." } }
            }
            @for (row, number) in parts.rows.iter().zip(1_u64..) {
                (parts.card(row, number, catalog))
            }
        },
    };
    Ok(sheet.answer(&operator).await)
}

/// The parts of everybody, and what came of them in the months of a chart.
pub(super) struct Parts {
    split: Split,
    months: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    part: report::Part,
    /// One for each month.
    flows: Vec<Flow>,
    /// What recurs in a month now, by currency.
    recurring: Vec<Money>,
}

impl Parts {
    /// As many as the overview tells by themselves, and the others.
    ///
    /// # Errors
    ///
    /// [`MoneyError`] when a sum does not fit.
    pub(super) fn at_a_glance(figures: &Figures, split: Split) -> Result<Self, MoneyError> {
        Self::of(figures, split, GLANCE)
    }

    fn of(figures: &Figures, split: Split, most: usize) -> Result<Self, MoneyError> {
        let churn = figures.churn_by(split, MONTHS, most)?;
        let mut flows: BTreeMap<report::Part, Vec<Flow>> = BTreeMap::new();
        for (index, month) in churn.iter().enumerate() {
            for (part, flow) in &month.parts {
                let row = flows.entry(part.clone()).or_insert_with(|| {
                    let none = churn.iter().map(|_| Flow::default());
                    none.collect()
                });
                if let Some(slot) = row.get_mut(index) {
                    slot.clone_from(flow);
                }
            }
        }
        let mut held: BTreeMap<report::Part, Vec<Recurring>> = BTreeMap::new();
        for row in figures.recurring()? {
            let part = report::Part::of(&row.plan, row.price.as_ref(), split);
            let is_told = flows.contains_key(&part);
            let part = if is_told { part } else { report::Part::Others };
            held.entry(part).or_default().push(row);
        }
        let rows = flows.into_iter().map(|(part, flows)| {
            let recurring = held.get(&part).map_or(&[][..], Vec::as_slice);
            Ok(Row {
                recurring: recurring_totals(recurring)?,
                part,
                flows,
            })
        });
        Ok(Self {
            split,
            months: churn.iter().map(|row| row.month.to_string()).collect(),
            rows: rows.collect::<Result<_, MoneyError>>()?,
        })
    }

    /// A row for each part: what came of it in all the months.
    pub(super) fn glance(&self, catalog: Option<&Catalog>) -> Markup {
        let by = word(self.split);
        let sums = |of: fn(&Flow) -> u64| self.rows.iter().map(move |row| row.sum(of));
        let largest = sums(|flow| flow.new).chain(sums(|flow| flow.lost)).max();
        let largest = largest.unwrap_or(0);
        html! {
            section class="card" aria-labelledby={ "by-" (by) } {
                h2 id={ "by-" (by) } { "New, lost and churn, by " (by) }
                @if self.rows.is_empty() { p { "Nobody has come yet." } } @else {
                    p class="small" { "In the last " (self.months.len()) " months. The bars are those who are new, and below them those who are lost." }
                    table {
                        caption class="unseen" { "Who came, who left and who moved, by " (by) }
                        thead {
                            tr {
                                th scope="col" { (heading(self.split)) }
                                th scope="col" class="money" { "In a month" }
                                th scope="col" class="money" { "New" }
                                th scope="col" class="money" { "Lost" }
                                th scope="col" { span class="unseen" { "Bars" } }
                                th scope="col" class="money" { "Arrived" }
                                th scope="col" class="money" { "Left" }
                                th scope="col" class="money" { "Held now" }
                                th scope="col" class="money" { "Churn last month" }
                            }
                        }
                        tbody {
                            @for row in &self.rows {
                                @let (new, lost) = (row.sum(|flow| flow.new), row.sum(|flow| flow.lost));
                                tr {
                                    th scope="row" { (name(&row.part, catalog)) }
                                    td data-name="In a month" class="money" { (amounts(&row.recurring)) }
                                    td data-name="New" class="money" { (new) }
                                    td data-name="Lost" class="money" { (lost) }
                                    td class="bars" { (chart::pair(new, lost, largest)) }
                                    td data-name="Arrived" class="money" { (row.sum(|flow| flow.arrived)) }
                                    td data-name="Left" class="money" { (row.sum(|flow| flow.left)) }
                                    td data-name="Held now" class="money" { (row.flows.last().map_or(0, Flow::at_end)) }
                                    td data-name="Churn last month" class="money" { (percent(row.last_whole_month())) }
                                }
                            }
                        }
                    }
                    p { a href={ (PAGE) "?split=" (by) } { "Month by month, by " (by) } }
                }
            }
        }
    }

    fn card(&self, row: &Row, number: u64, catalog: Option<&Catalog>) -> Markup {
        let labels: Vec<&str> = self.months.iter().map(|text| chart::month(text)).collect();
        let series = |name, class, of: fn(&Flow) -> u64| Series {
            name,
            class,
            values: row.flows.iter().map(of).collect(),
        };
        let mut shown = vec![
            series("new", "one", |flow| flow.new),
            series("lost", "two", |flow| flow.lost),
        ];
        let between = [
            series("arrived", "three", |flow| flow.arrived),
            series("left", "four", |flow| flow.left),
        ];
        let between = between
            .into_iter()
            .filter(|one| one.values.iter().any(|value| *value > 0));
        shown.extend(between);
        let churn = series("churn", "two", |flow| flow.basis_points().unwrap_or(0));
        let id = format!("part-{number}");
        html! {
            section class="card" aria-labelledby=(id) {
                h2 id=(id) { (name(&row.part, catalog)) }
                p { "Recurs in a month: " strong { (amounts(&row.recurring)) } }
                (chart::columns("Subscriptions by month", &labels, &shown))
                (chart::columns("Share lost, by month", &labels, &[churn]))
                table {
                    caption class="unseen" { "Who came, left and moved, by month, the present one first" }
                    thead {
                        tr {
                            th scope="col" { "Month" }
                            th scope="col" class="money" { "At its start" }
                            th scope="col" class="money" { "New" }
                            th scope="col" class="money" { "Arrived" }
                            th scope="col" class="money" { "Left" }
                            th scope="col" class="money" { "Lost" }
                            th scope="col" class="money" { "At its end" }
                            th scope="col" class="money" { "Churn" }
                        }
                    }
                    tbody {
                        @for (flow, month) in row.flows.iter().zip(&self.months).rev() {
                            tr {
                                th scope="row" { (month) }
                                td data-name="At its start" class="money" { (flow.at_start) }
                                td data-name="New" class="money" { (came_to(flow.new, &flow.new_recurring)) }
                                td data-name="Arrived" class="money" { (came_to(flow.arrived, &flow.arrived_recurring)) }
                                td data-name="Left" class="money" { (came_to(flow.left, &flow.left_recurring)) }
                                td data-name="Lost" class="money" { (came_to(flow.lost, &flow.lost_recurring)) }
                                td data-name="At its end" class="money" { (flow.at_end()) }
                                td data-name="Churn" class="money" { (percent(flow.basis_points())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Row {
    fn sum(&self, of: fn(&Flow) -> u64) -> u64 {
        self.flows.iter().map(of).fold(0, u64::saturating_add)
    }

    /// Of ten thousand that were held when the month before the present one began, how many
    /// were lost in it.
    fn last_whole_month(&self) -> Option<u64> {
        self.flows.iter().rev().nth(1)?.basis_points()
    }
}

/// How many, and what they come to in a month.
fn came_to(count: u64, recurring: &[Money]) -> Markup {
    html! {
        (count)
        @if count > 0 { ", " (amounts(recurring)) }
    }
}

const fn word(split: Split) -> &'static str {
    match split {
        Split::Plan => "plan",
        Split::Price => "price",
    }
}

const fn heading(split: Split) -> &'static str {
    match split {
        Split::Plan => "Plan",
        Split::Price => "Plan and price",
    }
}

fn name(part: &report::Part, catalog: Option<&Catalog>) -> Markup {
    html! {
        @match part {
            report::Part::Plan(plan) => bdi { (plan_name(catalog, plan.as_str())) },
            report::Part::Price(plan, price) => {
                bdi { (plan_name(catalog, plan.as_str())) } ", "
                @match price {
                    Some(key) => { (key) }
                    None => "without a price",
                }
            }
            report::Part::Others => "All others",
        }
    }
}
