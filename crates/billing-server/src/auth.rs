//! Who calls: nobody in particular, an operator's key, or a customer's session.
//!
//! Secrets are compared by their SHA-256 alone, and are never kept, logged or
//! shown. Knows no route; the schemes below say what a route asks for.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use billing_domain::ids::{CustomerId, KeyId};
use billing_domain::time::Timestamp;
use billing_engine::CustomerRef;
use billing_ports::IdSource;
use billing_ports::store::{OperatorKey, Scope, SecretHash};
use poem::Request;
use poem::http::{HeaderMap, header};
use poem_openapi::auth::Bearer;
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, SecurityScheme};
use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use crate::problem::Problem;
use crate::state::AppState;

/// What an operator's key begins with.
pub(crate) const KEY_PREFIX: &str = "bk_";
/// What a session's token begins with.
pub(crate) const SESSION_PREFIX: &str = "bs_";
/// What the token of an operator's session begins with. It is good in the pages alone.
pub(crate) const OPERATOR_PREFIX: &str = "bo_";
/// What a link that opens a session begins with.
pub(crate) const LINK_PREFIX: &str = "bl_";

/// How long a key is believed to work after it was looked up: what another
/// process revokes is refused here after so long at the latest.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// Keys believed at once. An installation has a handful; more means a test or an attack.
const MAX_BELIEVED: usize = 1024;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Nobody in particular.
    Public,
    /// An operator.
    Key(Operator),
    /// A customer.
    Session(CustomerId),
}

/// An operator, by a key of ours or by the host's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator {
    /// Who acts, for the journal: the key's id, or the host's name.
    pub(crate) actor: String,
    /// What people call it.
    pub(crate) name: String,
    pub(crate) scope: Scope,
}

impl From<OperatorKey> for Operator {
    fn from(key: OperatorKey) -> Self {
        Self {
            actor: key.id.to_string(),
            name: key.name,
            scope: key.scope,
        }
    }
}

impl Caller {
    /// Who called, as found by [`authenticate`].
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().cloned().unwrap_or(Self::Public)
    }

    /// The name under which idempotency keys are kept.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Public => "public".to_owned(),
            Self::Key(operator) => operator.actor.clone(),
            Self::Session(customer) => customer.to_string(),
        }
    }
}

/// Who sent a request with these headers.
///
/// # Errors
///
/// The one 401 for every credential that does not work, or 503.
pub(crate) async fn authenticate(state: &AppState, headers: &HeaderMap) -> Result<Caller, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = given.next() else {
        return Ok(Caller::Public);
    };
    let token = first.to_str().ok().and_then(bearer);
    let (Some(token), None) = (token, given.next()) else {
        return Err(Problem::unauthorized());
    };
    let store = state.store()?;
    let clock = state.clock()?;
    let now = clock.now();
    let hash = hash(token);
    if token.starts_with(KEY_PREFIX) {
        if let Some(held) = state.keys.get(&hash) {
            return working(held, now);
        }
        let epoch = state.keys.epoch();
        let found = store.find_key(hash).await?;
        let key = found.ok_or_else(Problem::unauthorized)?;
        state.keys.put(hash, key.clone(), epoch);
        return working(key, now);
    }
    if token.starts_with(SESSION_PREFIX) {
        if let Some(customer) = state.sessions.get(&hash, now) {
            return Ok(Caller::Session(customer));
        }
        let epoch = state.sessions.epoch();
        let found = store.find_session(hash, now).await?;
        let session = found.ok_or_else(Problem::unauthorized)?;
        let customer = session.customer;
        state.sessions.put(hash, session, epoch);
        return Ok(Caller::Session(customer));
    }
    Err(Problem::unauthorized())
}

/// Whoever has this key, unless it has expired.
fn working(key: OperatorKey, now: Timestamp) -> Result<Caller, Problem> {
    if key.works_at(now) {
        Ok(Caller::Key(key.into()))
    } else {
        Err(Problem::unauthorized())
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What of a secret is kept.
pub(crate) fn hash(secret: &str) -> SecretHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// A fresh secret.
pub(crate) fn fresh(ids: &dyn IdSource, prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(ids.secret()))
}

/// Keys that were looked up a moment ago, so that a gate over HTTP costs no read.
#[derive(Default)]
pub(crate) struct KeyCache {
    believed: RwLock<Believed>,
}

#[derive(Default)]
struct Believed {
    keys: HashMap<SecretHash, (OperatorKey, Instant)>,
    /// Raised by every revocation: what was looked up before it is not kept.
    epoch: u64,
}

impl KeyCache {
    fn get(&self, secret: &SecretHash) -> Option<OperatorKey> {
        let believed = self.believed.read().unwrap_or_else(PoisonError::into_inner);
        let (key, since) = believed.keys.get(secret)?;
        (since.elapsed() < BELIEVED_FOR).then(|| key.clone())
    }

    fn epoch(&self) -> u64 {
        self.believed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .epoch
    }

    fn put(&self, secret: SecretHash, key: OperatorKey, epoch: u64) {
        let mut believed = self
            .believed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if believed.epoch != epoch {
            return;
        }
        if believed.keys.len() >= MAX_BELIEVED {
            believed.keys.clear();
        }
        believed.keys.insert(secret, (key, Instant::now()));
    }

    /// Believes `id` no longer.
    pub(crate) fn forget(&self, id: KeyId) {
        let mut believed = self
            .believed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        believed.epoch = believed.epoch.wrapping_add(1);
        believed.keys.retain(|_, (key, _)| key.id != id);
    }
}

/// An operator's key of scope `read` or above.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "read_key",
    checker = "read_key",
    bearer_format = "bk_…"
)]
pub(crate) struct ReadKey(Operator);

