//! Reports: what recurs in a month, who came and left, and who stayed.

use std::sync::Arc;

use billing_domain::money::{Money, MoneyError};
use billing_domain::report::{Churn, Cohort, Figures, Flow, MAX_PARTS, Part, Recurring, Split};
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::views::MoneyView;
use crate::api::{Answer, Group};
use crate::auth::ReadKey;
use crate::problem::Problem;
use crate::state::AppState;

/// Months when the caller states none: a year back, and the present one.
const DEFAULT_MONTHS: u16 = 13;

/// Most months of a report: five years, more than a chart shows.
const MAX_MONTHS: u16 = 60;

/// Monthly recurring revenue.
#[derive(Debug, Object)]
#[oai(rename = "MrrReport")]
pub(crate) struct MrrView {
    /// When it was counted: within the last minutes.
    as_of: String,
    /// All of it, by currency.
    totals: Vec<MoneyView>,
    /// By plan, price, currency and interval. The amounts sum to the totals.
    data: Vec<RecurringView>,
}

/// What recurs in a month at one price.
#[derive(Debug, Object)]
#[oai(rename = "RecurringRevenue")]
pub(crate) struct RecurringView {
    /// The plan.
    plan: String,
    /// The price; `negotiated` for terms of one customer. Absent: the plan has none.
    price: Option<String>,
    /// How often it is charged, as in `month` or `3 months`.
    interval: String,
    /// What it comes to in a month, after the discounts of the present cycles. A year is
    /// twelve months, and a day 86400/2629746 of one; rounded once, half away from zero.
    mrr: MoneyView,
    /// Subscriptions that it is made of: paid, owing within their grace, or canceled and not
    /// over yet.
    subscriptions: u64,
    /// Of them, those that owe a cycle.
    past_due: u64,
    /// Of them, those that are canceled and not over yet.
    ending: u64,
    /// Besides, those in a trial, which come to nothing yet.
    trialing: u64,
    /// Besides, those that are paused, which come to nothing meanwhile.
    paused: u64,
}

impl From<Recurring> for RecurringView {
    fn from(row: Recurring) -> Self {
        Self {
            plan: row.plan.to_string(),
            price: row.price.map(|key| key.to_string()),
            interval: row.interval.to_string(),
            mrr: row.amount.into(),
            subscriptions: row.subscriptions,
            past_due: row.past_due,
            ending: row.ending,
            trialing: row.trialing,
            paused: row.paused,
        }
    }
}

/// Who came and who left.
#[derive(Debug, Object)]
#[oai(rename = "ChurnReport")]
pub(crate) struct ChurnView {
    /// When it was counted: within the last minutes.
    as_of: String,
    /// The months, the present one last.
    data: Vec<MonthView>,
}

/// A month of it.
#[derive(Debug, Object)]
#[oai(rename = "ChurnMonth")]
pub(crate) struct MonthView {
    /// The month in UTC, as in `2026-03`.
    month: String,
    /// Subscriptions that were held when it began.
    at_start: u64,
    /// Subscriptions that began in it: that were first to be paid, trials being over.
    new: u64,
    /// Subscriptions that were lost in it: over, or lapsed and not come back since.
    lost: u64,
    /// Where it is split, moves from one part to another, of subscriptions that are neither
    /// new nor lost by it: what arrived in parts, and what left. Absent: it is not split.
    moved: Option<u64>,
    /// Subscriptions that were held when it ended, or are now.
    at_end: u64,
    /// Of ten thousand that were held when it began, how many were lost. Absent: none was.
    churn_basis_points: Option<u64>,
    /// What the new ones come to in a month, by currency: at their present terms, or at those
    /// with which they moved to another price. Summed price by price, each rounded once.
    new_mrr: Vec<MoneyView>,
    /// What the lost ones came to in a month, by currency, at the terms they last had.
    lost_mrr: Vec<MoneyView>,
    /// Where it is split, the parts of which anything is to be told: what is told of them
    /// adds up to the month. Absent: nobody asked for a split.
    parts: Option<Vec<PartView>>,
}

