//! Reports: what recurs in a month, who came and left, and who stayed.

use std::sync::Arc;

use billing_domain::money::{Money, MoneyError};
use billing_domain::report::{Churn, Cohort, Figures, Recurring};
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
    /// Subscriptions that were held when it ended, or are now.
    at_end: u64,
    /// Of ten thousand that were held when it began, how many were lost. Absent: none was.
    churn_basis_points: Option<u64>,
    /// What the new ones come to in a month, by currency, at their present terms.
    new_mrr: Vec<MoneyView>,
    /// What the lost ones came to in a month, by currency, at the terms they last had.
    lost_mrr: Vec<MoneyView>,
}

impl From<Churn> for MonthView {
    fn from(row: Churn) -> Self {
        Self {
            month: row.month.to_string(),
            at_end: row.at_end(),
            churn_basis_points: row.basis_points(),
            at_start: row.at_start,
            new: row.new,
            lost: row.lost,
            new_mrr: row.new_recurring.into_iter().map(MoneyView::from).collect(),
            lost_mrr: row
                .lost_recurring
                .into_iter()
                .map(MoneyView::from)
                .collect(),
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

    /// Who came and who left, month by month.
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
    ) -> Answer<ChurnView> {
        by.checked();
        let months = read_months(months.as_deref())?;
        let figures = figures(&state).await?;
        let rows = figures.churn(months).map_err(too_much)?;
        Ok(Json(ChurnView {
            as_of: figures.now().to_string(),
            data: rows.into_iter().map(MonthView::from).collect(),
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
