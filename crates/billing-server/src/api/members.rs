//! Members: customers who act under another's plan.

use billing_engine::{CustomerRef, MemberError};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::customer_ref;
use crate::api::{Done, Group};
use crate::auth::WriteKey;
use crate::problem::Problem;
use crate::state::AppState;

/// Under whose plan a customer is to act.
#[derive(Debug, Object)]
#[oai(rename = "Membership")]
pub(crate) struct OwnerBody {
    /// The owner: its id, or the host's reference.
    owner: String,
}

impl ReadBody for OwnerBody {
    fn read(fields: &mut Fields) -> Self {
        let owner = fields.text("owner", MAX_TEXT);
        if owner.is_none() {
            fields.wrong("owner", "is missing");
        }
        Self {
            owner: owner.unwrap_or_default(),
        }
    }
}

pub(crate) struct MembersApi;

#[OpenApi(tag = "Group::Customers")]
impl MembersApi {
    /// Lets a customer act under the plan of another from now on, besides what it holds
    /// itself. What the owner holds by somebody else is not handed on. Repeated, it
    /// changes nothing.
    #[oai(
        path = "/v1/customers/:customer/member_of",
        method = "put",
        operation_id = "join_owner"
    )]
    async fn join(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        body: Body<OwnerBody>,
    ) -> Result<Done, Problem> {
        let owner = customer_ref(&body.0.owner).map_err(|_none| no_such_owner())?;
        act_under(&state, &customer, Some(&owner), &by).await
    }

    /// Lets a customer act under its own plan again. Repeated, it changes nothing.
    #[oai(
        path = "/v1/customers/:customer/member_of",
        method = "delete",
        operation_id = "leave_owner"
    )]
    async fn leave(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
    ) -> Result<Done, Problem> {
        act_under(&state, &customer, None, &by).await
    }
}

async fn act_under(
    state: &AppState,
    customer: &str,
    owner: Option<&CustomerRef>,
    by: &WriteKey,
) -> Result<Done, Problem> {
    let of = customer_ref(customer)?;
    let actor = by.actor();
    let changed = state.billing.act_under(&of, owner, Some(&actor)).await;
    match changed {
        Ok(_) => Ok(Done),
        Err(MemberError::NoSuchCustomer) => Err(Problem::customer_not_found()),
        Err(MemberError::NoSuchOwner) => Err(no_such_owner()),
        Err(MemberError::Engine(error)) => Err(error.into()),
    }
}

fn no_such_owner() -> Problem {
    Problem::field("owner", "must be another customer")
}
