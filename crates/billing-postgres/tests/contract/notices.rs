//! Another process is told that there is work, and a lost connection is made again.

use crate::support;
use std::time::Duration;

use billing_domain::provider::ProviderAccount;
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::store::Ring;
use billing_sql::Database;
use billing_testkit::fixtures::Maker;
use jiff::Timestamp;
use sea_orm::ConnectionTrait;

/// Longer than any hint takes, the second's pause after a failure included.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn another_process_is_told_of_work() {
    let Some(url) = support::database().await else {
        return;
    };
    let (here, there) = (support::connect(&url).await, support::connect(&url).await);
    here.migrate()
        .await
        .expect("an empty schema can be migrated");
    let mut make = Maker::new(1);
    let told = there.changed();
    tokio::pin!(told);
    let account: ProviderAccount = "sandbox/main".parse().expect("an account");
    // The other may not listen yet: told again until it hears.
    let telling = async {
        for event in 0_u32.. {
            let delivery = Delivery {
                account: account.clone(),
                event_id: format!("evt_{event}"),
                kind: "test".to_owned(),
                reading: Reading::Facts(Vec::new()),
                body: Vec::new().into(),
            };
            let received = here
                .receive(make.id(), delivery, Timestamp::UNIX_EPOCH)
                .await;
            received.expect("the store answers");
        }
    };
    tokio::select! {
        () = &mut told => {}
        () = telling => {}
        () = tokio::time::sleep(PATIENCE) => panic!("nobody told it"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_made_again() {
    let Some(url) = support::database().await else {
        return;
    };
    let (store, other) = (support::connect(&url).await, support::connect(&url).await);
    assert_eq!(store.ping().await, Ok(()));
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    other
        .database()
        .reader()
        .execute_unprepared(end)
        .await
        .expect("one may end one's own connections");
    // At the latest once every dead connection of the pool has been met.
    let mut answered = false;
    for _connection in 0..8 {
        answered = store.ping().await.is_ok();
        if answered {
            break;
        }
    }
    assert!(answered, "the store does not recover");
}
