//! What operators do to a license: suspend, reinstate, revoke. Each says why, and
//! the journal keeps who and why.

use billing_domain::ids::LicenseId;
use billing_engine::{LicenseAct, LicenseActError, LicenseError};
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::views::LicenseView;
use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::{Answer, Group};
use crate::auth::WriteKey;
use crate::problem::Problem;
use crate::state::AppState;

/// Why something is done to a license.
#[derive(Debug, Object)]
#[oai(rename = "LicenseAct")]
pub(crate) struct ActBody {
    /// Why, for whoever reads the journal. The license's holder is not told.
    reason: String,
}

impl ReadBody for ActBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            reason: fields.required_text("reason", MAX_TEXT),
        }
    }
}

pub(crate) struct LicenseActsApi;

#[OpenApi(tag = "Group::Licenses")]
impl LicenseActsApi {
    /// Suspends a license: its key is refused and no token is signed until it is
    /// reinstated. Tokens that are out there are good until they end. Done before,
    /// nothing changes.
    #[oai(
        path = "/v1/licenses/:id/suspend",
        method = "post",
        operation_id = "suspend_license"
    )]
    async fn suspend(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<ActBody>,
    ) -> Answer<LicenseView> {
        acted(&state, &by, &id, LicenseAct::Suspend, &body.0).await
    }

    /// Reinstates a license that is suspended.
    #[oai(
        path = "/v1/licenses/:id/reinstate",
        method = "post",
        operation_id = "reinstate_license"
    )]
    async fn reinstate(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<ActBody>,
    ) -> Answer<LicenseView> {
        acted(&state, &by, &id, LicenseAct::Reinstate, &body.0).await
    }

    /// Revokes a license, for good. Its subscription stays as it is. Done before,
    /// nothing changes.
    #[oai(
        path = "/v1/licenses/:id/revoke",
        method = "post",
        operation_id = "revoke_license"
    )]
    async fn revoke(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<ActBody>,
    ) -> Answer<LicenseView> {
        acted(&state, &by, &id, LicenseAct::Revoke, &body.0).await
    }
}

async fn acted(
    state: &AppState,
    by: &WriteKey,
    id: &str,
    act: LicenseAct,
    body: &ActBody,
) -> Answer<LicenseView> {
    let id: LicenseId = id.parse().map_err(|_invalid| Problem::not_found())?;
    let actor = by.actor();
    let acting = state
        .billing
        .act_on_license(id, act, &body.reason, Some(&actor));
    let held = acting.await.map_err(refused)?;
    Ok(Json(LicenseView::from(&held)))
}

fn refused(error: LicenseError) -> Problem {
    match error {
        LicenseError::Refused(LicenseActError::NoSuchLicense) => Problem::not_found(),
        LicenseError::Refused(refusal) => Problem::new(
            StatusCode::CONFLICT,
            "illegal_transition",
            refusal.to_string(),
        ),
        LicenseError::Engine(error) => error.into(),
    }
}