/// A plan's part of a month, or that of those who hold one price.
#[derive(Debug, Object)]
#[oai(rename = "ChurnPart")]
pub(crate) struct PartView {
    /// The plan. Absent: all parts together that are too many to be told by themselves.
    plan: Option<String>,
    /// The price, where it is split by price; `negotiated` for terms of one customer. Absent:
    /// it is split by plan, or the plan has none.
    price: Option<String>,
    /// Subscriptions that were held in it when the month began.
    at_start: u64,
    /// Subscriptions that began in it.
    new: u64,
    /// Moves to here from another part, of subscriptions that are neither new nor lost by it.
    arrived: u64,
    /// Moves from here to another part.
    left: u64,
    /// Subscriptions that were lost in it.
    lost: u64,
    /// Subscriptions that were held in it when the month ended, or are now.
    at_end: u64,
    /// Of ten thousand that were held when the month began, how many were lost. Absent: none
    /// was held.
    churn_basis_points: Option<u64>,
    /// What the new ones come to in a month, by currency: at their present terms, or at those
    /// with which they moved on.
    new_mrr: Vec<MoneyView>,
    /// What those who arrived come to in a month, by currency, likewise.
    arrived_mrr: Vec<MoneyView>,
    /// What those who left came to in a month, by currency, at the terms with which they left.
    left_mrr: Vec<MoneyView>,
    /// What the lost ones came to in a month, by currency, at the terms they last had.
    lost_mrr: Vec<MoneyView>,
}

impl PartView {
    fn of(part: Part, flow: Flow) -> Self {
        let (plan, price) = match part {
            Part::Plan(plan) => (Some(plan), None),
            Part::Price(plan, price) => (Some(plan), price),
            Part::Others => (None, None),
        };
        Self {
            plan: plan.map(|key| key.to_string()),
            price: price.map(|key| key.to_string()),
            at_start: flow.at_start,
            new: flow.new,
            arrived: flow.arrived,
            left: flow.left,
            lost: flow.lost,
            at_end: flow.at_end(),
            churn_basis_points: flow.basis_points(),
            new_mrr: views(flow.new_recurring),
            arrived_mrr: views(flow.arrived_recurring),
            left_mrr: views(flow.left_recurring),
            lost_mrr: views(flow.lost_recurring),
        }
    }
}

fn views(sums: Vec<Money>) -> Vec<MoneyView> {
    sums.into_iter().map(MoneyView::from).collect()
}

impl MonthView {
    fn of(row: Churn, split: Option<Split>) -> Self {
        let all = row.all;
        let parts = row.parts.into_iter();
        let parts = parts.map(|(part, flow)| PartView::of(part, flow));
        Self {
            month: row.month.to_string(),
            at_end: all.at_end(),
            churn_basis_points: all.basis_points(),
            at_start: all.at_start,
            new: all.new,
            lost: all.lost,
            moved: split.map(|_by| all.arrived),
            new_mrr: views(all.new_recurring),
            lost_mrr: views(all.lost_recurring),
            parts: split.map(|_by| parts.collect()),
        }
    }
}

/// Who stayed.
#[derive(Debug, Object)]
#[oai(rename = "CohortReport")]
pub(crate) struct CohortsView {
    /// When it was counted: within the last minutes.
    as_of: String,
    /// The months in which they began, the present one last.
    data: Vec<CohortView>,
}

/// Those who began in one month.
#[derive(Debug, Object)]
#[oai(rename = "Cohort")]
pub(crate) struct CohortView {
    /// The month in UTC, as in `2026-03`.
    month: String,
    /// How many began in it.
    began: u64,
    /// How many were left when it ended, a month later, and so on; the last one counts
    /// those left now.
    left: Vec<u64>,
}

impl From<Cohort> for CohortView {
    fn from(row: Cohort) -> Self {
        Self {
            month: row.month.to_string(),
            began: row.began,
            left: row.left,
        }
    }
}

pub(crate) struct ReportsApi;

