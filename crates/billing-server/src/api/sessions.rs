//! Billing sessions: an operator's key makes one for a customer; a link opens once.

use billing_domain::ids::{IdSeq, SessionId};
use billing_domain::time::shifted;
use billing_ports::store::Session;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::checkouts::{Addresses, MAX_URL};
use crate::api::customers::named;
use crate::api::{Created, Group};
use crate::auth::{LINK_PREFIX, SESSION_PREFIX, WriteKey, fresh, hash};
use crate::problem::Problem;
use crate::state::AppState;

/// Whose session.
#[derive(Debug, Object)]
#[oai(rename = "NewBillingSession")]
pub(crate) struct SessionBody {
    /// The customer, by id or by the host's reference.
    customer: String,
    /// Where the link leads, with `link=bl_…` added. Its origin must be allowed
    /// by the catalog. Absent: no link is made.
    return_url: Option<String>,
}

impl ReadBody for SessionBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            customer: fields.required_text("customer", MAX_TEXT),
            return_url: fields.text("return_url", MAX_URL),
        }
    }
}

/// A session that was made.
#[derive(Debug, Object)]
#[oai(rename = "BillingSession")]
pub(crate) struct SessionView {
    /// A link that opens a session once. Absent when no `return_url` was given.
    url: Option<String>,
    /// The Bearer token of a session. Told here and nowhere else.
    token: String,
    /// Whose session.
    customer: String,
    /// When the token no longer works.
    expires_at: String,
}

/// A link to be opened.
#[derive(Debug, Object)]
#[oai(rename = "OpenBillingSession")]
pub(crate) struct OpenBody {
    /// What came as `link`, as in `bl_…`.
    link: String,
}

impl ReadBody for OpenBody {
    fn read(fields: &mut Fields) -> Self {
        Self {
            link: fields.required_text("link", MAX_TEXT),
        }
    }
}

/// A session that was opened.
#[derive(Debug, Object)]
#[oai(rename = "OpenedBillingSession")]
pub(crate) struct OpenedView {
    /// The Bearer token. Told here and nowhere else.
    token: String,
    /// Whose session.
    customer: String,
    /// When the token no longer works.
    expires_at: String,
}

pub(crate) struct SessionsApi;

#[OpenApi(tag = "Group::Account")]
impl SessionsApi {
    /// Makes a billing session for a customer, with a token that works at once.
    #[oai(
        path = "/v1/billing-sessions",
        method = "post",
        operation_id = "create_billing_session"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        body: Body<SessionBody>,
    ) -> Result<Created<SessionView>, Problem> {
        let body = body.0;
        let store = state
            .billing
            .store()
            .ok_or_else(Problem::billing_disabled)?;
        let clock = state
            .billing
            .clock()
            .ok_or_else(Problem::billing_disabled)?;
        let now = clock.now();
        let leads_to = match body.return_url {
            None => None,
            Some(url) => {
                let revision = state.billing.catalog().await?;
                let rules = revision.catalog.checkout();
                let addresses = Addresses::new(&state.options.public_url, rules, None);
                Some(addresses.checked("return_url", &url)?)
            }
        };
        let customer = named(&state, &body.customer).await?;
        let mut ids = IdSeq::new(now, state.ids.seed());
        let session = Session {
            id: ids.draw::<SessionId>(),
            customer,
            expires_at: shifted(now, state.options.session_lifetime),
        };
        let expires_at = session.expires_at;
        let url = match leads_to {
            None => None,
            Some(url) => {
                let link = fresh(state.ids.as_ref(), LINK_PREFIX);
                let linked = Session {
                    id: ids.draw::<SessionId>(),
                    ..session.clone()
                };
                let until = shifted(now, state.options.link_lifetime);
                store.add_link(linked, hash(&link), until).await?;
                Some(with_link(url, &link))
            }
        };
        let token = fresh(state.ids.as_ref(), SESSION_PREFIX);
        store.add_session(session, hash(&token)).await?;
        tracing::info!(customer = %customer, by = by.actor(), "billing session made");
        Ok(Created::with_secret(SessionView {
            url,
            token,
            customer: customer.to_string(),
            expires_at: expires_at.to_string(),
        }))
    }

    /// Opens a link, once. Late or twice: 404 `session_expired`.
    #[oai(
        path = "/v1/billing-sessions/open",
        method = "post",
        operation_id = "open_billing_session"
    )]
    async fn open(
        &self,
        state: Data<&AppState>,
        body: Body<OpenBody>,
    ) -> Result<Created<OpenedView>, Problem> {
        let store = state
            .billing
            .store()
            .ok_or_else(Problem::billing_disabled)?;
        let clock = state
            .billing
            .clock()
            .ok_or_else(Problem::billing_disabled)?;
        let token = fresh(state.ids.as_ref(), SESSION_PREFIX);
        let opened = store
            .open_link(hash(&body.0.link), hash(&token), clock.now())
            .await?;
        let session = opened.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "session_expired",
                "this link was used, or is too old",
            )
        })?;
        Ok(Created::with_secret(OpenedView {
            token,
            customer: session.customer.to_string(),
            expires_at: session.expires_at.to_string(),
        }))
    }
}

/// `url` with the link's secret as a parameter.
fn with_link(mut url: url::Url, link: &str) -> String {
    url.query_pairs_mut().append_pair("link", link);
    url.into()
}
