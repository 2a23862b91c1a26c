//! Upgrades: books that any earlier version wrote are brought up to date whole.

use billing_testkit::upgraded::books_are_whole;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{Connection, query_scalar, raw_sql};

use crate::support;

/// One file of books for each version, the first for version 1.
const WRITTEN: [&str; 2] = [
    include_str!("schemas/0001.sql"),
    include_str!("schemas/0002.sql"),
];

#[tokio::test(flavor = "multi_thread")]
async fn books_of_every_version_are_brought_up_to_date() {
    let Some(newest) = support::database().await else {
        return;
    };
    let store = support::connect(&newest).await;
    store.migrate().await.unwrap();
    let version = store.schema_version().await.unwrap();
    let wanted = schema(&newest).await;
    assert!(
        WRITTEN.len() + 1 >= usize::try_from(version).unwrap(),
        "every version but the one in the making has its books here"
    );
    for (written, index) in WRITTEN.into_iter().zip(1..) {
        let url = support::database().await.unwrap();
        let mut database = PgConnection::connect(&url).await.unwrap();
        raw_sql(written).execute(&mut database).await.unwrap();
        database.close().await.unwrap();

        let store = support::connect(&url).await;
        assert_eq!(store.schema_version().await, Ok(index));
        store.migrate().await.unwrap();
        assert_eq!(store.schema_version().await, Ok(version));
        assert_eq!(schema(&url).await, wanted, "from version {index}");
        books_are_whole(&store, index).await;
    }
}

/// Every column and index, in words.
async fn schema(url: &str) -> Vec<String> {
    let all = "select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) \
               from information_schema.columns where table_schema = 'public' \
               union all select indexdef from pg_indexes where schemaname = 'public' order by 1";
    let mut database = PgConnection::connect(url).await.unwrap();
    query_scalar(all).fetch_all(&mut database).await.unwrap()
}
