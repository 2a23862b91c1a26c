//! What happens, carried to people and places that are no receivers of events: letters,
//! invitations. Each thing that is told is a row first, as a delivery to a receiver is, so that
//! a restart forgets nothing and repeats nothing; a way that fails is tried again at its own
//! pace, and holds up nobody.
//!
//! Knows neither what is carried nor how: that is a [`Transport`]'s.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use billing_domain::ids::{EffectId, EndpointId};
use billing_domain::journal::JournalEntry;
use billing_domain::time::{Timestamp, to_micros};
use billing_ports::store::{
    Attempted, ClaimedDelivery, Claiming, EventDelivery, Health, LastTry, NextTry, StoreError,
};
use billing_ports::{Clock, IdSource, Notifier, NotifyError, Store};
use futures_util::future::join_all;
use jiff::SignedDuration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::rules::{TRIES, WAITED_IN_ALL, mended_at, retry_at};
use crate::sender::{self, AFTER_FAILURE, POLL, SWEEP_EVERY};
use crate::told::delivery;

/// Things that one transport carries at the same time: mail servers refuse who opens many
/// sessions at once, and a burst of some thousand is gone within minutes.
const AT_ONCE: u16 = 8;

/// How long carrying one thing may take: more than a mail server or an API has.
const CARRIED_WITHIN: Duration = Duration::from_secs(45);

/// How long a claim stands: longer than that, and than a store that restarts is away.
const LEASE: SignedDuration = SignedDuration::from_secs(90);

/// How long after its claim the end of a try may be recorded: all but the last of what the
/// claim stands, so that nobody else carries meanwhile what is there already.
const RECORDED_WITHIN: Duration = Duration::from_secs(80);

/// How long [`Courier::run`] goes on at most once it is to stop: what is at hand is carried to
/// its end and recorded. Whoever ends it sooner may have something carried twice.
pub const CARRYING_ENDS_WITHIN: Duration = Duration::from_secs(85);

/// Rounds of [`Courier::carry_due`]: many times what waits in any test of a host.
const MAX_ROUNDS: usize = 10_000;

/// Longest words about a problem that are kept, in characters: for a person who looks.
const PROBLEM_MAX: usize = 200;

/// The ways that there are. Their rows lie among those of receivers, each way under an id that
/// no receiver is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Letters to customers.
    Mail,
    /// Invitations to an organization at GitHub.
    GitHub,
}

impl Way {
    const ALL: [Self; 2] = [Self::Mail, Self::GitHub];

    /// The word by which operators know it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::GitHub => "github",
        }
    }

    /// The way of that word. `None`: there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }

    /// Under which id its rows lie.
    #[must_use]
    pub fn id(self) -> EndpointId {
        // Version 8: none that is drawn is one.
        let number: u128 = match self {
            Self::Mail => 1,
            Self::GitHub => 2,
        };
        Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_0000 | number).into()
    }

    /// The way whose rows lie under `id`. `None`: it is a receiver's.
    #[must_use]
    pub fn of(id: EndpointId) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.id() == id)
    }
}

/// What became of a thing that was carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// It is there; or nothing was to be carried, as where somebody has no address.
    Done,
    /// It is tried again, for most of a day in all.
    Again {
        /// Why, fit for a log and for an operator: no secret, nobody's address.
        problem: String,
        /// How long to wait at the least. `None`: the other side did not say.
        after: Option<Duration>,
    },
    /// Nothing of ours is carried until somebody mends this, such as a password: it is tried
    /// again each hour, for three days. The same words as of [`Carried::Again`].
    Unwelcome(String),
    /// It can never be carried, for this reason, and is given up.
    Never(String),
}

/// A way by which what happens reaches somebody.
///
/// - The same entry again MUST be the same thing: one that is there is not carried twice.
/// - It MUST name no secret and no address in what it says of a failure.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Which way it is; of each there is one at most.
    fn way(&self) -> Way;

    /// Whether an entry is for it, as far as the entry says by itself.
    fn wants(&self, entry: &JournalEntry) -> bool;

    /// Carries what is to be said of an entry, as things stand now.
    async fn carry(&self, entry: &JournalEntry) -> Carried;
}

