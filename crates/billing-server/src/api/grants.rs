//! Grants: plans given, and taken back, by operators.

use billing_domain::catalog::PlanKey;
use billing_domain::grant::GrantReason;
use billing_domain::ids::GrantId;
use billing_domain::time::Timestamp;
use billing_engine::GrantError;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::customer_ref;
use crate::api::views::GrantView;
use crate::api::{Answer, Created, Done, Group};
use crate::auth::{ReadKey, WriteKey};
use crate::problem::Problem;
use crate::state::AppState;

/// A plan to be given.
#[derive(Debug, Object)]
#[oai(rename = "NewGrant")]
pub(crate) struct GrantBody {
    /// The plan.
    plan: String,
    /// `comp` (the default), `trial` or `plankowner`.
    reason: Option<String>,
    /// When it ends. Absent: it does not.
    ends_at: Option<String>,
    /// The same, read.
    #[oai(skip)]
    why: Option<ReasonRead>,
    /// The same, read.
    #[oai(skip)]
    end: Option<Timestamp>,
}

/// A reason as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReasonRead(GrantReason);

impl ReadBody for GrantBody {
    fn read(fields: &mut Fields) -> Self {
        let reasons = [
            ("comp", ReasonRead(GrantReason::Comp)),
            ("trial", ReasonRead(GrantReason::Trial)),
            ("plankowner", ReasonRead(GrantReason::Plankowner)),
        ];
        Self {
            plan: fields.required_text("plan", MAX_TEXT),
            reason: None,
            ends_at: None,
            why: fields.choice("reason", &reasons),
            end: fields.instant("ends_at"),
        }
    }
}

/// A customer's grants.
#[derive(Debug, Object)]
#[oai(rename = "GrantList")]
pub(crate) struct GrantsView {
    /// All of them, oldest first.
    data: Vec<GrantView>,
    /// Always absent: they come on one page.
    next_cursor: Option<String>,
}

pub(crate) struct GrantsApi;

#[OpenApi(tag = "Group::Customers")]
impl GrantsApi {
    /// Gives a customer a plan from now on.
    #[oai(
        path = "/v1/customers/:customer/grants",
        method = "post",
        operation_id = "create_grant"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        body: Body<GrantBody>,
    ) -> Result<Created<GrantView>, Problem> {
        let of = customer_ref(&customer)?;
        let body = body.0;
        let plan = PlanKey::new(body.plan)
            .map_err(|_invalid| Problem::field("plan", "is not in the catalog"))?;
        let reason = body.why.map_or(GrantReason::Comp, |read| read.0);
        let actor = by.actor();
        let granted = state
            .billing
            .grant(&of, &plan, reason, body.end, Some(&actor))
            .await
            .map_err(refused)?;
        let clock = state.clock()?;
        Ok(Created::new(GrantView::of(&granted, clock.now())))
    }

    /// A customer's grants, oldest first.
    #[oai(
        path = "/v1/customers/:customer/grants",
        method = "get",
        operation_id = "list_grants"
    )]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
    ) -> Answer<GrantsView> {
        by.checked();
        let account = state.billing.account(&customer_ref(&customer)?).await?;
        let account = account.ok_or_else(Problem::customer_not_found)?;
        let clock = state.clock()?;
        let now = clock.now();
        let grants = account.grants.iter();
        Ok(Json(GrantsView {
            data: grants.map(|held| GrantView::of(held, now)).collect(),
            next_cursor: None,
        }))
    }

    /// Takes a grant back now.
    #[oai(
        path = "/v1/customers/:customer/grants/:id",
        method = "delete",
        operation_id = "end_grant"
    )]
    async fn end(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        let of = customer_ref(&customer)?;
        let id: GrantId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let actor = by.actor();
        state
            .billing
            .end_grant(&of, id, Some(&actor))
            .await
            .map_err(refused)?;
        Ok(Done)
    }
}

fn refused(error: GrantError) -> Problem {
    match error {
        GrantError::NoSuchCustomer => Problem::customer_not_found(),
        GrantError::NoSuchPlan => Problem::field("plan", "is not in the catalog"),
        GrantError::NoSuchGrant => Problem::not_found(),
        GrantError::EndsBeforeItBegins => Problem::field("ends_at", "must be in the future"),
        GrantError::Engine(error) => error.into(),
    }
}
