//! A fresh store of each kind.

use std::sync::Arc;

use billing::postgres::{PostgresOptions, PostgresStore};
use billing::sqlite::SqliteStore;
use billing::system::SystemIds;
use billing_ports::IdSource;
use billing_ports::store::Store;
use billing_testkit::MemoryStore;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Memory,
    Sqlite,
    Postgres,
}

impl StoreKind {
    /// A fresh, empty store.
    pub(crate) async fn fresh(self) -> Arc<dyn Store> {
        match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite => Arc::new(SqliteStore::in_memory().await.unwrap()),
            Self::Postgres => Arc::new(fresh_postgres().await.1),
        }
    }

    /// Whether the tests were told to go without it.
    pub(crate) fn is_skipped(self) -> bool {
        self == Self::Postgres && server() == "skip"
    }
}

/// Where the tests' PostgreSQL is, or `skip`.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests are told by who starts them"
)]
pub(crate) fn server() -> String {
    std::env::var("BILLING_TEST_POSTGRES").unwrap_or_else(|_unset| {
        panic!("BILLING_TEST_POSTGRES is not set; run the tests with `cargo xtask test`")
    })
}

/// A database of its own, with its address.
pub(crate) async fn fresh_postgres() -> (String, PostgresStore) {
    let name = format!("billing_{}", SystemIds.seed());
    let url = PostgresStore::create_database(&server(), &name)
        .await
        .unwrap();
    let store = connect_postgres(&url).await;
    store.migrate().await.unwrap();
    (url, store)
}

/// A store on a database that exists. A test needs few connections, and many
/// tests run side by side.
pub(crate) async fn connect_postgres(url: &str) -> PostgresStore {
    PostgresStore::connect(url, PostgresOptions { connections: 4 })
        .await
        .unwrap()
}
