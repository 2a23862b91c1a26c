//! Deliveries that wait at the same time are stored by one statement, so that
//! the cost of reaching the disk is shared. A lone one goes at once.

use billing_ports::store::StoreError;
use billing_sql::{Fault, InboxRow, InsertDeliveries};
use sea_orm::DatabaseConnection;
use sea_orm::prelude::Uuid;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use crate::write;

/// Deliveries in one statement: more would save nothing, as the disk is reached
/// by then in the same time as all else takes.
const BATCH: usize = 64;

/// Statements at a time: while one waits for the disk, the next are on their way.
const AT_ONCE: usize = 4;

/// Deliveries that may wait: more than a time-out's worth only makes all late.
const QUEUE: usize = 1024;

type Waiting = (InboxRow, oneshot::Sender<Result<bool, Fault>>);

/// Hands deliveries to the intake's task, which ends with this.
#[derive(Debug)]
pub(crate) struct Intake {
    deliveries: mpsc::Sender<Waiting>,
    task: AbortHandle,
}

impl Intake {
    pub(crate) fn start(pool: DatabaseConnection) -> Self {
        let (deliveries, waiting) = mpsc::channel(QUEUE);
        let task = tokio::spawn(serve(pool, waiting)).abort_handle();
        Self { deliveries, task }
    }

    /// Stores a delivery; `false`: it is known.
    pub(crate) async fn receive(&self, delivery: InboxRow) -> Result<bool, Fault> {
        let (reply, answer) = oneshot::channel();
        let sent = self.deliveries.send((delivery, reply)).await;
        sent.map_err(|_ended| gone())?;
        answer.await.map_err(|_ended| gone())?
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn gone() -> Fault {
    Fault::Store(StoreError::Unavailable("the intake has ended".to_owned()))
}

async fn serve(pool: DatabaseConnection, mut waiting: mpsc::Receiver<Waiting>) {
    let mut running = JoinSet::new();
    loop {
        while running.len() >= AT_ONCE {
            drop(running.join_next().await);
        }
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        batch.retain(|(_, reply)| !reply.is_closed());
        while running.try_join_next().is_some() {}
        let pool = pool.clone();
        running.spawn(async move { store(&pool, batch).await });
    }
}

async fn store(pool: &DatabaseConnection, mut batch: Vec<Waiting>) {
    // Everybody locks in the same order, so that no two wait for each other.
    batch.sort_by(|(a, _), (b, _)| (&a.account, &a.event_id).cmp(&(&b.account, &b.event_id)));
    let (rows, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    if rows.is_empty() {
        return;
    }
    let insert = InsertDeliveries(rows);
    let stored = match write(pool, &insert).await {
        // One of them cannot be stored: each alone, so that its trouble is its own.
        Err(fault) if ids.len() > 1 && !fault.is_connection() => {
            return alone(pool, insert, replies).await;
        }
        result => result,
    };
    for (id, reply) in ids.into_iter().zip(replies) {
        let answer = stored.clone().map(|stored| stored.contains(&id));
        // Whoever gave up waiting has been told "unavailable" already.
        drop(reply.send(answer));
    }
}

async fn alone(
    pool: &DatabaseConnection,
    InsertDeliveries(rows): InsertDeliveries,
    replies: Vec<oneshot::Sender<Result<bool, Fault>>>,
) {
    for (row, reply) in rows.into_iter().zip(replies) {
        let stored = write(pool, &InsertDeliveries(vec![row])).await;
        drop(reply.send(stored.map(|stored| !stored.is_empty())));
    }
}
