//! The ready-made loop: works when woken, when something falls due, and now and
//! then in case a wake-up was lost. Spawned by the host, never by us.

use std::future::Future;
use std::time::Duration;

use billing_domain::time::shifted;
use billing_ports::store::Sweep;
use jiff::SignedDuration;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// How long the worker waits after a failure of the store: long enough not to
/// hammer a database that is coming back, short enough to notice when it is.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How often finished rows are swept.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Bodies of decided events are kept for a support case to look at: 30 days is
/// as long as the providers keep theirs.
const KEEP_BODIES: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Performed effects, idempotency answers and ended sessions are kept for a
/// week: longer than any provider or client repeats itself.
const KEEP_ROWS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Rows of each kind that one statement of a sweep removes at most: short
/// transactions, between which others write.
const SWEEP_BATCH: u16 = 1_000;

/// Statements of one sweep at most. 100 000 rows an hour are more than one
/// process makes; the rest follows with the next sweep.
const MAX_SWEEPS: usize = 100;

impl Billing {
    /// Works until `stop` is ready, then finishes the go at hand and returns.
    /// With billing switched off, it waits for `stop` alone.
    pub async fn run_worker(&self, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        let Ok(parts) = self.parts() else {
            return stop.await;
        };
        let mut sweep_at = parts.now();
        loop {
            let pause = match self.work(parts.limits.work_budget).await {
                Ok(done) if done.more => Duration::ZERO,
                Ok(_) => parts.idle_for().await,
                Err(EngineError::NoCatalog) => parts.limits.poll,
                Err(error) => {
                    tracing::error!(%error, "work failed, will be tried again");
                    AFTER_FAILURE
                }
            };
            if parts.now() >= sweep_at {
                parts.sweep().await;
                sweep_at = shifted(parts.now(), SWEEP_EVERY);
            }
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = tokio::time::sleep(pause) => {}
                () = parts.wake.notified() => {}
                () = parts.store.changed() => {}
            }
        }
    }
}

impl Parts {
    /// How long nothing falls due, `poll` at most.
    async fn idle_for(&self) -> Duration {
        let poll = self.limits.poll;
        let Ok(next) = self.store.next_work().await else {
            return AFTER_FAILURE;
        };
        let now = self.now();
        let next = [next.due, next.inbox, next.outbox]
            .into_iter()
            .flatten()
            .min();
        next.map_or(poll, |at| {
            let wait = at.duration_since(now).max(SignedDuration::ZERO);
            wait.try_into().unwrap_or(poll).min(poll)
        })
    }

    async fn sweep(&self) {
        let now = self.now();
        let sweep = Sweep {
            inbox_bodies_before: shifted(now, -KEEP_BODIES),
            rows_before: shifted(now, -KEEP_ROWS),
            limit: SWEEP_BATCH,
        };
        let mut swept = 0_u64;
        for _ in 0..MAX_SWEEPS {
            match self.store.sweep(sweep).await {
                Ok(rows) => {
                    swept = swept.saturating_add(rows);
                    if rows < u64::from(SWEEP_BATCH) {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "sweep failed, will be tried again");
                    break;
                }
            }
        }
        if swept > 0 {
            tracing::info!(rows = swept, "finished rows swept");
        }
    }
}
