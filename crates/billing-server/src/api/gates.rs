//! The gate over HTTP: may this customer use this feature? A denial is an
//! answer like any other: 200.

use billing_domain::access::{Gate, Need};
use billing_engine::{CustomerRef, GateError};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::customers::customer_ref;
use crate::api::views::{AccessView, GateView};
use crate::api::{Answer, Group};
use crate::auth::ReadKey;
use crate::problem::Problem;
use crate::state::AppState;

/// What a customer may do.
#[derive(Debug, Object)]
#[oai(rename = "CustomerEntitlements")]
pub(crate) struct EntitlementsView {
    /// What gives access, and what it allows.
    access: AccessView,
}

pub(crate) struct GatesApi;

#[OpenApi(tag = "Group::Customers")]
impl GatesApi {
    /// What a customer may do now.
    #[oai(
        path = "/v1/customers/:customer/entitlements",
        method = "get",
        operation_id = "get_customer_entitlements"
    )]
    async fn entitlements(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
    ) -> Answer<EntitlementsView> {
        by.checked();
        let of = customer_ref(&customer)?;
        Ok(Json(EntitlementsView {
            access: access(&state, &of).await?,
        }))
    }

    /// Whether a customer may use a feature now.
    #[oai(
        path = "/v1/customers/:customer/check/:feature",
        method = "get",
        operation_id = "check_feature"
    )]
    async fn check(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
        feature: Path<String>,
        /// How much is needed, for counts and bytes.
        amount: Query<Option<String>>,
        /// Which level is needed.
        level: Query<Option<String>>,
    ) -> Answer<GateView> {
        by.checked();
        let of = customer_ref(&customer)?;
        let gate = gate(&state, &of, &feature, amount.as_deref(), level.as_deref()).await?;
        Ok(Json(gate))
    }
}

/// What `of` may do now.
pub(crate) async fn access(state: &AppState, of: &CustomerRef) -> Result<AccessView, Problem> {
    let effective = state.billing.access(of).await?;
    let effective = effective.ok_or_else(Problem::customer_not_found)?;
    let revision = state.billing.catalog().await?;
    Ok(AccessView::of(&effective, &revision.catalog))
}

/// Whether `of` may use `feature` now.
pub(crate) async fn gate(
    state: &AppState,
    of: &CustomerRef,
    feature: &str,
    amount: Option<&str>,
    level: Option<&str>,
) -> Result<GateView, Problem> {
    let need =
        match (amount, level) {
            (None, None) => Need::Some,
            (None, Some(level)) => Need::Level(level),
            (Some(amount), None) => {
                let amount = amount.parse();
                Need::Amount(amount.map_err(|_invalid| {
                    Problem::field("amount", "must be a whole number from 0 on")
                })?)
            }
            (Some(_), Some(_)) => {
                return Err(Problem::field("level", "state amount or level, not both"));
            }
        };
    let gate = match state.billing.gate(of, feature, need).await {
        Ok(gate) => gate,
        Err(GateError::NoSuchCustomer) => return Err(Problem::customer_not_found()),
        Err(GateError::Engine(error)) => return Err(error.into()),
    };
    let word = match &gate {
        Gate::Allowed { .. } => "allowed",
        Gate::Denied { reason, .. } => reason.as_str(),
    };
    metrics::counter!("billing_gate_decisions_total", "decision" => word).increment(1);
    Ok(gate.into())
}
