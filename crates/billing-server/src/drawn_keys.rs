//! Keys that are drawn when they are first needed, and kept in the store for a while: what
//! they signed is taken by every process with the same books, and a restart ends nothing.
//!
//! Whoever reads the books can sign as well, so they are for what buys little: a quote that
//! is still to be paid, a link that leads to somebody else's bill. Knows nothing of what is
//! signed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::Remembered;
use billing_ports::{Clock, IdSource, Store};
use jiff::SignedDuration;
use ring::hmac;

use crate::problem::Problem;
use crate::state::AppState;

/// For which request they are kept: no caller's idempotency key is kept under its own text,
/// so none meets these.
const REQUEST: [u8; 32] = [0; 32];

/// What is kept beside a key, where an answer has its HTTP status: none was sent.
const NO_STATUS: u16 = 0;

/// How long drawing a key may take: two writes.
const DRAWN_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Looks at a key that another process is drawing, and the pause between two:
/// half a second together, in which two writes are done.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Keys held in memory: more than count at a time, by whatever they are named.
const MAX_HELD: usize = 8;

/// What to do where a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfNone {
    Draw,
    Leave,
}

/// Where keys are kept, and what they are drawn with.
pub(crate) struct Books<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a dyn IdSource,
}

impl<'a> Books<'a> {
    /// Those of a server.
    ///
    /// # Errors
    ///
    /// 404 when billing is switched off.
    pub(crate) fn of(state: &'a AppState) -> Result<Self, Problem> {
        let billing = &state.billing;
        Ok(Self {
            store: billing
                .store()
                .ok_or_else(Problem::billing_disabled)?
                .as_ref(),
            clock: billing
                .clock()
                .ok_or_else(Problem::billing_disabled)?
                .as_ref(),
            ids: state.ids.as_ref(),
        })
    }
}

/// Keys of one kind, by names that ascend with time.
pub(crate) struct DrawnKeys {
    /// Under whose name they are kept.
    keeper: &'static str,
    /// How much longer than a week the store is to keep them: it forgets by the time that it
    /// was told, and is told one that is so much later.
    kept_longer: SignedDuration,
    held: Mutex<BTreeMap<String, hmac::Key>>,
}

impl DrawnKeys {
    pub(crate) const fn new(keeper: &'static str, kept_longer: SignedDuration) -> Self {
        Self {
            keeper,
            kept_longer,
            held: Mutex::new(BTreeMap::new()),
        }
    }

    /// The key of this name. `None`: none was drawn, or its time is over.
    ///
    /// # Errors
    ///
    /// 503 when the store fails.
    pub(crate) async fn key(
        &self,
        books: &Books<'_>,
        name: &str,
        if_none: IfNone,
    ) -> Result<Option<hmac::Key>, Problem> {
        if let Some(key) = self.get(name) {
            return Ok(Some(key));
        }
        for _ in 0..LOOKS {
            match self.remembered(books, name).await? {
                Remembered::Answered { body, .. } => {
                    return Ok(body.map(|secret| self.put(name, &secret)));
                }
                Remembered::Fresh if if_none == IfNone::Draw => {
                    // Looked up again: what was kept counts, whoever drew it.
                    let secret = books.ids.secret().to_vec();
                    let kept = books
                        .store
                        .answer(self.keeper, name, NO_STATUS, Some(secret));
                    kept.await?;
                }
                Remembered::Fresh => {
                    books.store.forget(self.keeper, name).await?;
                    return Ok(None);
                }
                Remembered::Mismatch => return Ok(None),
                Remembered::Busy => tokio::time::sleep(BETWEEN_LOOKS).await,
            }
        }
        Err(Problem::unavailable())
    }

    async fn remembered(&self, books: &Books<'_>, name: &str) -> Result<Remembered, Problem> {
        let now: Timestamp = shifted(books.clock.now(), self.kept_longer);
        let until = shifted(now, DRAWN_WITHIN);
        let asked = books.store.remember(self.keeper, name, REQUEST, now, until);
        Ok(asked.await?)
    }

    fn get(&self, name: &str) -> Option<hmac::Key> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(name).cloned()
    }

    fn put(&self, name: &str, secret: &[u8]) -> hmac::Key {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(name.to_owned(), key.clone());
        while held.len() > MAX_HELD {
            // The oldest stands first.
            held.pop_first();
        }
        key
    }
}
