//! Giving a lost license key back.

use billing_domain::ids::InvoiceId;
use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use super::signer;
use super::told::Told;
use crate::api::Group;
use crate::api::body::{Body, Fields, MAX_EMAIL, MAX_TEXT, ReadBody};
use crate::http::client_address;
use crate::problem::Problem;
use crate::state::AppState;

/// What whoever bought a license knows of it.
#[derive(Debug, Object)]
#[oai(rename = "RecoverLicense")]
pub(crate) struct RecoverBody {
    /// The id of an invoice of it.
    invoice: String,
    /// The address that was given when it was bought.
    email: String,
}

impl ReadBody for RecoverBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            invoice: fields.required_text("invoice", MAX_TEXT),
            email: fields.required_text("email", MAX_EMAIL),
        }
    }
}

/// A license key, given back.
#[derive(Debug, Object)]
#[oai(rename = "RecoveredLicense")]
pub(crate) struct RecoveredView {
    /// The license.
    license: String,
    /// Its key.
    license_key: String,
    /// The plan that it shows.
    plan: String,
}

pub(crate) struct RecoverApi;

#[OpenApi(tag = "Group::Licenses")]
impl RecoverApi {
    /// Gives the license key back to whoever knows an invoice of it and the address.
    /// Every mismatch is one 404. Asking is counted by invoice, and mismatches by
    /// address too.
    #[oai(
        path = "/v1/recover",
        method = "post",
        operation_id = "recover_license"
    )]
    async fn recover(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<RecoverBody>,
    ) -> Result<Told<RecoveredView>, Problem> {
        let body = body.0;
        // What is no id is looked up like one that nothing has.
        let invoice = body.invoice.parse::<InvoiceId>();
        let invoice = invoice.unwrap_or_else(|_unreadable| Uuid::nil().into());
        state
            .limiters
            .asked_for(&format!("recover {}", body.invoice))?;
        let Some(held) = state.billing.recover(invoice, &body.email).await? else {
            state.limiters.failure(client_address(&state, request))?;
            return Err(Problem::not_found());
        };
        Ok(Told(RecoveredView {
            license: held.license.id.to_string(),
            license_key: signer(&state)?.key_of(held.license.id.uuid()),
            plan: held.plan.to_string(),
        }))
    }
}
