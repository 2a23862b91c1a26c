//! The one writer: takes all that waits, writes it in one transaction, answers
//! after the commit. A lone write is never kept waiting for company.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_ports::store::StoreError;
use billing_sql::{Fault, Operation, Shape, TRANSIENT_TRIES};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::mpsc;

use crate::job::{Job, Ran, Ticket};

/// Writes in one transaction: enough that the cost of reaching the disk is
/// shared by many, and few enough (some 20 ms) that nobody waits long for company.
const BATCH: usize = 64;

/// Writes that may wait: more than a time-out's worth only makes everybody late.
const QUEUE: usize = 1024;

/// Hands writes to the writer's task, which ends when this is dropped.
pub(crate) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    connection: DatabaseConnection,
    transactions: Arc<AtomicU64>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the task that writes over `connection`.
    pub(crate) fn start(connection: DatabaseConnection) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let transactions = Arc::new(AtomicU64::new(0));
        let desk = Desk {
            connection: connection.clone(),
            transactions: Arc::clone(&transactions),
        };
        drop(tokio::spawn(desk.serve(waiting)));
        Self {
            jobs,
            connection,
            transactions,
        }
    }

    pub(crate) const fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    pub(crate) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Writes `operation`; answers once it is on disk.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Fault> {
        let (ticket, answer) = Ticket::new(operation);
        let sent = self.jobs.send(Box::new(ticket)).await;
        sent.map_err(|_ended| gone())?;
        answer.await.map_err(|_ended| gone())?
    }
}

fn gone() -> Fault {
    Fault::Store(StoreError::Unavailable("the writer has ended".to_owned()))
}

/// A transaction that takes the write lock at once, rather than failing later.
pub(crate) fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

struct Desk {
    connection: DatabaseConnection,
    transactions: Arc<AtomicU64>,
}

impl Desk {
    async fn serve(self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            batch.retain(|job| !job.is_abandoned());
            if self.together(&mut batch).await {
                continue;
            }
            // The database failed under one of them, which may have taken back
            // the others' work: each alone, so that one's trouble is its own.
            for job in batch.drain(..) {
                self.alone(job).await;
            }
        }
    }

    /// Writes all of `batch` in one transaction and answers. `false`: nothing
    /// was written, and nobody answered.
    async fn together(&self, batch: &mut Vec<Box<dyn Job>>) -> bool {
        if batch.len() < 2 {
            return batch.is_empty();
        }
        let Ok(transaction) = self.connection.begin_with_options(immediate()).await else {
            return false;
        };
        for job in batch.iter_mut() {
            if run_apart(&transaction, job.as_mut()).await == Ran::Broken {
                report(transaction.rollback().await.map_err(Fault::from));
                return false;
            }
        }
        let lasting = transaction.commit().await.map_err(Fault::from);
        self.count(&lasting);
        for job in batch.drain(..) {
            job.answer(lasting.clone());
        }
        true
    }

    async fn alone(&self, mut job: Box<dyn Job>) {
        let mut lasting = self.once(job.as_mut()).await;
        for _again in 1..TRANSIENT_TRIES {
            match &lasting {
                Err(fault) if fault.is_transient() && !job.is_abandoned() => {}
                _ => break,
            }
            lasting = self.once(job.as_mut()).await;
        }
        job.answer(lasting);
    }

    async fn once(&self, job: &mut dyn Job) -> Result<(), Fault> {
        let transaction = self.connection.begin_with_options(immediate()).await?;
        if job.run(&transaction).await != Ran::Well {
            report(transaction.rollback().await.map_err(Fault::from));
            return Ok(());
        }
        let lasting = transaction.commit().await.map_err(Fault::from);
        self.count(&lasting);
        lasting
    }

    fn count(&self, lasting: &Result<(), Fault>) {
        if lasting.is_ok() {
            self.transactions.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs a job so that, failing, it leaves nothing behind and others untouched.
async fn run_apart(on: &DatabaseTransaction, job: &mut dyn Job) -> Ran {
    // A single statement takes itself back.
    if job.shape() == Shape::Statement {
        return job.run(on).await;
    }
    let Ok(savepoint) = on.begin().await else {
        return Ran::Broken;
    };
    let ran = job.run(&savepoint).await;
    let closed = match ran {
        Ran::Well => savepoint.commit().await,
        Ran::Refused | Ran::Broken => savepoint.rollback().await,
    };
    if closed.is_err() { Ran::Broken } else { ran }
}

fn report(rolled_back: Result<(), Fault>) {
    if let Err(fault) = rolled_back {
        tracing::warn!(error = %StoreError::from(fault), "failed to roll back");
    }
}
