//! Writes that wait together share a transaction, and each has its own outcome.

use std::sync::Arc;

use crate::folder::Folder;
use billing_domain::provider::{ProviderAccount, ProviderKey};
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::store::{Received, Ring};
use billing_sqlite::{SqliteOptions, SqliteStore};
use billing_testkit::fixtures::Maker;
use jiff::Timestamp;

/// Deliveries at once: several batches' worth.
const MANY: usize = 200;

fn delivery(event: usize) -> Delivery {
    let key: ProviderKey = "sandbox".parse().expect("a key");
    Delivery {
        account: ProviderAccount::main(key),
        event_id: format!("evt_{event}"),
        kind: "test".to_owned(),
        reading: Reading::Facts(Vec::new()),
        body: Vec::from("{}").into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writes_share_few_transactions() {
    let folder = Folder::fresh();
    let path = folder.path().join("billing.sqlite");
    let store = SqliteStore::open(path, SqliteOptions::default()).await;
    let store = Arc::new(store.expect("a file can be made"));
    store
        .migrate()
        .await
        .expect("an empty schema can be migrated");
    let mut make = Maker::new(1);
    let before = store.database().transactions();
    let tasks: Vec<_> = (0..MANY)
        .map(|number| {
            // Every event comes twice.
            let (store, id) = (Arc::clone(&store), make.id());
            let arrived = delivery(number / 2);
            tokio::spawn(async move { store.receive(id, arrived, Timestamp::UNIX_EPOCH).await })
        })
        .collect();
    let mut new = 0_usize;
    for task in tasks {
        let received = task.await.expect("no panic").expect("the store answers");
        new += usize::from(matches!(received, Received::New(_)));
    }
    assert_eq!(new, MANY / 2);
    let transactions = store.database().transactions() - before;
    assert!(
        transactions < u64::try_from(MANY / 2).expect("small"),
        "{MANY} writes took {transactions} transactions"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_takes_nobody_with_it() {
    let store = Arc::new(SqliteStore::in_memory().await.expect("memory can be had"));
    let mut make = Maker::new(2);
    let account = make.account();
    let first = billing_testkit::fixtures::creation(&account, make.now);
    let tasks: Vec<_> = (0..MANY)
        .map(|number| {
            let (store, commit) = (Arc::clone(&store), first.clone());
            let id = make.id();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    store.commit(commit).await.is_ok()
                } else {
                    let at = Timestamp::UNIX_EPOCH;
                    store.receive(id, delivery(number), at).await.is_ok()
                }
            })
        })
        .collect();
    let mut well = 0_usize;
    for task in tasks {
        well += usize::from(task.await.expect("no panic"));
    }
    // Of the commits that make one customer, one; and every delivery.
    assert_eq!(well, 1 + MANY / 2);
}
