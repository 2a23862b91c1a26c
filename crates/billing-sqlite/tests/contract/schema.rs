//! The schema: made once however many try; a restarted process finds it.

use std::path::Path;

use crate::folder::Folder;
use billing_sqlite::{SqliteOptions, SqliteStore};

/// Processes that start at the same time.
const AT_ONCE: usize = 4;

async fn open(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, SqliteOptions::default()).await;
    store.expect("the file can be opened")
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_migrate_at_once() {
    let folder = Folder::fresh();
    let path = folder.path().join("billing.sqlite");
    let empty = open(&path).await;
    assert_eq!(empty.schema_version().await, Ok(0));
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await.migrate().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), Ok(()));
    }
    assert_eq!(empty.schema_version().await, Ok(3));
    assert_eq!(empty.migrate().await, Ok(()));
    assert_eq!(empty.schema_version().await, Ok(3));
}
