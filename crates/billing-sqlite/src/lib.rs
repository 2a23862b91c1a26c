//! The SQLite store: one file, one writer, many readers.
//!
//! What waits to be written is written in one transaction, each part under its
//! own savepoint, and answered once it is on disk. Knows how to open, to
//! write and to be told; every query is in `billing-sql`.

mod job;
mod open;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use billing_sql::{Database, Fault, Operation, SqlStore};
use sea_orm::{DatabaseConnection, TransactionTrait};
use tokio::sync::Notify;

pub use open::{DEFAULT_READERS, SqliteOptions};

/// A store in an SQLite file. See [`SqlStore::open`] and [`SqlStore::in_memory`].
pub type SqliteStore = SqlStore<Sqlite>;

/// An SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    reader: DatabaseConnection,
    writer: writer::Writer,
    changed: Arc<Notify>,
}

impl Sqlite {
    /// How many transactions have been committed since it was opened: under
    /// load fewer than there were writes.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.writer.transactions()
    }
}

#[async_trait]
impl Database for Sqlite {
    fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Fault> {
        self.writer.write(operation).await
    }

    async fn migrate(&self) -> Result<(), Fault> {
        let transaction = self
            .writer
            .connection()
            .begin_with_options(writer::immediate())
            .await?;
        billing_sql::migrate(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    fn wake(&self) {
        // Everyone who waits now, and the next who would have.
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }
}
