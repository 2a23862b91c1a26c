//! Canceling by the license key: what a buyer without a session can do. Never at
//! once: that is an operator's.

use billing_engine::CancelWhen;
use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};

use super::key::holder_who_leaves;
use crate::api::body::{Body, Fields, ReadBody};
use crate::api::subscriptions::{CanceledView, canceled};
use crate::api::{Answer, Group};
use crate::state::AppState;

/// The license whose subscription is to end.
#[derive(Debug, Object)]
#[oai(rename = "CancelByKey")]
pub(crate) struct CancelByKeyBody {
    /// The license key: the credential.
    license_key: String,
}

impl ReadBody for CancelByKeyBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            license_key: fields.required_credential("license_key"),
        }
    }
}

pub(crate) struct CancelByKeyApi;

#[OpenApi(tag = "Group::Licenses")]
impl CancelByKeyApi {
    /// Cancels the subscription of a license at the end of what is paid; until then
    /// the license is good. May be repeated.
    #[oai(
        path = "/v1/subscriptions/cancel",
        method = "post",
        operation_id = "cancel_by_key"
    )]
    async fn cancel(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<CancelByKeyBody>,
    ) -> Answer<CanceledView> {
        let held = holder_who_leaves(&state, request, &body.0.license_key).await?;
        let actor = held.license.id.to_string();
        let (of, id) = (held.customer.into(), held.license.subscription);
        canceled(&state, &of, id, CancelWhen::PeriodEnd, &actor).await
    }
}