/// Has what happens carried. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Courier {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    transports: Vec<Arc<dyn Transport>>,
    wake: Notify,
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = self.inner.transports.iter().map(|held| held.way());
        f.debug_struct("Courier")
            .field("ways", &ways.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Courier {
    /// A courier over the engine's own store and clock.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        transports: Vec<Arc<dyn Transport>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                ids,
                transports,
                wake: Notify::new(),
            }),
        }
    }

    /// Looks at once whether something is due, as after moving a clock.
    pub fn wake(&self) {
        self.inner.wake.notify_waiters();
    }

    /// Carries what is due until `stop` is ready, then finishes what is at hand, takes up nothing
    /// more and returns, within [`CARRYING_ENDS_WITHIN`].
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let (ending, end) = watch::channel(false);
        let mut lanes = JoinSet::new();
        for transport in &self.inner.transports {
            lanes.spawn(self.clone().lane(Arc::clone(transport), end.clone()));
        }
        tokio::pin!(stop);
        loop {
            let more = sender::sweep(self.store(), self.now()).await;
            let rare = Duration::try_from(SWEEP_EVERY).unwrap_or(POLL);
            let pause = if more { POLL } else { rare };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        // Nobody listens where nothing is carried.
        let _nobody = ending.send(true);
        while lanes.join_next().await.is_some() {}
    }

    /// Carries what is due at this instant, and what falls due while it does; gives how many
    /// tries were made. For tests, and for hosts with a loop of their own.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; what was tried by then is recorded.
    pub async fn carry_due(&self) -> Result<usize, StoreError> {
        let mut tried = 0_usize;
        for _ in 0..MAX_ROUNDS {
            let rounds = self.inner.transports.iter().map(|held| self.round(held));
            let mut now = 0_usize;
            for round in join_all(rounds).await {
                now = now.saturating_add(round?);
            }
            if now == 0 {
                break;
            }
            tried = tried.saturating_add(now);
        }
        Ok(tried)
    }

    /// Works for one transport until it is to end.
    async fn lane(self, transport: Arc<dyn Transport>, mut end: watch::Receiver<bool>) {
        while !*end.borrow() {
            let pause = match self.round(&transport).await {
                Ok(0) => POLL,
                Ok(_) => continue,
                Err(error) => {
                    let way = transport.way().as_str();
                    tracing::warn!(way, %error, "looking for what to carry failed");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ended = end.changed() => {}
                () = self.inner.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Carries what is due by one transport, a few things side by side; gives how many.
    async fn round(&self, transport: &Arc<dyn Transport>) -> Result<usize, StoreError> {
        let ask = Claiming {
            now: self.now(),
            lease: LEASE,
            limit: AT_ONCE,
        };
        let way = transport.way().id();
        let recorded_by = Instant::now() + RECORDED_WITHIN;
        let claimed = self.store().claim_deliveries(way, ask).await?;
        let tries = claimed
            .iter()
            .map(|held| self.attempt(transport.as_ref(), held, recorded_by));
        for tried in join_all(tries).await {
            tried?;
        }
        Ok(claimed.len())
    }

    async fn attempt(
        &self,
        transport: &dyn Transport,
        claimed: &ClaimedDelivery,
        recorded_by: Instant,
    ) -> Result<(), StoreError> {
        let held = &claimed.delivery;
        let carried = match entry_of(held) {
            None => Carried::Never("what happened cannot be read".to_owned()),
            Some(entry) => {
                let carrying = tokio::time::timeout(CARRIED_WITHIN, transport.carry(&entry));
                carrying.await.unwrap_or_else(|_late| Carried::Again {
                    problem: "it took too long".to_owned(),
                    after: None,
                })
            }
        };
        let tries = held.attempts.saturating_add(1);
        let (next, problem) = self.judged(carried, tries, held.created_at);
        tell(held, transport.way(), next, problem.as_deref());
        let attempted = Attempted {
            id: held.id,
            endpoint: held.endpoint,
            fence: claimed.fence,
            tried: LastTry {
                at: self.now(),
                status: None,
                problem,
            },
            next,
            health: Health::Same,
        };
        self.record(&attempted, recorded_by).await
    }

    /// Records how a try ended, again and again while the claim stands: what is there and not
    /// recorded would be carried once more.
    async fn record(&self, attempted: &Attempted, until: Instant) -> Result<(), StoreError> {
        loop {
            let recorded = self.store().record_attempt(attempted);
            let error = match tokio::time::timeout_at(until, recorded).await {
                // Recorded late it is another's by now, who carries the same thing.
                Ok(Ok(_in_time)) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_elapsed) => StoreError::Unavailable("it does not answer".to_owned()),
            };
            let next = Instant::now() + AFTER_FAILURE;
            if next >= until {
                let (id, next) = (attempted.id, attempted.next);
                tracing::error!(delivery = %id, ?next, %error, "how carrying ended is not recorded");
                return Err(error);
            }
            tracing::warn!(delivery = %attempted.id, %error, "not recorded yet");
            tokio::time::sleep_until(next).await;
        }
    }

    /// What becomes of it after so many tries, this one included, of what is there `since` then.
    fn judged(&self, carried: Carried, tries: u16, since: Timestamp) -> (NextTry, Option<String>) {
        let cut = |text: String| Some(text.chars().take(PROBLEM_MAX).collect());
        match carried {
            Carried::Done => (NextTry::Taken, None),
            Carried::Never(problem) => (NextTry::GivenUp, cut(problem)),
            Carried::Again { problem, after } => {
                let (now, chance) = (self.now(), self.inner.ids.seed());
                let waited = now.duration_since(since) >= WAITED_IN_ALL;
                let at = match retry_at(tries, now, chance, after) {
                    // It was unwelcome before, and that has used up its tries.
                    None if !waited || tries > TRIES => mended_at(tries, now),
                    at => at,
                };
                (at.map_or(NextTry::GivenUp, NextTry::At), cut(problem))
            }
            Carried::Unwelcome(problem) => {
                let at = mended_at(tries, self.now());
                (at.map_or(NextTry::GivenUp, NextTry::At), cut(problem))
            }
        }
    }

    fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    fn now(&self) -> Timestamp {
        to_micros(self.inner.clock.now())
    }
}

#[async_trait]
impl Notifier for Courier {
    async fn notify(
        &self,
        _delivery: EffectId,
        entries: &[JournalEntry],
    ) -> Result<(), NotifyError> {
        let failed = |error: &dyn ToString| NotifyError::Failed(error.to_string());
        let now = self.now();
        let mut rows = Vec::new();
        for transport in &self.inner.transports {
            for entry in entries.iter().filter(|entry| transport.wants(entry)) {
                let body = serde_json::to_string(entry).map_err(|error| failed(&error))?;
                rows.push(delivery(entry, transport.way().id(), &body, now));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let added = self.store().add_deliveries(&rows).await;
        added.map_err(|error| failed(&error))?;
        self.wake();
        Ok(())
    }
}

/// What happened that `held` carries. `None`: it goes to a receiver, or cannot be read.
#[must_use]
pub fn entry_of(held: &EventDelivery) -> Option<JournalEntry> {
    Way::of(held.endpoint)?;
    serde_json::from_str(&held.body).ok()
}

/// For the log: ids and reasons, no address.
fn tell(held: &EventDelivery, way: Way, next: NextTry, problem: Option<&str>) {
    let (id, event, way) = (held.id, held.event.as_str(), way.as_str());
    match next {
        NextTry::Taken => tracing::debug!(delivery = %id, way, event, "carried"),
        NextTry::At(at) => {
            tracing::info!(delivery = %id, way, event, problem, %at, "not carried, tried again");
        }
        NextTry::GivenUp => {
            tracing::error!(delivery = %id, way, event, problem, "given up");
        }
    }
}

#[cfg(test)]
mod tests;