#[OpenApi(tag = "Group::Books")]
impl ReportsApi {
    /// Monthly recurring revenue, by price. What is bought once, costs nothing, is granted
    /// or ends with its term does not recur.
    #[oai(path = "/v1/reports/mrr", method = "get", operation_id = "report_mrr")]
    async fn mrr(&self, state: Data<&AppState>, by: ReadKey) -> Answer<MrrView> {
        by.checked();
        let figures = figures(&state).await?;
        let rows = figures.recurring().map_err(too_much)?;
        let totals = totals(&rows).map_err(too_much)?;
        Ok(Json(MrrView {
            as_of: figures.now().to_string(),
            totals: totals.into_iter().map(MoneyView::from).collect(),
            data: rows.into_iter().map(RecurringView::from).collect(),
        }))
    }

    /// Who came and who left, month by month; in all, and by plan or by price where that is
    /// asked for. At most 100 parts are told by themselves, those of which the most is to be
    /// told, and all others as one.
    #[oai(
        path = "/v1/reports/churn",
        method = "get",
        operation_id = "report_churn"
    )]
    async fn churn(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// Months, 1 to 60, the present one included; 13 when absent.
        months: Query<Option<String>>,
        /// `plan` or `price`: each month's parts besides. Absent: none.
        split: Query<Option<String>>,
    ) -> Answer<ChurnView> {
        by.checked();
        let months = read_months(months.as_deref())?;
        let split = read_split(split.as_deref())?;
        let figures = figures(&state).await?;
        let rows = match split {
            Some(by) => figures.churn_by(by, months, MAX_PARTS),
            None => figures.churn(months),
        };
        let rows = rows.map_err(too_much)?.into_iter();
        Ok(Json(ChurnView {
            as_of: figures.now().to_string(),
            data: rows.map(|row| MonthView::of(row, split)).collect(),
        }))
    }

    /// How many of those who began in a month stayed, month by month.
    #[oai(
        path = "/v1/reports/cohorts",
        method = "get",
        operation_id = "report_cohorts"
    )]
    async fn cohorts(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// Months, 1 to 60, the present one included; 13 when absent.
        months: Query<Option<String>>,
    ) -> Answer<CohortsView> {
        by.checked();
        let months = read_months(months.as_deref())?;
        let figures = figures(&state).await?;
        let rows = figures.cohorts(months);
        Ok(Json(CohortsView {
            as_of: figures.now().to_string(),
            data: rows.into_iter().map(CohortView::from).collect(),
        }))
    }
}

async fn figures(state: &AppState) -> Result<Arc<Figures>, Problem> {
    let clock = state.clock()?;
    Ok(state.reports.figures(&state.billing, clock.now()).await?)
}

fn read_months(stated: Option<&str>) -> Result<u16, Problem> {
    let Some(text) = stated else {
        return Ok(DEFAULT_MONTHS);
    };
    let months = text.parse().ok();
    let months = months.filter(|months| (1..=MAX_MONTHS).contains(months));
    months.ok_or_else(|| {
        let message = format!("must be a number from 1 to {MAX_MONTHS}");
        Problem::field("months", message)
    })
}

fn read_split(stated: Option<&str>) -> Result<Option<Split>, Problem> {
    match stated {
        None => Ok(None),
        Some("plan") => Ok(Some(Split::Plan)),
        Some("price") => Ok(Some(Split::Price)),
        Some(_) => Err(Problem::field("split", "must be plan or price")),
    }
}

/// The rows' amounts, summed by currency.
pub(crate) fn totals(rows: &[Recurring]) -> Result<Vec<Money>, MoneyError> {
    let mut totals: Vec<Money> = Vec::new();
    for row in rows {
        let known = totals
            .iter_mut()
            .find(|total| total.currency == row.amount.currency);
        match known {
            Some(total) => *total = total.checked_add(row.amount)?,
            None => totals.push(row.amount),
        }
    }
    totals.sort_by_key(|total| total.currency);
    Ok(totals)
}

fn too_much(error: MoneyError) -> Problem {
    tracing::error!(%error, "a report does not fit");
    Problem::internal()
}
