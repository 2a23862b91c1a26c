//! Receivers of events, for operators. A secret is told once and never again.

use billing_domain::ids::{EndpointId, IdSeq};
use billing_domain::journal::Event;
use billing_domain::time::shifted;
use billing_notify::{ROTATION_WINDOW, Sender, shown};
use billing_ports::store::{Disabled, DisabledWhy, Endpoint, EndpointSecret, MAX_ENDPOINTS};
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::{Answer, Created, Done, Group};
use crate::auth::AdminKey;
use crate::problem::Problem;
use crate::state::AppState;

/// Longest address that is read; longer than any that is taken, so that the answer says how
/// long it may be.
const MAX_URL: usize = 4_096;

/// A receiver of events to be made.
#[derive(Debug, Object)]
#[oai(rename = "NewWebhookEndpoint")]
pub(crate) struct EndpointBody {
    /// Where events are posted: `https://…`, on the public internet.
    url: String,
    /// Which ones, as in `invoice.settled`. Absent or empty: all, those of later versions too.
    events: Option<Vec<String>>,
    /// The same, read.
    #[oai(skip)]
    wanted: Vec<Wanted>,
}

/// An event as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted(Event);

impl ReadBody for EndpointBody {
    fn read(fields: &mut Fields) -> Self {
        let url = fields.required_text("url", MAX_URL);
        let mut wanted: Vec<Event> = Vec::new();
        for name in fields.texts("events", MAX_TEXT) {
            match Event::from_name(&name) {
                Some(event) if !wanted.contains(&event) => wanted.push(event),
                Some(_) => {}
                None => fields.wrong("events", "must be names of events, as in invoice.settled"),
            }
        }
        Self {
            url,
            events: None,
            wanted: wanted.into_iter().map(Wanted).collect(),
        }
    }
}

/// A receiver of events, without its secret.
#[derive(Debug, Object)]
#[oai(rename = "WebhookEndpoint")]
pub(crate) struct EndpointView {
    /// Its id.
    id: String,
    /// Where events are posted.
    url: String,
    /// Which ones. Empty: all.
    events: Vec<String>,
    /// `enabled` or `disabled`.
    status: String,
    /// Since when nothing is sent to it. Absent: it is enabled.
    disabled_at: Option<String>,
    /// Why: `operator`, `gone` (it answered 410) or `failing` (it took nothing for five days).
    /// Absent: it is enabled.
    disabled_why: Option<String>,
    /// Since when it has taken nothing. Absent: it took the last one, or none was sent.
    failing_since: Option<String>,
    /// Until when the secret before the last rotation signs too. Absent: it has never been
    /// rotated.
    old_secret_until: Option<String>,
    /// When it was made.
    created_at: String,
}

impl From<Endpoint> for EndpointView {
    fn from(held: Endpoint) -> Self {
        let names = held.events.iter().map(|event| event.as_str().to_owned());
        let status = held.disabled.map_or("enabled", |_| "disabled");
        Self {
            id: held.id.to_string(),
            events: names.collect(),
            status: status.to_owned(),
            disabled_at: held.disabled.map(|disabled| disabled.at.to_string()),
            disabled_why: held
                .disabled
                .map(|disabled| disabled.why.as_str().to_owned()),
            failing_since: held.failing_since.map(|at| at.to_string()),
            old_secret_until: held.old_secret.map(|(_, until)| until.to_string()),
            created_at: held.created_at.to_string(),
            url: held.url,
        }
    }
}

/// A receiver of events, with its secret.
#[derive(Object)]
#[oai(rename = "CreatedWebhookEndpoint")]
pub(crate) struct CreatedView {
    /// The receiver.
    endpoint: EndpointView,
    /// What its events are signed with from now on: `whsec_…`, as libraries of Standard
    /// Webhooks take it. Told here and nowhere else.
    secret: String,
}

/// All receivers of events.
#[derive(Debug, Object)]
#[oai(rename = "WebhookEndpointList")]
pub(crate) struct EndpointsView {
    /// The receivers, disabled ones included, newest first.
    data: Vec<EndpointView>,
    /// Always absent: they come on one page.
    next_cursor: Option<String>,
}

pub(crate) struct EndpointsApi;

