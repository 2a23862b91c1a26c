//! What operators did: who, what, to whom, when and why.

use billing_domain::ids::ActId;
use billing_ports::store::{ActFilter, KeptAct};
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::MAX_TEXT;
use crate::api::customers::named;
use crate::api::page;
use crate::api::{Answer, Group};
use crate::auth::AdminKey;
use crate::problem::Problem;
use crate::state::AppState;

/// What an operator did.
#[derive(Debug, Object)]
#[oai(rename = "Act")]
pub(crate) struct ActView {
    /// Its id; ascends with time.
    id: String,
    /// When it was asked for.
    at: String,
    /// Who: the key's id, or the host's name for the person. The same as in the journal.
    actor: String,
    /// What people called the actor at that time.
    name: String,
    /// What, and to what: the method and the path of the request.
    request: String,
    /// Why, in the operator's words. Absent: nobody said.
    reason: Option<String>,
    /// Whom it was decided about first. Absent: it concerns no one customer.
    customer: Option<String>,
}

impl From<KeptAct> for ActView {
    fn from(kept: KeptAct) -> Self {
        let act = kept.act;
        Self {
            id: act.id.to_string(),
            at: act.at.to_string(),
            actor: act.actor,
            name: act.name,
            request: act.request,
            reason: act.reason,
            customer: kept.customer.map(|id| id.to_string()),
        }
    }
}

/// A page of acts.
#[derive(Debug, Object)]
#[oai(rename = "ActList")]
pub(crate) struct ActsView {
    /// The rows, newest first.
    data: Vec<ActView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct AuditApi;

#[OpenApi(tag = "Group::Operation")]
impl AuditApi {
    /// What operators did with their keys, newest first. An act is kept with the first
    /// thing that it wrote; what was refused has changed nothing, and is not kept.
    #[oai(path = "/v1/audit", method = "get", operation_id = "list_acts")]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        /// About this customer only, by id or by the host's reference.
        customer: Query<Option<String>>,
        /// By this actor only: a key's id, or the host's name for a person.
        actor: Query<Option<String>>,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<ActsView> {
        tracing::debug!(by = %by.0.actor, "acts listed");
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), ActId::uuid)?;
        let customer = match customer.as_deref() {
            None => None,
            Some(text) => Some(named(&state, text).await?),
        };
        if actor.as_deref().is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Problem::field("actor", "is too long"));
        }
        let filter = ActFilter {
            customer,
            actor: actor.0,
        };
        let store = state.store()?;
        let found = store.list_acts(&filter, ask).await?;
        let (data, next_cursor) = page::views(found, |row| row.act.id, ActView::from);
        Ok(Json(ActsView { data, next_cursor }))
    }
}