/// An operator's key of scope `write` or above.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "write_key",
    checker = "write_key",
    bearer_format = "bk_…"
)]
pub(crate) struct WriteKey(pub(crate) Operator);

/// An operator's key of scope `admin`.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "admin_key",
    checker = "admin_key",
    bearer_format = "bk_…"
)]
pub(crate) struct AdminKey(pub(crate) Operator);

/// A billing session: one customer, for a while.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "billing_session",
    checker = "session",
    bearer_format = "bs_…"
)]
pub(crate) struct BillingSession(CustomerId);

impl ReadKey {
    /// Nothing but that the key was good.
    pub(crate) fn checked(&self) -> &Operator {
        &self.0
    }
}

impl WriteKey {
    /// Who acts, for the journal.
    pub(crate) fn actor(&self) -> String {
        self.0.actor.clone()
    }
}

impl BillingSession {
    /// The customer whose session it is.
    pub(crate) const fn id(&self) -> CustomerId {
        self.0
    }

    /// Whose session.
    pub(crate) fn customer(&self) -> CustomerRef {
        self.0.into()
    }

    /// Who acts, for the journal.
    pub(crate) fn actor(&self) -> String {
        self.0.to_string()
    }
}

/// Anybody: a guest, a customer with a session, or an operator with a key.
#[derive(Debug)]
pub(crate) struct Anybody(pub(crate) Caller);

impl<'a> ApiExtractor<'a> for Anybody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <WriteKey as ApiExtractor<'_>>::register(registry);
        <BillingSession as ApiExtractor<'_>>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["write_key", "billing_session"]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut poem::RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(Caller::of(request)))
    }
}

/// An operator's key of scope `write` or above, or no credential at all.
pub(crate) struct WriteKeyOrNobody(pub(crate) Option<Operator>);

impl<'a> ApiExtractor<'a> for WriteKeyOrNobody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <WriteKey as ApiExtractor<'_>>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["write_key"]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut poem::RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        match Caller::of(request) {
            Caller::Public => Ok(Self(None)),
            Caller::Key(_) | Caller::Session(_) => Ok(Self(Some(key(request, Scope::Write)?))),
        }
    }
}

/// Somebody who may have a session, where the body may hold another credential.
#[derive(Debug)]
pub(crate) struct MaybeSession(pub(crate) Caller);

impl<'a> ApiExtractor<'a> for MaybeSession {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <BillingSession as ApiExtractor<'_>>::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["billing_session"]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut poem::RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self(Caller::of(request)))
    }
}

#[expect(clippy::unused_async, reason = "the framework awaits checkers")]
async fn read_key(request: &Request, _bearer: Bearer) -> poem::Result<Operator> {
    Ok(key(request, Scope::Read)?)
}

#[expect(clippy::unused_async, reason = "the framework awaits checkers")]
async fn write_key(request: &Request, _bearer: Bearer) -> poem::Result<Operator> {
    Ok(key(request, Scope::Write)?)
}

#[expect(clippy::unused_async, reason = "the framework awaits checkers")]
async fn admin_key(request: &Request, _bearer: Bearer) -> poem::Result<Operator> {
    Ok(key(request, Scope::Admin)?)
}

#[expect(clippy::unused_async, reason = "the framework awaits checkers")]
async fn session(request: &Request, _bearer: Bearer) -> poem::Result<CustomerId> {
    match Caller::of(request) {
        Caller::Session(customer) => Ok(customer),
        Caller::Key(_) => Err(Problem::insufficient_scope("a billing session").into()),
        Caller::Public => Err(Problem::unauthorized().into()),
    }
}

fn key(request: &Request, needed: Scope) -> Result<Operator, Problem> {
    match Caller::of(request) {
        Caller::Key(key) => allowed(key, needed),
        Caller::Session(_) => Err(scope_needed(needed)),
        Caller::Public => Err(Problem::unauthorized()),
    }
}

/// `key`, if it may do what needs `needed`.
pub(crate) fn allowed(key: Operator, needed: Scope) -> Result<Operator, Problem> {
    if key.scope >= needed {
        Ok(key)
    } else {
        Err(scope_needed(needed))
    }
}

/// The refusal of a caller who lacks `needed`.
pub(crate) fn scope_needed(needed: Scope) -> Problem {
    Problem::insufficient_scope(&format!("an operator key of scope {}", needed.as_str()))
}
