//! A fresh database per test, on the server named by `BILLING_TEST_POSTGRES`.
//! The databases stay there: the server is meant to be a private one.

use std::hash::{BuildHasher, Hasher, RandomState};

use billing_ports::Store;
use billing_postgres::{PostgresOptions, PostgresStore};
use billing_testkit::MemoryStore;
use billing_testkit::contract::StoreRig;

/// Where the server's URL stands.
const VARIABLE: &str = "BILLING_TEST_POSTGRES";

/// Connections of a test: many tests share one server.
const CONNECTIONS: u32 = 4;

/// The URL of the server. `None`: PostgreSQL is to be skipped.
pub(crate) fn server() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where these tests read the environment"
    )]
    let value = std::env::var(VARIABLE);
    let url = value.expect(
        "set BILLING_TEST_POSTGRES by running `cargo xtask test`, which starts a private \
         PostgreSQL, or to a server's URL, or to `skip`",
    );
    if url == "skip" {
        eprintln!("SKIPPED: {VARIABLE}=skip, nothing of PostgreSQL was tried");
        return None;
    }
    Some(url)
}

/// The URL of a fresh, empty database. `None`: PostgreSQL is to be skipped.
pub(crate) async fn database() -> Option<String> {
    let server = server()?;
    let random = RandomState::new().build_hasher().finish();
    let name = format!("billing_{random:016x}");
    let url = PostgresStore::create_database(&server, &name).await;
    Some(url.expect("the server makes databases"))
}

/// A store on the database at `url`, as it is.
pub(crate) async fn connect(url: &str) -> PostgresStore {
    let options = PostgresOptions {
        connections: CONNECTIONS,
    };
    let store = PostgresStore::connect(url, options).await;
    store.expect("the database was made a moment ago")
}

/// A store, or what stands in for it when PostgreSQL is to be skipped.
pub(crate) enum Rig {
    Postgres(PostgresStore),
    Skipped(MemoryStore),
}

impl StoreRig for Rig {
    fn store(&self) -> &dyn Store {
        match self {
            Self::Postgres(store) => store,
            Self::Skipped(store) => store,
        }
    }
}

/// A migrated store on a database of its own.
pub(crate) async fn fresh() -> Rig {
    let Some(url) = database().await else {
        return Rig::Skipped(MemoryStore::default());
    };
    let store = connect(&url).await;
    store
        .migrate()
        .await
        .expect("an empty schema can be migrated");
    Rig::Postgres(store)
}
