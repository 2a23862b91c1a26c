//! Working off the queues: claim, work side by side, until nothing is due or
//! the budget is spent.
//!
//! Who is due and what was delivered is decided batch by batch. Effects are
//! performed meanwhile, and one that is over makes room for the next at once: a
//! provider that takes its time holds up neither decisions nor other calls.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use billing_ports::store::{Claiming, OutboxItem, StoreError};
use futures_util::future::{BoxFuture, Fuse, FusedFuture, FutureExt};
use futures_util::stream::{self, StreamExt};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// How often at most the outbox is looked into for a few places that have become
/// free: seldom enough that those of calls which take no time are filled together,
/// often enough that a call of some hundred milliseconds hardly waits.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long the end of a call is waited for before everything is looked into again:
/// what is delivered while a provider hangs waits no longer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a go of work came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkDone {
    /// Customers of whom something was due.
    pub due: usize,
    /// Deliveries decided.
    pub inbox: usize,
    /// Effects performed.
    pub outbox: usize,
    /// Whether the budget ended it, rather than the work.
    pub more: bool,
}

impl WorkDone {
    /// Whether there was anything to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.due == 0 && self.inbox == 0 && self.outbox == 0
    }
}

impl Billing {
    /// Works off what is due: customers, deliveries, effects, in turn, until
    /// nothing is left or `budget` is spent. An empty go is safe and cheap.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the queues cannot be read. A row that fails is
    /// logged, waits, and stops no other.
    pub async fn work(&self, budget: Duration) -> Result<WorkDone, EngineError> {
        let mut going = Going::new(self.parts()?, budget);
        let worked = going.work().await;
        // What has begun is finished, whatever became of the rest.
        while going.over().await {}
        let more = worked?;
        Ok(WorkDone { more, ..going.done })
    }

    /// Works until nothing is left that can be done at this instant.
    ///
    /// # Errors
    ///
    /// As [`Self::work`].
    pub async fn work_until_idle(&self) -> Result<WorkDone, EngineError> {
        self.work(Duration::MAX).await
    }
}

/// A go of work.
struct Going<'a> {
    parts: &'a Arc<Parts>,
    /// Effects on their way, each in a task of its own: those whose answers come together
    /// are worked on by every core, and are taken back if the go is dropped.
    calls: JoinSet<()>,
    done: WorkDone,
    started: Instant,
    budget: Duration,
    /// When the outbox was looked into last.
    looked: Instant,
    /// How many effects are over since then.
    freed: usize,
}

impl<'a> Going<'a> {
    fn new(parts: &'a Arc<Parts>, budget: Duration) -> Self {
        let started = Instant::now();
        Self {
            parts,
            calls: JoinSet::new(),
            done: WorkDone::default(),
            started,
            budget,
            looked: started,
            freed: 0,
        }
    }

    /// Whether the budget ended it, rather than the work.
    async fn work(&mut self) -> Result<bool, EngineError> {
        loop {
            let found = self.turn().await?;
            if !found && self.calls.is_empty() {
                return Ok(false);
            }
            if self.started.elapsed() >= self.budget {
                return Ok(true);
            }
            if !found {
                // Whichever comes first: both are looked at in the next turn.
                let _over = tokio::time::timeout(LOOK_AGAIN, self.over()).await;
            }
        }
    }

