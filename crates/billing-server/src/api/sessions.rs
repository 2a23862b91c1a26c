//! Billing sessions: an operator's key makes one for a customer; anybody else
//! has a link mailed. A link opens once.

mod delivery;
mod mailed;

pub(crate) use delivery::Delivery;

use billing_domain::ids::{IdSeq, SessionId};
use billing_domain::time::shifted;
use billing_ports::store::Session;
use poem::Request;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object, OpenApi};
use url::Url;

use self::delivery::leads_to;
use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody, is_address};
use crate::api::checkouts::{Addresses, MAX_URL};
use crate::api::customers::named;
use crate::api::{Created, Done, Group};
use crate::auth::{Operator, SESSION_PREFIX, WriteKeyOrNobody, fresh, hash};
use crate::links::{self, MAX_LINK, with_link};
use crate::problem::Problem;
use crate::state::AppState;

/// Whose session.
#[derive(Debug, Object)]
#[oai(rename = "NewBillingSession")]
pub(crate) struct SessionBody {
    /// The customer, by the host's reference; with a key, by its id too. Without
    /// a key it may be left out where `email` is given.
    customer: Option<String>,
    /// Without a key: where mail goes to somebody who is no customer yet. For a
    /// customer it goes to the address on file, whatever this says. Alone, it goes
    /// to whoever has it on file, or has bought with it as a guest.
    email: Option<String>,
    /// Where the link leads, with `link=bl_…` added. Its origin must be allowed
    /// by the catalog. Absent: with a key, no link is made; without one, it
    /// leads to a page of ours.
    return_url: Option<String>,
    /// What `return_url` is given instead, once the link was opened at a page of
    /// ours: `session`, the token of the session that it opened, or `token`, the
    /// signed license that its customer holds. Needs a `return_url`.
    delivery: Option<String>,
    /// The same, read.
    #[oai(skip)]
    delivered: Option<Delivery>,
}

impl ReadBody for SessionBody {
    fn read(fields: &mut Fields) -> Self {
        let email = fields.email("email");
        let customer = match email {
            Some(_) => fields.text("customer", MAX_TEXT),
            None => Some(fields.required_text("customer", MAX_TEXT)),
        };
        let return_url = fields.text("return_url", MAX_URL);
        let ways = Delivery::ALL.map(|way| (way.as_str(), way));
        let delivered = fields.choice("delivery", &ways);
        if delivered.is_some() && return_url.is_none() {
            fields.wrong("return_url", "is required where something is delivered");
        }
        Self {
            customer,
            email,
            return_url,
            delivery: None,
            delivered,
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
            link: fields.required_text("link", MAX_LINK),
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

/// What comes of asking for a session.
pub(crate) enum Asked {
    /// It was made.
    Made(Created<SessionView>),
    /// A link is mailed, if there is anybody to mail it to.
    Taken(Done),
}

impl poem::IntoResponse for Asked {
    fn into_response(self) -> poem::Response {
        match self {
            Self::Made(made) => made.into_response(),
            Self::Taken(done) => done.into_response(),
        }
    }
}

impl ApiResponse for Asked {
    fn meta() -> MetaResponses {
        let mut meta = Created::<SessionView>::meta();
        let mut taken = Done::meta();
        for response in &mut taken.responses {
            response.description =
                "Without a key: a link is mailed, if there is anybody to mail it to.";
        }
        meta.responses.append(&mut taken.responses);
        meta
    }

    fn register(registry: &mut Registry) {
        Created::<SessionView>::register(registry);
    }
}

pub(crate) struct SessionsApi;

#[OpenApi(tag = "Group::Account")]
impl SessionsApi {
    /// Makes a billing session for a customer, with a token that works at once.
    ///
    /// Without a key: mails a link that opens one, to the address on file, and
    /// answers 204 whether or not there is such a customer. With an address alone,
    /// mails what a guest has bought with it, too.
    #[oai(
        path = "/v1/billing-sessions",
        method = "post",
        operation_id = "create_billing_session"
    )]
    async fn create(
        &self,
        request: &Request,
        state: Data<&AppState>,
        by: WriteKeyOrNobody,
        body: Body<SessionBody>,
    ) -> Result<Asked, Problem> {
        match by.0 {
            Some(operator) => made(&state, operator, body.0).await.map(Asked::Made),
            None => mailed::ask(&state, request, body.0).await.map(Asked::Taken),
        }
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
        let opened = match links::find(&state, &body.0.link).await? {
            Some(found) => found.open(&state).await?,
            None => None,
        };
        let opened = opened.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "session_expired",
                "this link was used, or is too old",
            )
        })?;
        Ok(Created::with_secret(OpenedView {
            token: opened.token,
            customer: opened.session.customer.to_string(),
            expires_at: opened.session.expires_at.to_string(),
        }))
    }
}

/// Has a link to a page of ours mailed to whoever owns the mailbox of `email`, if there is
/// anything to be seen there. Everybody is told the same.
///
/// # Errors
///
/// As the route without a key.
pub(crate) async fn mail_link(
    state: &AppState,
    request: &Request,
    email: &str,
) -> Result<(), Problem> {
    if !is_address(email) {
        return Err(Problem::field("email", "must be an e-mail address"));
    }
    let body = SessionBody {
        customer: None,
        email: Some(email.to_owned()),
        return_url: None,
        delivery: None,
        delivered: None,
    };
    let Done = mailed::ask(state, request, body).await?;
    Ok(())
}

/// A session for the customer that an operator names.
async fn made(
    state: &AppState,
    by: Operator,
    body: SessionBody,
) -> Result<Created<SessionView>, Problem> {
    if body.email.is_some() {
        let message = "is for requests without a key; nothing is mailed here";
        return Err(Problem::field("email", message));
    }
    let store = state.store()?;
    let clock = state.clock()?;
    let link_to = match body.return_url {
        None => None,
        Some(url) => Some(leads_to(state, &url, body.delivered).await?),
    };
    // A body without it has an address, which was refused.
    let named_by = body.customer.unwrap_or_default();
    let customer = named(state, &named_by).await?;
    let now = clock.now();
    let session = Session {
        id: IdSeq::new(now, state.ids.seed()).draw::<SessionId>(),
        customer,
        expires_at: shifted(now, state.options.session_lifetime),
    };
    let expires_at = session.expires_at;
    let url = match link_to {
        None => None,
        Some(url) => Some(with_link(url, &links::make(state, customer).await?)),
    };
    let token = fresh(state.ids.as_ref(), SESSION_PREFIX);
    store.add_session(session, hash(&token)).await?;
    tracing::info!(customer = %customer, by = by.actor, "billing session made");
    Ok(Created::with_secret(SessionView {
        url,
        token,
        customer: customer.to_string(),
        expires_at: expires_at.to_string(),
    }))
}

/// `return_url`, if the catalog allows its origin.
pub(crate) async fn allowed(state: &AppState, url: &str) -> Result<Url, Problem> {
    let revision = state.billing.catalog().await?;
    let rules = revision.catalog.checkout();
    Addresses::new(&state.options.public_url, rules, None).checked("return_url", url)
}
