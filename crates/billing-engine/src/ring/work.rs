//! Working off the queues: claim, work side by side, until nothing is due or
//! the budget is spent.

use std::time::Duration;

use billing_ports::store::Claiming;
use futures_util::stream::{self, StreamExt};

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

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
        let parts = self.parts()?;
        let started = tokio::time::Instant::now();
        let mut done = WorkDone::default();
        loop {
            let due = parts.work_due().await?;
            let inbox = parts.work_inbox().await?;
            let outbox = parts.work_outbox().await?;
            done.due = done.due.saturating_add(due);
            done.inbox = done.inbox.saturating_add(inbox);
            done.outbox = done.outbox.saturating_add(outbox);
            if due == 0 && inbox == 0 && outbox == 0 {
                return Ok(done);
            }
            if started.elapsed() >= budget {
                done.more = true;
                return Ok(done);
            }
        }
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

impl Parts {
    /// No more than are worked on at once: what waits for its turn would wait
    /// on a claim that runs.
    fn ask(&self) -> Claiming {
        let at_once = u16::try_from(self.limits.in_flight).unwrap_or(u16::MAX);
        Claiming {
            now: self.now(),
            lease: self.limits.lease,
            limit: self.limits.batch.min(at_once).max(1),
        }
    }

    async fn work_due(&self) -> Result<usize, EngineError> {
        let claimed = self.store.claim_due(self.ask()).await?;
        let count = claimed.len();
        stream::iter(claimed)
            .for_each_concurrent(self.limits.in_flight, |due| self.decide_due(due))
            .await;
        Ok(count)
    }

    async fn work_inbox(&self) -> Result<usize, EngineError> {
        let claimed = self.store.claim_inbox(self.ask()).await?;
        let count = claimed.len();
        let items = self.settle_plain(claimed).await;
        let groups = self.group(items).await;
        stream::iter(groups)
            .for_each_concurrent(self.limits.in_flight, |group| self.decide_group(group))
            .await;
        Ok(count)
    }

    async fn work_outbox(&self) -> Result<usize, EngineError> {
        let claimed = self.store.claim_outbox(self.ask()).await?;
        let count = claimed.len();
        stream::iter(claimed)
            .for_each_concurrent(self.limits.in_flight, |item| self.perform_claimed(item))
            .await;
        Ok(count)
    }
}
