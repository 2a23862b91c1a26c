//! What is to come of a subscription.

use billing_domain::forecast::{Forecast, ForecastEntry};
use poem_openapi::Object;

use crate::api::views::{LineView, MoneyView};

/// What is to come of a subscription if every invoice is paid on time and nobody
/// changes anything.
#[derive(Debug, Object)]
#[oai(rename = "Forecast")]
pub(crate) struct ForecastView {
    /// Of which.
    subscription: String,
    /// What comes, in order. An invoice that is open comes first.
    entries: Vec<ForecastEntryView>,
    /// Whether more would follow.
    more: bool,
}

/// One thing to come.
#[derive(Debug, Object)]
#[oai(rename = "ForecastEntry")]
pub(crate) struct ForecastEntryView {
    /// When: the start of its cycle, or the end of the subscription.
    at: String,
    /// The cycle's number. Absent: a provider counts them, or it ends.
    cycle: Option<u32>,
    /// The start of the time that it pays for. Absent: nothing is paid, it ends.
    period_start: Option<String>,
    /// The first instant after that time. Absent: as `period_start`.
    period_end: Option<String>,
    /// What will be owed.
    amount: MoneyView,
    /// What that is made of.
    lines: Vec<LineView>,
    /// The plan held from then on, or at the end.
    plan: String,
    /// Its price. Absent: negotiated terms, or a plan without prices.
    price: Option<String>,
    /// Pieces.
    quantity: u32,
    /// `renewal`, `scheduled_change`, `price_change` or `ends`.
    why: String,
}

impl From<Forecast> for ForecastView {
    fn from(forecast: Forecast) -> Self {
        Self {
            subscription: forecast.subscription.to_string(),
            entries: forecast.entries.into_iter().map(Into::into).collect(),
            more: forecast.more,
        }
    }
}

impl From<ForecastEntry> for ForecastEntryView {
    fn from(entry: ForecastEntry) -> Self {
        Self {
            at: entry.at.to_string(),
            cycle: entry.cycle,
            period_start: entry.period.map(|period| period.start.to_string()),
            period_end: entry.period.map(|period| period.end.to_string()),
            amount: entry.amount.into(),
            lines: entry.lines.iter().map(LineView::of).collect(),
            plan: entry.plan.to_string(),
            price: entry.price.map(|price| price.to_string()),
            quantity: entry.quantity,
            why: entry.why.as_str().to_owned(),
        }
    }
}
