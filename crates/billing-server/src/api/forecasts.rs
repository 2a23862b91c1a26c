//! Forecasts of a subscription, for its customer and for operators.

use billing_domain::forecast::Horizon;
use billing_domain::ids::SubscriptionId;
use billing_engine::CustomerRef;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use crate::api::subscriptions::holder;
use crate::api::views::ForecastView;
use crate::api::{Answer, Group};
use crate::auth::{BillingSession, ReadKey};
use crate::problem::Problem;
use crate::state::AppState;

/// Invoices foretold when the caller states no number: a year of monthly ones.
pub(crate) const DEFAULT_CYCLES: u16 = 12;

/// Most invoices foretold: five years of monthly ones, further than prices are
/// known to hold.
pub(crate) const MAX_CYCLES: u16 = 60;

pub(crate) struct ForecastsApi;

#[OpenApi]
impl ForecastsApi {
    /// The next invoices of a subscription of the customer's own.
    #[oai(
        path = "/v1/me/subscriptions/:id/forecast",
        method = "get",
        operation_id = "forecast_my_subscription",
        tag = "Group::Account"
    )]
    async fn mine(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        /// How many invoices, 1 to 60; 12 when absent.
        cycles: Query<Option<String>>,
    ) -> Answer<ForecastView> {
        let cycles = read_cycles(cycles.as_deref())?;
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        foretold(&state, &by.customer(), id, cycles).await
    }

    /// The next invoices of a subscription.
    #[oai(
        path = "/v1/subscriptions/:id/forecast",
        method = "get",
        operation_id = "forecast_subscription",
        tag = "Group::Books"
    )]
    async fn any(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        id: Path<String>,
        /// How many invoices, 1 to 60; 12 when absent.
        cycles: Query<Option<String>>,
    ) -> Answer<ForecastView> {
        by.checked();
        let cycles = read_cycles(cycles.as_deref())?;
        let id: SubscriptionId = id.parse().map_err(|_invalid| Problem::not_found())?;
        foretold(&state, &holder(&state, id).await?, id, cycles).await
    }
}

fn read_cycles(stated: Option<&str>) -> Result<u16, Problem> {
    let Some(text) = stated else {
        return Ok(DEFAULT_CYCLES);
    };
    let cycles = text.parse().ok();
    let cycles = cycles.filter(|cycles| (1..=MAX_CYCLES).contains(cycles));
    cycles.ok_or_else(|| {
        let message = format!("must be a number from 1 to {MAX_CYCLES}");
        Problem::field("cycles", message)
    })
}

async fn foretold(
    state: &AppState,
    of: &CustomerRef,
    id: SubscriptionId,
    cycles: u16,
) -> Answer<ForecastView> {
    let horizon = Horizon::cycles(cycles);
    let found = state.billing.forecast(of, id, horizon).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(Json(found.into()))
}