    /// Decides a batch of each kind, and looks into the outbox meanwhile and after
    /// that. Whether there was anything.
    ///
    /// Nothing is awaited by itself: what was not polled meanwhile would keep its
    /// connection to the database, and what was awaited might wait for just that one.
    async fn turn(&mut self) -> Result<bool, EngineError> {
        let parts = self.parts;
        let mut deciding = pin!(async {
            let due = parts.work_due().await?;
            let inbox = parts.work_inbox().await?;
            Ok::<_, EngineError>((due, inbox))
        });
        let mut decided = None;
        let mut claiming = Fuse::terminated();
        let mut begun = Ok(0_usize);
        let mut is_last = false;
        while decided.is_none() || !is_last || !claiming.is_terminated() {
            if claiming.is_terminated() {
                is_last = decided.is_some();
                if is_last || self.is_worth_a_look() {
                    claiming = self.claim().fuse();
                }
            }
            tokio::select! {
                biased;
                result = &mut deciding, if decided.is_none() => decided = Some(result),
                claimed = &mut claiming, if !claiming.is_terminated() => {
                    // What goes wrong is told once nothing is under way any more.
                    begun = match (begun, claimed) {
                        (Ok(before), Ok(items)) => Ok(before.saturating_add(self.begin(items))),
                        (Err(first), _) | (_, Err(first)) => Err(first),
                    };
                }
                true = self.over(), if !self.calls.is_empty() => {
                    self.freed = self.freed.saturating_add(1);
                }
            }
        }
        let (due, inbox) = decided.unwrap_or(Ok((0, 0)))?;
        self.done.due = self.done.due.saturating_add(due);
        self.done.inbox = self.done.inbox.saturating_add(inbox);
        Ok(due > 0 || inbox > 0 || begun? > 0)
    }

    /// Waits until an effect is over. `false`: none is under way.
    async fn over(&mut self) -> bool {
        match self.calls.join_next().await {
            None => false,
            Some(Ok(())) => true,
            // It broke: so does this go, as if it had called by itself.
            Some(Err(broken)) => match broken.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_canceled) => true,
            },
        }
    }

    /// How many more effects may be claimed: some wait for their place already here.
    fn free(&self) -> usize {
        let limits = &self.parts.limits;
        let held = limits.places().saturating_add(limits.ready());
        held.saturating_sub(self.calls.len())
    }

    fn is_worth_a_look(&self) -> bool {
        let half = self.parts.limits.places().div_ceil(2);
        self.freed >= half || self.freed > 0 && self.looked.elapsed() >= LOOK_EVERY
    }

    /// As many effects as there are places.
    fn claim(&mut self) -> BoxFuture<'a, Result<Vec<OutboxItem>, StoreError>> {
        let (parts, free) = (self.parts, self.free());
        (self.looked, self.freed) = (Instant::now(), 0);
        Box::pin(async move {
            if free == 0 {
                return Ok(Vec::new());
            }
            parts.store.claim_outbox(parts.ask(free)).await
        })
    }

    /// Begins effects that were claimed; how many.
    fn begin(&mut self, items: Vec<OutboxItem>) -> usize {
        let count = items.len();
        for item in items {
            let parts = Arc::clone(self.parts);
            let performing = async move { parts.perform_claimed(item).await };
            self.calls.spawn(performing.in_current_span());
        }
        self.done.outbox = self.done.outbox.saturating_add(count);
        count
    }
}

impl Parts {
    /// A batch, and no more than there are places: what waits for its turn would
    /// wait on a claim that runs.
    fn ask(&self, places: usize) -> Claiming {
        let places = u16::try_from(places).unwrap_or(u16::MAX);
        self.claiming(self.limits.batch.min(places))
    }

    fn claiming(&self, limit: u16) -> Claiming {
        Claiming {
            now: self.now(),
            lease: self.limits.lease,
            limit: limit.max(1),
        }
    }

    async fn work_due(&self) -> Result<usize, EngineError> {
        let places = self.limits.places();
        let claimed = self.store.claim_due(self.ask(places)).await?;
        let count = claimed.len();
        stream::iter(claimed)
            .for_each_concurrent(places, |due| self.decide_due(due))
            .await;
        Ok(count)
    }

    async fn work_inbox(&self) -> Result<usize, EngineError> {
        let ask = self.claiming(self.limits.inbox_batch);
        let claimed = self.store.claim_inbox(ask).await?;
        let count = claimed.len();
        let items = self.settle_plain(claimed).await;
        let groups = self.group(items).await;
        // All reading of all of them takes as long as one call may, so that the
        // claims hold.
        let deadline = self.limits.calls_until();
        stream::iter(groups)
            .for_each_concurrent(self.limits.places(), |group| {
                self.decide_group(group, deadline)
            })
            .await;
        Ok(count)
    }
}
