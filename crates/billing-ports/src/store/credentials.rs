//! Keys, sessions and idempotency records. Only hashes of secrets come here.

use async_trait::async_trait;
use billing_domain::ids::{CustomerId, KeyId, SessionId};
use billing_domain::time::Timestamp;

use crate::store::error::StoreError;

/// A SHA-256 hash of a secret.
pub type SecretHash = [u8; 32];

/// What an operator's key may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look.
    Read,
    /// Act for customers.
    Write,
    /// Everything, keys included.
    Admin,
}

impl Scope {
    /// The word that stores and interfaces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that word. `None`: there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Admin]
            .into_iter()
            .find(|scope| scope.as_str() == word)
    }
}

/// An operator's key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorKey {
    /// Our id.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it no longer works. `None`: nobody revoked it.
    pub revoked_at: Option<Timestamp>,
    /// From when it no longer works by itself, as one that was rotated. `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl OperatorKey {
    /// Whether it works at `now`.
    #[must_use]
    pub fn works_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether operators may have sessions by it: one that was rotated works on for programs,
    /// so that they can be given the new one, and for nobody at a browser.
    #[must_use]
    pub const fn opens_sessions(&self) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none()
    }
}

/// A billing session of one customer: first a link that opens once, then a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Our id.
    pub id: SessionId,
    /// Whose session.
    pub customer: CustomerId,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session of an operator in the pages for operators, by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSession {
    /// Our id.
    pub id: SessionId,
    /// Whose session: it is over when this key is revoked or rotated.
    pub key: KeyId,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What an idempotency key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remembered {
    /// Never used: it is now yours, until you finish or abandon it, or
    /// `reserved_until` passes.
    Fresh,
    /// Somebody is at it.
    Busy,
    /// Used with another request.
    Mismatch,
    /// Used with the same request: this was the answer.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body. `None`: it held a secret that is not kept.
        body: Option<Vec<u8>>,
    },
}

/// Keys, sessions and idempotency records.
///
/// - A link secret MUST open once, however many try at the same time.
/// - An idempotency key MUST be [`Remembered::Fresh`] to one caller only.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Stores a new key.
    async fn add_key(&self, key: OperatorKey, secret: SecretHash) -> Result<(), StoreError>;

    /// The key with this secret, unless it was revoked; whether it has expired is seen by
    /// [`OperatorKey::works_at`].
    async fn find_key(&self, secret: SecretHash) -> Result<Option<OperatorKey>, StoreError>;

    /// One key, revoked or not. `None`: there is none with this id.
    async fn get_key(&self, id: KeyId) -> Result<Option<OperatorKey>, StoreError>;

    /// All keys, revoked ones included, newest first; at most `limit`.
    async fn list_keys(&self, limit: u16) -> Result<Vec<OperatorKey>, StoreError>;

    /// Stores a new key in the place of another, which works until `old_until` at most.
    /// `false`: there is no other with this id that works without an end, and nothing was
    /// written.
    async fn rotate_key(
        &self,
        old: KeyId,
        old_until: Timestamp,
        key: OperatorKey,
        secret: SecretHash,
    ) -> Result<bool, StoreError>;

    /// Ends a key. `false`: there is none with this id that was not revoked.
    async fn revoke_key(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError>;

    /// Stores a session whose token works at once.
    async fn add_session(&self, session: Session, token: SecretHash) -> Result<(), StoreError>;

    /// Stores a link that becomes a session when it is opened, until `link_expires_at`.
    async fn add_link(
        &self,
        session: Session,
        link: SecretHash,
        link_expires_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The session that a link would open at `now`; finding it changes nothing. `None`: as
    /// with [`Self::open_link`].
    async fn find_link(
        &self,
        link: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Opens a link, once: from now on `token` is the session's. `None`: there
    /// is no such link, it was opened before, or it is too late.
    async fn open_link(
        &self,
        link: SecretHash,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// The session of a token, if it has not ended at `now`.
    async fn find_session(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Ends the session of a token: from now on it MUST be nobody's. `false`: it was nobody's.
    async fn end_session(&self, token: SecretHash) -> Result<bool, StoreError>;

    /// Stores a session of an operator's whose token works at once.
    async fn add_operator_session(
        &self,
        session: OperatorSession,
        token: SecretHash,
    ) -> Result<(), StoreError>;

    /// The key whose session has this token. `None`: there is no such session, it has ended
    /// at `now`, or its key MUST open none any more, as [`OperatorKey::opens_sessions`] says.
    async fn find_operator_session(
        &self,
        token: SecretHash,
        now: Timestamp,
    ) -> Result<Option<OperatorKey>, StoreError>;

    /// Ends the operator's session of a token: from now on it MUST be nobody's. `false`: it
    /// was nobody's.
    async fn end_operator_session(&self, token: SecretHash) -> Result<bool, StoreError>;

    /// Begins a request under an idempotency key of one caller.
    async fn remember(
        &self,
        caller: &str,
        key: &str,
        request: SecretHash,
        now: Timestamp,
        reserved_until: Timestamp,
    ) -> Result<Remembered, StoreError>;

    /// Keeps the answer of a request begun with [`Self::remember`].
    async fn answer(
        &self,
        caller: &str,
        key: &str,
        status: u16,
        body: Option<Vec<u8>>,
    ) -> Result<(), StoreError>;

    /// Forgets a request that was begun and wrote nothing, so that it can be repeated.
    async fn forget(&self, caller: &str, key: &str) -> Result<(), StoreError>;
}