#[OpenApi(tag = "Group::Operation")]
impl EndpointsApi {
    /// Makes a receiver of events: from now on, what happens is posted there.
    #[oai(
        path = "/v1/webhook-endpoints",
        method = "post",
        operation_id = "create_webhook_endpoint"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        body: Body<EndpointBody>,
    ) -> Result<Created<CreatedView>, Problem> {
        let sender = sender(&state)?;
        let url = sender.check_address(&body.0.url);
        let url = url.map_err(|wrong| Problem::field("url", wrong.to_string()))?;
        let now = state.clock()?.now();
        let endpoint = Endpoint {
            id: IdSeq::new(now, state.ids.seed()).draw(),
            url: url.into(),
            events: body
                .0
                .wanted
                .into_iter()
                .map(|Wanted(event)| event)
                .collect(),
            secret: EndpointSecret(state.ids.secret()),
            old_secret: None,
            failing_since: None,
            disabled: None,
            created_at: now,
        };
        if !state.store()?.add_endpoint(&endpoint).await? {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "too_many",
                format!("there are {MAX_ENDPOINTS} receivers of events: delete one first"),
            ));
        }
        tracing::info!(endpoint = %endpoint.id, by = %by.0.actor, "receiver of events made");
        Ok(told(endpoint))
    }

    /// All receivers of events, newest first, without their secrets.
    #[oai(
        path = "/v1/webhook-endpoints",
        method = "get",
        operation_id = "list_webhook_endpoints"
    )]
    async fn list(&self, state: Data<&AppState>, by: AdminKey) -> Answer<EndpointsView> {
        tracing::debug!(by = %by.0.actor, "receivers of events listed");
        let held = state.store()?.list_endpoints().await?;
        Ok(Json(EndpointsView {
            data: held.into_iter().map(EndpointView::from).collect(),
            next_cursor: None,
        }))
    }

    /// One receiver of events, without its secret.
    #[oai(
        path = "/v1/webhook-endpoints/:id",
        method = "get",
        operation_id = "get_webhook_endpoint"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<EndpointView> {
        tracing::debug!(by = %by.0.actor, "receiver of events read");
        let held = found(&state, parsed(&id)?).await?;
        Ok(Json(held.into()))
    }

    /// Makes another secret for a receiver. The one before signs as well for 24 hours, and any
    /// older one no more.
    #[oai(
        path = "/v1/webhook-endpoints/:id/rotate-secret",
        method = "post",
        operation_id = "rotate_webhook_secret"
    )]
    async fn rotate(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Result<Created<CreatedView>, Problem> {
        let id = parsed(&id)?;
        let until = shifted(state.clock()?.now(), ROTATION_WINDOW);
        let secret = EndpointSecret(state.ids.secret());
        if !state.store()?.rotate_secret(id, secret, until).await? {
            return Err(Problem::not_found());
        }
        tracing::info!(endpoint = %id, by = %by.0.actor, "secret of a receiver rotated");
        // What is told is the secret that was made here, whoever rotates at the same time.
        let endpoint = found(&state, id).await?;
        Ok(told(Endpoint { secret, ..endpoint }))
    }

    /// Stops sending to a receiver. What happens meanwhile is never sent to it; what is on its
    /// way waits.
    #[oai(
        path = "/v1/webhook-endpoints/:id/disable",
        method = "post",
        operation_id = "disable_webhook_endpoint"
    )]
    async fn disable(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<EndpointView> {
        let disabled = Disabled {
            at: state.clock()?.now(),
            why: DisabledWhy::Operator,
        };
        let held = switched(&state, parsed(&id)?, Some(disabled)).await?;
        tracing::info!(endpoint = %held.id, by = %by.0.actor, "receiver of events disabled");
        Ok(Json(held.into()))
    }

    /// Sends to a receiver again, what waited first.
    #[oai(
        path = "/v1/webhook-endpoints/:id/enable",
        method = "post",
        operation_id = "enable_webhook_endpoint"
    )]
    async fn enable(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Answer<EndpointView> {
        let held = switched(&state, parsed(&id)?, None).await?;
        tracing::info!(endpoint = %held.id, by = %by.0.actor, "receiver of events enabled");
        if let Some(sender) = &state.events {
            sender.wake();
        }
        Ok(Json(held.into()))
    }

    /// Deletes a receiver. What is on its way to it is never sent.
    #[oai(
        path = "/v1/webhook-endpoints/:id",
        method = "delete",
        operation_id = "delete_webhook_endpoint"
    )]
    async fn delete(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        let id = parsed(&id)?;
        if !state.store()?.remove_endpoint(id).await? {
            return Err(Problem::not_found());
        }
        tracing::info!(endpoint = %id, by = %by.0.actor, "receiver of events deleted");
        Ok(Done)
    }
}

fn told(endpoint: Endpoint) -> Created<CreatedView> {
    let secret = shown(&endpoint.secret);
    Created::with_secret(CreatedView {
        endpoint: endpoint.into(),
        secret,
    })
}

fn parsed(id: &str) -> Result<EndpointId, Problem> {
    id.parse().map_err(|_invalid| Problem::not_found())
}

async fn found(state: &AppState, id: EndpointId) -> Result<Endpoint, Problem> {
    let held = state.store()?.get_endpoint(id).await?;
    held.ok_or_else(Problem::not_found)
}

async fn switched(
    state: &AppState,
    id: EndpointId,
    disabled: Option<Disabled>,
) -> Result<Endpoint, Problem> {
    if !state.store()?.switch_endpoint(id, disabled).await? {
        return Err(Problem::not_found());
    }
    found(state, id).await
}

fn sender(state: &AppState) -> Result<&Sender, Problem> {
    // Switched off as a whole comes first.
    state.store()?;
    state.events.as_ref().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "events_not_sent",
            "this server sends no events",
        )
    })
}
