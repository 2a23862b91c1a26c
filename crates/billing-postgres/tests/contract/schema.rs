//! The schema: made once however many try; a restarted process finds it.

use crate::support;

/// Processes that start at the same time.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn many_may_migrate_at_once() {
    let Some(url) = support::database().await else {
        return;
    };
    let empty = support::connect(&url).await;
    assert_eq!(empty.schema_version().await, Ok(0));
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { support::connect(&url).await.migrate().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), Ok(()));
    }
    assert_eq!(empty.schema_version().await, Ok(3));
    assert_eq!(empty.migrate().await, Ok(()));
    assert_eq!(empty.schema_version().await, Ok(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_cannot_be_read_is_not_quoted() {
    let url = "postgres://billing:hunter2@127.0.0.1:notaport/x";
    let error =
        billing_postgres::PostgresStore::connect(url, billing_postgres::PostgresOptions::default())
            .await
            .expect_err("there is no such port");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
