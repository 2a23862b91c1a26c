//! Opening: pools, pragmas, durability. Money is kept with `synchronous=FULL`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use billing_ports::store::StoreError;
use billing_sql::FileDatabase;
use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use tokio::sync::Notify;

use crate::Sqlite;
use crate::writer::Writer;

/// Reads that may go on at once: they do not block each other nor the writer,
/// and more than a few only contend for the same cores.
pub const DEFAULT_READERS: u32 = 4;

/// How long to wait for another process's lock on the file: below the store's
/// own time-out, so that the answer says what it was waiting for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for a connection of our own: below the store's time-out too.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How an SQLite file is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Reads that may go on at once; at least one.
    pub readers: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            readers: DEFAULT_READERS,
        }
    }
}

#[async_trait]
impl FileDatabase for Sqlite {
    type Options = SqliteOptions;

    async fn open(path: Option<&Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let Some(path) = path else {
            // A database in memory is its one connection's.
            let memory = base().in_memory(true);
            let one = connect(pool(1).min_connections(1), memory).await?;
            return Ok(Sqlite::over(one.clone(), one));
        };
        let file = base()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = connect(pool(1), file.clone()).await?;
        let reading = file.pragma("query_only", "on");
        let reader = connect(pool(options.readers.max(1)), reading).await?;
        Ok(Sqlite::over(reader, writer))
    }
}

impl Sqlite {
    fn over(reader: DatabaseConnection, writer: DatabaseConnection) -> Self {
        Self {
            reader,
            writer: Writer::start(writer),
            changed: Arc::new(Notify::new()),
        }
    }
}

fn base() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    // Connections of a file do not go stale: they live as long as the store.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn connect(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<DatabaseConnection, StoreError> {
    let pool = pool.connect_with(options).await;
    let pool = pool.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}
