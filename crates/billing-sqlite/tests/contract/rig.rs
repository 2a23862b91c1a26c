//! Stores to be tested: in a file, as in production, and in memory.

use billing_ports::Store;
use billing_sqlite::{SqliteOptions, SqliteStore};
use billing_testkit::contract::StoreRig;

use crate::folder::Folder;

/// A store in a folder of its own, which goes with it.
pub(crate) struct File {
    store: SqliteStore,
    _folder: Folder,
}

impl StoreRig for File {
    fn store(&self) -> &dyn Store {
        &self.store
    }
}

pub(crate) async fn file() -> File {
    let folder = Folder::fresh();
    let path = folder.path().join("billing.sqlite");
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

pub(crate) async fn memory() -> SqliteStore {
    SqliteStore::in_memory().await.expect("memory can be had")
}
