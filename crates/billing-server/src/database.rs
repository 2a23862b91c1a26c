//! Opening the database that the configuration names. Knows the two kinds that
//! there are, and nothing of what is in them.

use std::sync::Arc;

use billing_ports::Store;
use billing_ports::store::StoreError;
use billing_postgres::{PostgresOptions, PostgresStore};
use billing_sqlite::{SqliteOptions, SqliteStore};
use secrecy::ExposeSecret as _;

use crate::config::Database;
use crate::wiring::{WiringError, make};

/// Versions of a schema; 0 is an empty database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The one that was found.
    pub(crate) found: u32,
    /// The one that this program needs.
    pub(crate) needed: u32,
}

/// Connects to `database`, making an SQLite file where there is none, and
/// brings its schema up to date.
pub(crate) async fn open(database: &Database) -> Result<(Arc<dyn Store>, Versions), WiringError> {
    Ok(match database {
        Database::Sqlite(path) => {
            make(path)?;
            let store = SqliteStore::open(path, SqliteOptions::default()).await?;
            let found = store.schema_version().await?;
            store.migrate().await?;
            let needed = store.schema_version().await?;
            (Arc::new(store), Versions { found, needed })
        }
        Database::Postgres(url) => {
            let options = PostgresOptions::default();
            let store = PostgresStore::connect(url.expose_secret(), options).await?;
            let found = store.schema_version().await?;
            store.migrate().await?;
            let needed = store.schema_version().await?;
            (Arc::new(store), Versions { found, needed })
        }
    })
}

/// Connects to `database` and leaves it as it is. An SQLite file must be there.
pub(crate) async fn look(database: &Database) -> Result<(Arc<dyn Store>, Versions), WiringError> {
    let needed = needed().await?;
    Ok(match database {
        Database::Sqlite(path) => {
            let store = SqliteStore::open(path, SqliteOptions::default()).await?;
            let found = store.schema_version().await?;
            (Arc::new(store), Versions { found, needed })
        }
        Database::Postgres(url) => {
            let options = PostgresOptions::default();
            let store = PostgresStore::connect(url.expose_secret(), options).await?;
            let found = store.schema_version().await?;
            (Arc::new(store), Versions { found, needed })
        }
    })
}

/// The version that this program needs: that of a database made just now.
async fn needed() -> Result<u32, StoreError> {
    SqliteStore::in_memory().await?.schema_version().await
}
