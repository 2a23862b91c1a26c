//! Connecting: pool, time-outs, and a fresh database beside another.
//! The URL holds a password and appears in no log and no error.

use std::time::Duration;

use async_trait::async_trait;
use billing_ports::store::StoreError;
use billing_sql::ServerDatabase;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions, Connection, Executor};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};

use crate::Postgres;
use crate::intake::Intake;
use crate::notices::Notices;

/// Connections of one process. A statement keeps one for about a millisecond,
/// so that a few serve thousands of requests a second, and several processes
/// fit under a server's usual limit of a hundred.
pub const DEFAULT_CONNECTIONS: u32 = 16;

/// One more connection listens for other processes' work.
const LISTENING: u32 = 1;

/// How long to wait for a connection: below the store's time-out, so that the
/// answer says what it was waiting for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// What a single statement may take, in milliseconds: what the caller has given
/// up waiting for must not go on burdening the server.
const STATEMENT_TIMEOUT: &str = "4000";

/// How long a transaction may stand idle, in milliseconds: nothing of ours
/// waits for anybody inside one; ten seconds mean that its process is gone.
const IDLE_TIMEOUT: &str = "10000";

/// A connection unused for longer is asked whether it is still there: often
/// enough to notice a restarted server, and never on the way of a busy one.
const TEST_AFTER: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection: commits come in a hundred or so
/// shapes, by which parts they have, and everything else in some fifty.
const STATEMENTS: usize = 256;

/// How a PostgreSQL database is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Connections for reads and writes; at least one.
    pub connections: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: DEFAULT_CONNECTIONS,
        }
    }
}

#[async_trait]
impl ServerDatabase for Postgres {
    type Options = PostgresOptions;

    async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let settings = parse(url)?
            .application_name("billing")
            .statement_cache_capacity(STATEMENTS)
            .options([
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections.max(1).saturating_add(LISTENING))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > TEST_AFTER {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(settings)
            .await;
        let pool = pool.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let notices = Notices::start(pool.clone()).await?;
        let pool: DatabaseConnection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        Ok(Self {
            intake: Intake::start(pool.clone()),
            pool,
            notices,
        })
    }

    async fn create_database(url: &str, name: &str) -> Result<String, StoreError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || !name.bytes().all(allowed) {
            let why = "a database's name is of lower-case letters, digits and '_'";
            return Err(StoreError::Failed(why.to_owned()));
        }
        let settings = parse(url)?;
        let connection = PgConnection::connect_with(&settings).await;
        let mut connection =
            connection.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let failed = |error: sea_orm::sqlx::Error| StoreError::Failed(error.to_string());
        let create = sea_orm::sqlx::AssertSqlSafe(format!("create database {name}"));
        connection.execute(create).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok(settings.database(name).to_url_lossy().to_string())
    }
}

fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    // The cause may quote the URL, password and all.
    let settings = url.parse::<PgConnectOptions>().map_err(|_quotes_url| {
        StoreError::Unavailable("the database URL cannot be read".to_owned())
    })?;
    Ok(settings.disable_statement_logging())
}
