//! Sessions that were looked up lately, so that a customer who asks again does not
//! cost a look at the store each time. A session never changes; it only ends.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use billing_domain::ids::CustomerId;
use billing_domain::time::Timestamp;
use billing_ports::store::{SecretHash, Session};
use tokio::time::Instant;

/// How long a session is believed after it was looked up: what is ended in the
/// store is refused here after so long at the latest.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// Sessions believed at once, at some hundred bytes each. When they are more, all
/// are looked up again.
const MAX_BELIEVED: usize = 10_000;

/// The sessions that are believed.
#[derive(Default)]
pub(crate) struct SessionCache {
    held: RwLock<HashMap<SecretHash, (Session, Instant)>>,
}

impl SessionCache {
    /// Whose session it is at `now`. `None`: look it up.
    pub(crate) fn get(&self, hash: &SecretHash, now: Timestamp) -> Option<CustomerId> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (session, seen) = held.get(hash)?;
        let believed = seen.elapsed() < BELIEVED_FOR && now < session.expires_at;
        believed.then_some(session.customer)
    }

    /// Believes a session that was just looked up.
    pub(crate) fn put(&self, hash: SecretHash, session: Session) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_BELIEVED {
            held.clear();
        }
        held.insert(hash, (session, Instant::now()));
    }
}
