//! Upgrades: books that any earlier version wrote are brought up to date whole.

use std::path::Path;

use billing_sqlite::{SqliteOptions, SqliteStore};
use billing_testkit::upgraded::books_are_whole;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{Connection, query_scalar, raw_sql};

use crate::folder::Folder;

/// One file of books for each version, the first for version 1.
const WRITTEN: [&str; 2] = [
    include_str!("schemas/0001.sql"),
    include_str!("schemas/0002.sql"),
];

#[tokio::test]
async fn books_of_every_version_are_brought_up_to_date() {
    let folder = Folder::fresh();
    let newest = folder.path().join("newest.sqlite");
    let store = open(&newest).await;
    store.migrate().await.unwrap();
    let version = store.schema_version().await.unwrap();
    let wanted = schema(&newest).await;
    assert!(
        WRITTEN.len() + 1 >= usize::try_from(version).unwrap(),
        "every version but the one in the making has its books here"
    );
    for (written, index) in WRITTEN.into_iter().zip(1..) {
        let path = folder.path().join(format!("{index}.sqlite"));
        let mut file = connect(&path).await;
        raw_sql(written).execute(&mut file).await.unwrap();
        file.close().await.unwrap();

        let store = open(&path).await;
        assert_eq!(store.schema_version().await, Ok(index));
        store.migrate().await.unwrap();
        assert_eq!(store.schema_version().await, Ok(version));
        assert_eq!(schema(&path).await, wanted, "from version {index}");
        books_are_whole(&store, index).await;
    }
}

async fn open(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, SqliteOptions::default()).await;
    store.expect("the file can be opened")
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Every table and index, as it was made.
async fn schema(path: &Path) -> Vec<String> {
    let all = "select sql from sqlite_master where sql is not null order by type, name";
    let mut file = connect(path).await;
    query_scalar(all).fetch_all(&mut file).await.unwrap()
}
