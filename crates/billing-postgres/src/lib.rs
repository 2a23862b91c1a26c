//! The PostgreSQL store: many processes on one database.
//!
//! A write is one statement wherever it can be, and needs no transaction
//! around it then. Knows how to connect, to write and to be told of other
//! processes' work; every query is in `billing-sql`.

mod connect;
mod intake;
mod notices;

use async_trait::async_trait;
use billing_sql::{
    Database, Fault, InboxRow, Operation, SCHEMA_LOCK, Shape, SqlStore, TRANSIENT_TRIES,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};

pub use connect::{DEFAULT_CONNECTIONS, PostgresOptions};

/// A store in a PostgreSQL database. See [`SqlStore::connect`].
pub type PostgresStore = SqlStore<Postgres>;

/// A PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    pool: DatabaseConnection,
    intake: intake::Intake,
    notices: notices::Notices,
}

#[async_trait]
impl Database for Postgres {
    fn reader(&self) -> &DatabaseConnection {
        &self.pool
    }

    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Fault> {
        write(&self.pool, &operation).await
    }

    async fn receive(&self, delivery: InboxRow) -> Result<bool, Fault> {
        self.intake.receive(delivery).await
    }

    async fn migrate(&self) -> Result<(), Fault> {
        let transaction = self.pool.begin().await?;
        // A later version may have much to move, and others wait for it.
        transaction
            .execute_unprepared("set local statement_timeout = 0")
            .await?;
        let lock = format!("select pg_advisory_xact_lock({SCHEMA_LOCK})");
        transaction.execute_unprepared(&lock).await?;
        billing_sql::migrate(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    fn wake(&self) {
        self.notices.send();
    }

    async fn changed(&self) {
        self.notices.received().await;
    }
}

/// Runs an operation, again while the database says that this may help.
async fn write<O: Operation>(pool: &DatabaseConnection, operation: &O) -> Result<O::Output, Fault> {
    let mut result = once(pool, operation).await;
    for _again in 1..TRANSIENT_TRIES {
        match &result {
            Err(fault) if fault.is_transient() => result = once(pool, operation).await,
            _ => break,
        }
    }
    result
}

async fn once<O: Operation>(pool: &DatabaseConnection, operation: &O) -> Result<O::Output, Fault> {
    if operation.shape(true) == Shape::Statement {
        return operation.run(pool).await;
    }
    // Dropped without a commit, a transaction is rolled back.
    let transaction = pool.begin().await?;
    let output = operation.run(&transaction).await?;
    transaction.commit().await?;
    Ok(output)
}
