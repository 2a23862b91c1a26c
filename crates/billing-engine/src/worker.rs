//! The ready-made loop: works when woken, when something falls due, and now and
//! then in case a wake-up was lost. Spawned by the host, never by us.

use std::future::Future;
use std::time::Duration;

use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{NextWork, Sweep};
use futures_util::FutureExt;
use futures_util::future::Shared;
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::billing::{Billing, Parts};

/// How long the worker waits after a failure of the store: long enough not to
/// hammer a database that is coming back, short enough to notice when it is.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The least pause after a go that found nothing. Work can be due and not to be
/// had, while another process holds its row: it is had a moment later.
const LEAST_PAUSE: Duration = Duration::from_millis(20);

/// How often all open invoices are asked about, and the books of every provider are
/// read: an hour is soon enough for a webhook that was lost, and seldom enough for a
/// provider's limits. What is fresh is asked about oftener (`Limits::ask_open`).
const RECONCILE_EVERY: SignedDuration = SignedDuration::from_hours(1);

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
    ///
    /// What providers' own books say is read beside the work: it takes minutes where
    /// there is much of it, and nobody waits for it.
    pub async fn run_worker(&self, stop: impl Future<Output = ()> + Send) {
        let stop = stop.shared();
        let Ok(parts) = self.parts() else {
            return stop.await;
        };
        let turned = Turned::default();
        let works = self.work_on(parts, &turned, stop.clone());
        let reads = parts.read_on(&turned, stop);
        tokio::join!(works, reads);
    }

    /// Claims, decides and performs. Says after every turn that the clock may have moved.
    async fn work_on<S>(&self, parts: &Parts, turned: &Turned, mut stop: Shared<S>)
    where
        S: Future<Output = ()> + Send,
    {
        let mut sweep_at = parts.now();
        loop {
            let pause = match self.work(parts.limits.work_budget).await {
                Ok(done) if done.more => Duration::ZERO,
                Ok(_) => parts.idle_for().await,
                Err(error) => {
                    tracing::error!(%error, "work failed, will be tried again");
                    AFTER_FAILURE
                }
            };
            if parts.now() >= sweep_at {
                // Every statement of it stands by itself, so it may be broken off.
                tokio::select! {
                    biased;
                    () = &mut stop => return,
                    () = parts.sweep() => {}
                }
                sweep_at = shifted(parts.now(), SWEEP_EVERY);
            }
            turned.say();
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

/// Says after every turn of the work that the clock may have moved.
#[derive(Default)]
struct Turned {
    for_books: Notify,
    for_fresh: Notify,
}

impl Turned {
    fn say(&self) {
        self.for_books.notify_one();
        self.for_fresh.notify_one();
    }
}

impl Parts {
    /// Asks about open invoices and reads providers' books, whenever it is time. Every
    /// call of it stands by itself, so it is broken off when the worker stops.
    async fn read_on<S>(&self, turned: &Turned, mut stop: Shared<S>)
    where
        S: Future<Output = ()> + Send,
    {
        // Books take minutes, and hold up nobody who has just paid.
        let books = async {
            let mut reconcile_at = shifted(self.now(), RECONCILE_EVERY);
            loop {
                turned.for_books.notified().await;
                if self.now() < reconcile_at {
                    continue;
                }
                if let Err(error) = self.reconcile().await {
                    tracing::warn!(%error, "reconciling failed, will be tried again");
                }
                self.reread_all().await;
                reconcile_at = shifted(self.now(), RECONCILE_EVERY);
            }
        };
        let fresh = async {
            let ask_every = self.limits.ask_open.try_into().unwrap_or(RECONCILE_EVERY);
            let mut ask_at = shifted(self.now(), ask_every);
            loop {
                turned.for_fresh.notified().await;
                if self.now() < ask_at {
                    continue;
                }
                if let Err(error) = self.reconcile_fresh().await {
                    tracing::warn!(%error, "asking failed, will be tried again");
                }
                ask_at = shifted(self.now(), ask_every);
            }
        };
        let reads = async { tokio::join!(books, fresh) };
        tokio::select! {
            biased;
            () = &mut stop => {}
            _never = reads => {}
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
        pause_until(next, self.now(), poll)
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

/// How long to wait for the earliest of `next`, `poll` at most.
fn pause_until(next: NextWork, now: Timestamp, poll: Duration) -> Duration {
    let next = [next.due, next.inbox, next.outbox];
    let Some(at) = next.into_iter().flatten().min() else {
        return poll;
    };
    let wait = at.duration_since(now).max(SignedDuration::ZERO);
    let wait = wait.try_into().unwrap_or(poll);
    wait.max(LEAST_PAUSE).min(poll)
}

#[cfg(test)]
mod tests {
    use super::*;
    use billing_testkit::fixtures::start;

    #[test]
    fn the_pause_ends_with_the_earliest_and_never_turns_in_place() {
        let poll = Duration::from_mins(1);
        let pause = |due: Option<i64>, inbox: Option<i64>, outbox: Option<i64>| {
            let at = |millis: i64| shifted(start(), SignedDuration::from_millis(millis));
            let next = NextWork {
                due: due.map(at),
                inbox: inbox.map(at),
                outbox: outbox.map(at),
            };
            pause_until(next, start(), poll).as_millis()
        };
        assert_eq!(pause(None, None, None), 60_000);
        assert_eq!(pause(Some(3_000), Some(2_000), Some(4_000)), 2_000);
        assert_eq!(pause(Some(3_000), None, Some(1_500)), 1_500);
        assert_eq!(pause(Some(90_000), None, None), 60_000);
        // Due already, and nevertheless not to be had a moment ago.
        for due in [0, -5_000, 1] {
            assert_eq!(pause(Some(due), None, None), 20);
        }
    }
}
