//! What waits for a person, and what the person decides.

use billing_domain::ids::ParkedId;
use billing_domain::parked::ParkReason;
use billing_ports::store::Resolution;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::named;
use crate::api::page;
use crate::api::views::ParkedView;
use crate::api::{Answer, Done, Group};
use crate::auth::AdminKey;
use crate::problem::Problem;
use crate::state::AppState;

/// Whose it is.
#[derive(Debug, Object)]
#[oai(rename = "LinkParked")]
pub(crate) struct LinkBody {
    /// The customer, by id or by the host's reference.
    customer: String,
}

impl ReadBody for LinkBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            customer: fields.required_text("customer", MAX_TEXT),
        }
    }
}

/// A page of what waits.
#[derive(Debug, Object)]
#[oai(rename = "ParkedList")]
pub(crate) struct ParkedListView {
    /// The rows, newest first.
    data: Vec<ParkedView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

/// Every reason, as a filter.
pub(crate) const REASONS: [ParkReason; 11] = [
    ParkReason::Unlinked,
    ParkReason::SharedCustomer,
    ParkReason::UnknownPrice,
    ParkReason::AmountMismatch,
    ParkReason::LatePayment,
    ParkReason::CurrencyMismatch,
    ParkReason::Duplicate,
    ParkReason::ProviderRefused,
    ParkReason::AttemptsExhausted,
    ParkReason::Conflict,
    ParkReason::Unreadable,
];

pub(crate) struct ParkedApi;

#[OpenApi(tag = "Group::Operation")]
impl ParkedApi {
    /// What waits for a person, newest first.
    #[oai(path = "/v1/parked", method = "get", operation_id = "list_parked")]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        /// For this reason only, as in `unlinked`.
        reason: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<ParkedListView> {
        tracing::debug!(by = %by.0.actor, "parked listed");
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), ParkedId::uuid)?;
        let reason = match reason.as_deref() {
            None => None,
            Some(word) => {
                let found = REASONS.into_iter().find(|reason| reason.as_str() == word);
                Some(found.ok_or_else(|| Problem::field("reason", "is not a reason"))?)
            }
        };
        let store = state.store()?;
        let found = store.list_parked(reason, ask).await?;
        let (data, next_cursor) = page::views(found, |row| row.id, ParkedView::from);
        Ok(Json(ParkedListView { data, next_cursor }))
    }

    /// One thing that waits.
    #[oai(path = "/v1/parked/:id", method = "get", operation_id = "get_parked")]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<ParkedView> {
        tracing::debug!(by = %by.0.actor, "parked looked at");
        let id: ParkedId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let store = state.store()?;
        let found = store.get_parked(id).await?;
        Ok(Json(found.ok_or_else(Problem::not_found)?.into()))
    }

    /// Tries it again.
    #[oai(
        path = "/v1/parked/:id/replay",
        method = "post",
        operation_id = "replay_parked"
    )]
    async fn replay(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        resolve(&state, &by, &id, Resolution::Replay).await
    }

    /// Says whose it is, and tries it again.
    #[oai(
        path = "/v1/parked/:id/link",
        method = "post",
        operation_id = "link_parked"
    )]
    async fn link(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
        body: Body<LinkBody>,
    ) -> Result<Done, Problem> {
        let customer = named(&state, &body.0.customer).await?;
        resolve(&state, &by, &id, Resolution::Link(customer)).await
    }

    /// Decides that nothing is to be done.
    #[oai(
        path = "/v1/parked/:id/discard",
        method = "post",
        operation_id = "discard_parked"
    )]
    async fn discard(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        resolve(&state, &by, &id, Resolution::Discard).await
    }
}

async fn resolve(
    state: &AppState,
    by: &AdminKey,
    id: &str,
    resolution: Resolution,
) -> Result<Done, Problem> {
    let id: ParkedId = id.parse().map_err(|_invalid| Problem::not_found())?;
    if !state.billing.resolve_parked(id, resolution).await? {
        return Err(Problem::not_found());
    }
    tracing::info!(parked = %id, by = %by.0.actor, "parked item resolved by an operator");
    Ok(Done)
}
