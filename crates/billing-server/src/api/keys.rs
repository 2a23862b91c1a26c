//! Operator keys: made, listed, revoked. A secret is told once and never again.

use billing_domain::ids::{IdSeq, KeyId};
use billing_domain::time::{Timestamp, shifted, to_micros};
use billing_ports::store::{OperatorKey, Scope};
use jiff::SignedDuration;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, ReadBody};
use crate::api::{Answer, Created, Done, Group};
use crate::auth::{AdminKey, KEY_PREFIX, fresh, hash};
use crate::problem::Problem;
use crate::state::AppState;

/// Longest name of a key: what fits a line.
const MAX_NAME: usize = 100;

/// Keys listed. An installation has a handful; older ones are of no interest.
const MAX_LISTED: u16 = 500;

/// A key to be made.
#[derive(Debug, Object)]
#[oai(rename = "NewKey")]
pub(crate) struct KeyBody {
    /// What people call it.
    name: String,
    /// `read`, `write` or `admin`; each includes the ones before it.
    scope: String,
    /// The same, read.
    #[oai(skip)]
    may: Option<MayRead>,
}

/// A scope as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MayRead(Scope);

impl ReadBody for KeyBody {
    fn read(fields: &mut Fields) -> Self {
        let scopes = [Scope::Read, Scope::Write, Scope::Admin];
        let name = fields.required_text("name", MAX_NAME);
        let scope = fields.required_text("scope", MAX_NAME);
        let may = Scope::from_word(&scope).map(MayRead);
        if may.is_none() && !scope.is_empty() {
            let words = scopes.map(Scope::as_str).join(", ");
            fields.wrong("scope", format!("must be one of: {words}"));
        }
        Self { name, scope, may }
    }
}

/// How a key is to be rotated.
#[derive(Debug, Object)]
#[oai(rename = "RotateKey")]
pub(crate) struct RotateBody {
    /// Until when the old key works besides the new one: at most 30 days from now. Absent: a
    /// day.
    old_until: Option<String>,
    /// The same, read.
    #[oai(skip)]
    until: Option<Timestamp>,
}

impl ReadBody for RotateBody {
    const MAY_BE_EMPTY: bool = true;

    fn read(fields: &mut Fields) -> Self {
        Self {
            old_until: None,
            until: fields.instant("old_until"),
        }
    }
}

/// How long an old key works where nobody says: a day, in which whatever holds it is
/// started anew at least once.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// How long an old key may work: beyond a month, nobody is rotating it any more.
const MAX_OVERLAP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An operator's key, without its secret.
#[derive(Debug, Object)]
#[oai(rename = "Key")]
pub(crate) struct KeyView {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// `read`, `write` or `admin`.
    scope: String,
    /// When it was made.
    created_at: String,
    /// Since when it no longer works. Absent: nobody revoked it.
    revoked_at: Option<String>,
    /// From when it no longer works by itself, where another took its place. Absent: never.
    expires_at: Option<String>,
}

impl From<OperatorKey> for KeyView {
    fn from(key: OperatorKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            scope: key.scope.as_str().to_owned(),
            created_at: key.created_at.to_string(),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            expires_at: key.expires_at.map(|at| at.to_string()),
        }
    }
}

/// A key that was made.
#[derive(Object)]
#[oai(rename = "CreatedKey")]
pub(crate) struct CreatedView {
    /// The key.
    key: KeyView,
    /// The Bearer token. Told here and nowhere else.
    secret: String,
}

/// All keys.
#[derive(Debug, Object)]
#[oai(rename = "KeyList")]
pub(crate) struct KeysView {
    /// The keys, revoked ones included, newest first.
    data: Vec<KeyView>,
    /// Always absent: they come on one page.
    next_cursor: Option<String>,
}

pub(crate) struct KeysApi;

