//! Price migrations at work in this process: one task each, which goes on after
//! the answer that began it, and is taken up again when a server starts.
//!
//! Knows no route, and decides nothing: what is left to do is in the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use billing_domain::catalog::PriceKey;
use billing_domain::migration::MigrationAsk;
use billing_engine::{Billing, EngineError, MigrationError};
use billing_ports::store::{MigrationRow, PageAsk};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::task::{JoinError, JoinHandle};

use crate::problem::Problem;

/// How long an answer waits for the end of what it began: some thousand holders
/// take about as long, and more are looked after by asking again.
const WAITS_FOR_END: Duration = Duration::from_secs(2);

/// Migrations looked through for those under way, newest first: as many as the
/// engine looks through before it begins one.
const LOOKED_THROUGH: u16 = 100;

/// Plans that are worked out at once in this process. Each reads every holder of a price, which
/// keeps a processor and the store busy for seconds; looking at one costs another.
const PLANS_AT_ONCE: usize = 2;

/// What this process is at work on.
#[derive(Debug, Clone)]
pub(crate) struct Migrations {
    /// The digests, by the price that is left.
    at_work: Arc<Mutex<BTreeMap<PriceKey, String>>>,
    /// Held while one is begun, so that the same request twice at once begins one.
    beginning: Arc<tokio::sync::Mutex<()>>,
    /// A permit for each plan that is worked out to be looked at.
    planning: Arc<Semaphore>,
}

impl Default for Migrations {
    fn default() -> Self {
        Self {
            at_work: Arc::default(),
            beginning: Arc::default(),
            planning: Arc::new(Semaphore::new(PLANS_AT_ONCE)),
        }
    }
}

impl Migrations {
    /// Whether this process is at work on `row`.
    pub(crate) fn has(&self, row: &MigrationRow) -> bool {
        row.finished_at.is_none() && self.locked().get(&row.from) == Some(&row.digest)
    }

    /// A place to work out a plan in, to be looked at, for as long as the permit is held.
    ///
    /// # Errors
    ///
    /// 429 `planning_busy` while as many are worked out as may be: nobody waits in a line for
    /// what takes seconds each.
    pub(crate) fn place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let place = self.planning.try_acquire();
        place.map_err(|_taken| {
            Problem::busy(
                "planning_busy",
                "as many migrations are planned as may be at once; try again in a moment",
            )
        })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<PriceKey, String>> {
        // A map of digests is whole, whoever panicked.
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes the plan with this digest, or goes on with it, and answers how far
    /// it has come within [`WAITS_FOR_END`].
    ///
    /// # Errors
    ///
    /// [`MigrationError`] as the engine tells it, if it does within that time.
    pub(crate) async fn execute(
        &self,
        billing: &Billing,
        ask: MigrationAsk,
        digest: String,
        actor: Option<String>,
    ) -> Result<MigrationRow, MigrationError> {
        let beginning = self.beginning.lock().await;
        if let Some(row) = known(billing, &digest).await?
            && (row.finished_at.is_some() || self.has(&row))
        {
            return Ok(row);
        }
        let (begun, begins) = oneshot::channel();
        let task = self.spawn(billing, ask, digest.clone(), actor, begun);
        let has_begun = begins.await.is_ok();
        drop(beginning);
        if !has_begun {
            return ended(task.await);
        }
        if let Ok(done) = tokio::time::timeout(WAITS_FOR_END, task).await {
            return ended(done);
        }
        let row = known(billing, &digest).await?;
        row.ok_or(MigrationError::Engine(EngineError::Contended))
    }

    /// Goes on with every migration that is not finished.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub(crate) async fn take_up(&self, billing: &Billing) -> Result<(), EngineError> {
        let known = billing.list_migrations(newest()).await?;
        for row in known.rows {
            if row.finished_at.is_some() {
                continue;
            }
            tracing::info!(migration = %row.id, done = row.done, planned = row.planned, "going on with a price migration");
            let ask = MigrationAsk {
                from: row.from,
                to: row.to,
                not_before: row.not_before,
            };
            let (begun, _begins) = oneshot::channel();
            drop(self.spawn(billing, ask, row.digest, row.actor, begun));
        }
        Ok(())
    }

    /// Starts a task; `begun` hears when it has begun.
    fn spawn(
        &self,
        billing: &Billing,
        ask: MigrationAsk,
        digest: String,
        actor: Option<String>,
        begun: oneshot::Sender<()>,
    ) -> JoinHandle<Result<MigrationRow, MigrationError>> {
        let (billing, this) = (billing.clone(), self.clone());
        tokio::spawn(async move {
            let mut begun = Some(begun);
            let progress = |_done: u64, _planned: u64| {
                if let Some(begun) = begun.take() {
                    this.locked().insert(ask.from.clone(), digest.clone());
                    // Who asked may have hung up, and nobody asked for what is taken up.
                    let _nobody = begun.send(());
                }
            };
            let done = billing
                .execute_migration(&ask, &digest, actor.as_deref(), progress)
                .await;
            if begun.is_none() {
                this.locked().remove(&ask.from);
            }
            match &done {
                Ok(row) => tracing::info!(migration = %row.id, "price migration finished"),
                Err(error) => {
                    tracing::warn!(%error, from = %ask.from, "price migration stopped");
                }
            }
            done
        })
    }
}

/// The migration that executes the plan with this digest. `None`: none was begun.
///
/// # Errors
///
/// [`EngineError`] when the store fails.
pub(crate) async fn known(
    billing: &Billing,
    digest: &str,
) -> Result<Option<MigrationRow>, EngineError> {
    let known = billing.list_migrations(newest()).await?;
    Ok(known.rows.into_iter().find(|row| row.digest == digest))
}

const fn newest() -> PageAsk {
    PageAsk {
        after: None,
        limit: LOOKED_THROUGH,
    }
}

/// A task that panicked is no answer of the engine's: its store failed it.
fn ended(
    done: Result<Result<MigrationRow, MigrationError>, JoinError>,
) -> Result<MigrationRow, MigrationError> {
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "price migration broke off");
        Err(EngineError::Contended.into())
    })
}
