//! Machines of a license: activated and taken off by its key.

use billing_engine::{LicenseStanding, MachineAct, MachineActError, MachineError};
use poem::Request;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::ended;
use super::key::holder;
use crate::api::body::{Body, Fields, ReadBody};
use crate::api::{Answer, Group};
use crate::problem::Problem;
use crate::state::AppState;

/// Longest name of a machine in bytes: room for every fingerprint in use, and for a
/// host's full name.
pub(super) const MAX_MACHINE: usize = 255;

/// A machine of a license.
#[derive(Debug, Object)]
#[oai(rename = "LicenseMachine")]
pub(crate) struct MachineBody {
    /// The license key: the credential.
    license_key: String,
    /// The machine, by the name that the application has for it: always the same. Of
    /// it a fingerprint is kept, and nothing else.
    machine: String,
}

impl ReadBody for MachineBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            license_key: fields.required_credential("license_key"),
            machine: fields.required_text("machine", MAX_MACHINE),
        }
    }
}

/// On how many machines a license is activated.
#[derive(Debug, Object)]
#[oai(rename = "LicenseMachines")]
pub(crate) struct MachinesView {
    /// It is done, now or before.
    ok: bool,
    /// The license.
    license: String,
    /// On how many machines it is activated now.
    machines: u64,
    /// On how many it may be.
    max_machines: u32,
}

pub(crate) struct MachinesApi;

#[OpenApi(tag = "Group::Licenses")]
impl MachinesApi {
    /// Activates a license on a machine. Done before, nothing changes. 409
    /// `too_many_machines` when every place is taken; 402 when the license has ended.
    #[oai(
        path = "/v1/machines/activate",
        method = "post",
        operation_id = "activate_machine"
    )]
    async fn activate(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<MachineBody>,
    ) -> Answer<MachinesView> {
        acted(&state, request, MachineAct::Activate, &body.0).await
    }

    /// Takes a license off a machine, whose place is free then. Done before, or never
    /// activated, nothing changes.
    #[oai(
        path = "/v1/machines/deactivate",
        method = "post",
        operation_id = "deactivate_machine"
    )]
    async fn deactivate(
        &self,
        request: &Request,
        state: Data<&AppState>,
        body: Body<MachineBody>,
    ) -> Answer<MachinesView> {
        acted(&state, request, MachineAct::Deactivate, &body.0).await
    }
}

async fn acted(
    state: &AppState,
    request: &Request,
    act: MachineAct,
    body: &MachineBody,
) -> Answer<MachinesView> {
    let held = holder(state, request, &body.license_key).await?;
    let is_good = matches!(held.standing, LicenseStanding::Good(_));
    if act == MachineAct::Activate && !is_good {
        return Err(ended(held.standing.as_str()));
    }
    let actor = held.license.id.to_string();
    let acting = state
        .billing
        .act_on_machine(held.license.id, act, &body.machine, Some(&actor));
    let held = acting.await.map_err(refused)?;
    Ok(Json(MachinesView {
        ok: true,
        license: actor,
        machines: u64::try_from(held.license.machines.len()).unwrap_or(u64::MAX),
        max_machines: held.max_machines,
    }))
}

fn refused(error: MachineError) -> Problem {
    match error {
        MachineError::Refused(MachineActError::NoSuchLicense) => Problem::unauthorized(),
        // It ended between being looked at and being decided.
        MachineError::Refused(MachineActError::NotGood) => ended("expired"),
        MachineError::Refused(refusal @ MachineActError::TooMany { places }) => Problem::new(
            StatusCode::CONFLICT,
            "too_many_machines",
            refusal.to_string(),
        )
        .with("max_machines", places),
        MachineError::Engine(error) => error.into(),
    }
}
