//! The gate over HTTP: may this customer use this feature? A denial is an
//! answer like any other: 200.

use billing_domain::access::{Gate, Need};
use billing_domain::catalog::PlanKey;
use billing_domain::entitlement::Limit;
use billing_engine::{CustomerRef, GateError};
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, ReadBody};
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

    /// Whether a customer may hand out more pieces of what it holds by the piece.
    /// Using those that are handed out is never refused while the plan is held, even
    /// when they have become more than it allows. Nothing is counted here.
    #[oai(
        path = "/v1/customers/:customer/check/:feature",
        method = "post",
        operation_id = "check_pieces"
    )]
    async fn check_pieces(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
        feature: Path<String>,
        body: Body<PiecesBody>,
    ) -> Answer<GateView> {
        by.checked();
        let of = customer_ref(&customer)?;
        let held = body.0.held.unwrap_or_default();
        let adding = body.0.adding.unwrap_or_default();
        let any = decided(&state, &of, &feature, Need::Some).await?;
        let Gate::Allowed { limit, .. } = &any else {
            return Err(upgrade_required(&feature, &any));
        };
        if adding > 0 {
            let wanted = held.saturating_add(adding);
            let more = decided(&state, &of, &feature, Need::Amount(wanted)).await?;
            if !matches!(more, Gate::Allowed { .. }) {
                let most = match limit {
                    Some(Limit::AtMost(most)) => Some(*most),
                    Some(Limit::Unlimited) | None => None,
                };
                return Err(Problem::new(
                    StatusCode::PAYMENT_REQUIRED,
                    "seats_exhausted",
                    "every piece that the plan allows is handed out",
                )
                .with("feature", feature.0)
                .with("limit", most)
                .with("held", held));
            }
        }
        Ok(Json(any.into()))
    }
}

/// Pieces that are handed out, and that are to be.
#[derive(Debug, Object)]
#[oai(rename = "PiecesCheck")]
struct PiecesBody {
    /// How many are handed out already. Absent: none.
    held: Option<u64>,
    /// How many are to be added. Absent: none, those handed out are used.
    adding: Option<u64>,
}

impl ReadBody for PiecesBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            held: fields.natural("held"),
            adding: fields.natural("adding"),
        }
    }
}

fn upgrade_required(feature: &str, gate: &Gate) -> Problem {
    let problem = Problem::new(
        StatusCode::FORBIDDEN,
        "plan_upgrade_required",
        "no plan that is held allows it",
    )
    .with("feature", feature);
    let Gate::Denied {
        reason,
        plan_held,
        plan_needed,
    } = gate
    else {
        return problem;
    };
    let plan = |key: &Option<PlanKey>| key.as_ref().map(ToString::to_string);
    problem
        .with("reason", reason.as_str())
        .with("current_plan", plan(plan_held))
        .with("required_plan", plan(plan_needed))
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
    Ok(decided(state, of, feature, need).await?.into())
}

async fn decided(
    state: &AppState,
    of: &CustomerRef,
    feature: &str,
    need: Need<'_>,
) -> Result<Gate, Problem> {
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
    Ok(gate)
}