#[OpenApi(tag = "Group::Operation")]
impl KeysApi {
    /// Makes a key.
    #[oai(path = "/v1/keys", method = "post", operation_id = "create_key")]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        body: Body<KeyBody>,
    ) -> Result<Created<CreatedView>, Problem> {
        let body = body.0;
        let Some(MayRead(scope)) = body.may else {
            return Err(Problem::field("scope", "is required"));
        };
        let store = state.store()?;
        let clock = state.clock()?;
        let now = clock.now();
        let key = OperatorKey {
            id: IdSeq::new(now, state.ids.seed()).draw(),
            name: body.name,
            scope,
            created_at: now,
            revoked_at: None,
            expires_at: None,
        };
        let secret = fresh(state.ids.as_ref(), KEY_PREFIX);
        store.add_key(key.clone(), hash(&secret)).await?;
        tracing::info!(key = %key.id, scope = scope.as_str(), by = %by.0.actor, "key made");
        Ok(Created::with_secret(CreatedView {
            key: key.into(),
            secret,
        }))
    }

    /// All keys, newest first, without their secrets.
    #[oai(path = "/v1/keys", method = "get", operation_id = "list_keys")]
    async fn list(&self, state: Data<&AppState>, by: AdminKey) -> Answer<KeysView> {
        tracing::debug!(by = %by.0.actor, "keys listed");
        let store = state.store()?;
        let keys = store.list_keys(MAX_LISTED).await?;
        Ok(Json(KeysView {
            data: keys.into_iter().map(KeyView::from).collect(),
            next_cursor: None,
        }))
    }

    /// Makes a key of the same name and scope in the place of another, which works for a
    /// while longer. 409 `illegal_transition` where it was revoked or rotated before.
    #[oai(
        path = "/v1/keys/:id/rotate",
        method = "post",
        operation_id = "rotate_key"
    )]
    async fn rotate(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
        body: Body<RotateBody>,
    ) -> Result<Created<CreatedView>, Problem> {
        let id: KeyId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let store = state.store()?;
        let clock = state.clock()?;
        let now = to_micros(clock.now());
        let old_until = body.0.until.unwrap_or_else(|| shifted(now, OVERLAP));
        if old_until < now || old_until > shifted(now, MAX_OVERLAP) {
            return Err(Problem::field(
                "old_until",
                "must be within 30 days from now",
            ));
        }
        let old = store.get_key(id).await?;
        let old = old.ok_or_else(Problem::not_found)?;
        let key = OperatorKey {
            id: IdSeq::new(now, state.ids.seed()).draw(),
            name: old.name,
            scope: old.scope,
            created_at: now,
            revoked_at: None,
            expires_at: None,
        };
        let secret = fresh(state.ids.as_ref(), KEY_PREFIX);
        let rotated = store
            .rotate_key(id, old_until, key.clone(), hash(&secret))
            .await;
        // Whatever came back, the old one may have an end by now.
        state.keys.forget(id);
        if !rotated? {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "illegal_transition",
                "the key was revoked or rotated before",
            ));
        }
        tracing::info!(old = %id, key = %key.id, by = %by.0.actor, "key rotated");
        Ok(Created::with_secret(CreatedView {
            key: key.into(),
            secret,
        }))
    }

    /// Revokes a key: it works no longer, in this process at once.
    #[oai(path = "/v1/keys/:id", method = "delete", operation_id = "revoke_key")]
    async fn revoke(
        &self,
        state: Data<&AppState>,
        by: AdminKey,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        let id: KeyId = id.parse().map_err(|_invalid| Problem::not_found())?;
        let store = state.store()?;
        let clock = state.clock()?;
        let revoked = store.revoke_key(id, clock.now()).await;
        // Whatever came back, the key may be revoked by now.
        state.keys.forget(id);
        if !revoked? {
            return Err(Problem::not_found());
        }
        tracing::info!(key = %id, by = %by.0.actor, "key revoked");
        Ok(Done)
    }
}
