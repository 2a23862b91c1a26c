//! The store's contract, on SQLite: in a file, as in production, and in memory.

use std::path::PathBuf;

use billing_ports::Store;
use billing_sqlite::{SqliteOptions, SqliteStore};
use billing_testkit::contract::StoreRig;

mod folder;

/// A store in a folder of its own, which goes with it.
struct File {
    store: SqliteStore,
    _folder: folder::Folder,
}

impl StoreRig for File {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}

async fn file() -> File {
    let folder = folder::Folder::fresh();
    let path: PathBuf = folder.path().join("billing.sqlite");
    let store = SqliteStore::open(path, SqliteOptions::default()).await;
    let store = store.expect("a file can be made");
    store
        .migrate()
        .await
        .expect("an empty schema can be migrated");
    File {
        store,
        _folder: folder,
    }
}

async fn memory() -> SqliteStore {
    SqliteStore::in_memory().await.expect("memory can be had")
}

mod in_a_file {
    billing_testkit::store_contract!(super::file());
}

mod in_memory {
    billing_testkit::store_contract!(super::memory());
}
