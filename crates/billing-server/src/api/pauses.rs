//! Pausing and resuming at once: one's own subscription, or as an operator any.

use billing_domain::ids::SubscriptionId;
use billing_engine::{CustomerRef, PauseOutcome};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, ReadBody};
use crate::api::subscriptions::holder;
use crate::api::{Answer, Group};
use crate::auth::{BillingSession, WriteKey};
use crate::problem::Problem;
use crate::state::AppState;

/// No field, for now.
#[derive(Debug, Object)]
#[oai(rename = "PauseSubscription")]
pub(crate) struct PauseBody {}

impl ReadBody for PauseBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(_fields: &mut Fields) -> Self {
        Self {}
    }
}

/// A subscription that is paused, or goes on.
#[derive(Debug, Object)]
#[oai(rename = "Paused")]
pub(crate) struct PausedView {
    /// Always true.
    ok: bool,
    /// Whether it was so before.
    already: bool,
    /// Whether the provider that runs its schedule is asked, and the subscription
    /// will say when it is so.
    asked: bool,
}

impl From<PauseOutcome> for PausedView {
    fn from(outcome: PauseOutcome) -> Self {
        Self {
            ok: true,
            already: outcome == PauseOutcome::Already,
            asked: outcome == PauseOutcome::Asked,
        }
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
enum Way {
    Pause,
    Resume,
}

pub(crate) struct MyPausesApi;

#[OpenApi(tag = "Group::Account")]
impl MyPausesApi {
    /// Pauses a subscription. May be repeated. What that comes to is quoted before
    /// by `create_quote`.
    #[oai(
        path = "/v1/me/subscriptions/:id/pause",
        method = "post",
        operation_id = "pause_my_subscription"
    )]
    async fn pause(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        body: Body<PauseBody>,
    ) -> Answer<PausedView> {
        let PauseBody {} = body.0;
        done(&state, &by.customer(), &id, Way::Pause, &by.actor()).await
    }

    /// Resumes a paused subscription. May be repeated. When and what it is charged
    /// then is quoted before by `create_quote`.
    #[oai(
        path = "/v1/me/subscriptions/:id/resume",
        method = "post",
        operation_id = "resume_my_subscription"
    )]
    async fn resume(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        id: Path<String>,
        body: Body<PauseBody>,
    ) -> Answer<PausedView> {
        let PauseBody {} = body.0;
        done(&state, &by.customer(), &id, Way::Resume, &by.actor()).await
    }
}

pub(crate) struct PausesApi;

#[OpenApi(tag = "Group::Books")]
impl PausesApi {
    /// Pauses a subscription. May be repeated.
    #[oai(
        path = "/v1/subscriptions/:id/pause",
        method = "post",
        operation_id = "pause_subscription"
    )]
    async fn pause(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<PauseBody>,
    ) -> Answer<PausedView> {
        let PauseBody {} = body.0;
        let of = holder(&state, parsed(&id)?).await?;
        done(&state, &of, &id, Way::Pause, &by.actor()).await
    }

    /// Resumes a paused subscription. May be repeated.
    #[oai(
        path = "/v1/subscriptions/:id/resume",
        method = "post",
        operation_id = "resume_subscription"
    )]
    async fn resume(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
        body: Body<PauseBody>,
    ) -> Answer<PausedView> {
        let PauseBody {} = body.0;
        let of = holder(&state, parsed(&id)?).await?;
        done(&state, &of, &id, Way::Resume, &by.actor()).await
    }
}

fn parsed(id: &str) -> Result<SubscriptionId, Problem> {
    id.parse().map_err(|_invalid| Problem::not_found())
}

async fn done(
    state: &AppState,
    of: &CustomerRef,
    id: &str,
    way: Way,
    actor: &str,
) -> Answer<PausedView> {
    let id = parsed(id)?;
    let outcome = match way {
        Way::Pause => state.billing.pause(of, id, Some(actor)).await?,
        Way::Resume => state.billing.resume(of, id, Some(actor)).await?,
    };
    Ok(Json(outcome.into()))
}
