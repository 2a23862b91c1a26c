//! Fresh databases for each row: in the PostgreSQL that the runner brought, and
//! in a folder of the disk that is removed at the end.

use std::path::{Path, PathBuf};

use billing::postgres::{PostgresOptions, PostgresStore};
use billing::sqlite::{SqliteOptions, SqliteStore};
use billing::system::SystemIds;
use billing_ports::IdSource;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};

/// Where the runner's PostgreSQL is. `None`: there is none.
#[expect(
    clippy::disallowed_methods,
    reason = "told by who starts the benchmarks"
)]
pub(crate) fn server() -> Option<String> {
    std::env::var("BILLING_TEST_POSTGRES")
        .ok()
        .filter(|url| url != "skip")
}

/// What a row says that needs PostgreSQL and has none.
pub(crate) const NO_SERVER: &str = "no PostgreSQL: run `cargo xtask bench`";

/// A database of its own with our schema: its address and a store on it.
pub(crate) async fn postgres(server: &str) -> (String, PostgresStore) {
    let name = format!("bench_{}", SystemIds.seed());
    let url = PostgresStore::create_database(server, &name).await.unwrap();
    let store = reconnect(&url).await;
    store.migrate().await.unwrap();
    (url, store)
}

/// A store on a database that has our schema.
pub(crate) async fn reconnect(url: &str) -> PostgresStore {
    let options = PostgresOptions::default();
    PostgresStore::connect(url, options).await.unwrap()
}

/// Plain connections to a database, as a hand-written program would have.
pub(crate) async fn connect(url: &str, connections: u32) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .sqlx_logging(false)
        .test_before_acquire(false);
    options.map_sqlx_sqlite_opts(|file| {
        file.create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
    });
    Database::connect(options).await.unwrap()
}

/// A file store in `folder` with our schema.
pub(crate) async fn sqlite(folder: &Folder, name: &str) -> SqliteStore {
    let store = SqliteStore::open(folder.file(name), SqliteOptions::default())
        .await
        .unwrap();
    store.migrate().await.unwrap();
    store
}

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A fresh one, where the system keeps what is temporary.
    pub(crate) fn fresh() -> Self {
        let path = std::env::temp_dir().join(format!("billing-bench-{}", SystemIds.seed()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The address of an SQLite database in it.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("sqlite://{}", self.file(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            println!("{} is left behind: {error}", self.0.display());
        }
    }
}
