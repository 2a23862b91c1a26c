//! Sessions that were looked up lately, so that a customer who asks again does not
//! cost a look at the store each time. A session never changes; it only ends: by its time,
//! or because its customer signs out, which is heard here at once and by other processes
//! within seconds.

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
    believed: RwLock<Believed>,
}

#[derive(Default)]
struct Believed {
    held: HashMap<SecretHash, (Session, Instant)>,
    /// Raised whenever one is ended: what was looked up before it is not kept.
    epoch: u64,
}

impl SessionCache {
    /// Whose session it is at `now`. `None`: look it up.
    pub(crate) fn get(&self, hash: &SecretHash, now: Timestamp) -> Option<CustomerId> {
        let believed = self.believed.read().unwrap_or_else(PoisonError::into_inner);
        let (session, seen) = believed.held.get(hash)?;
        let believed = seen.elapsed() < BELIEVED_FOR && now < session.expires_at;
        believed.then_some(session.customer)
    }

    /// What to ask for before a session is looked up, to believe it afterward.
    pub(crate) fn epoch(&self) -> u64 {
        self.believed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .epoch
    }

    /// Believes a session that was looked up after `epoch` was asked for, unless one was ended
    /// in between.
    pub(crate) fn put(&self, hash: SecretHash, session: Session, epoch: u64) {
        let mut believed = self
            .believed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if believed.epoch != epoch {
            return;
        }
        if believed.held.len() >= MAX_BELIEVED {
            believed.held.clear();
        }
        believed.held.insert(hash, (session, Instant::now()));
    }

    /// Believes a session no longer that was just ended.
    pub(crate) fn forget(&self, hash: &SecretHash) {
        let mut believed = self
            .believed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        believed.epoch = believed.epoch.wrapping_add(1);
        believed.held.remove(hash);
    }
}
