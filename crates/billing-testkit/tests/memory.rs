//! What only the memory store has: faults on purpose, snapshots, waking up.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use billing_ports::store::{Also, CommitError, InboxMark, Received, Revision, Ring, StoreError};
use billing_testkit::fixtures::{Maker, creation, next_commit};
use billing_testkit::memory::{Call, Fault, FaultPlan, RowState};
use billing_testkit::{MemoryStore, fixtures};

#[tokio::test]
async fn a_fault_before_writes_nothing_and_a_fault_after_everything() {
    let store = MemoryStore::new();
    let account = Maker::new(1).subscriber();
    let id = account.customer.id;
    let commit = creation(&account, fixtures::start());
    let unavailable = |tried: Result<Revision, CommitError>| {
        matches!(tried, Err(CommitError::Store(StoreError::Unavailable(_))))
    };

    store.fail_next(Call::Commit, Fault::Before);
    assert!(unavailable(store.commit(commit.clone()).await));
    assert_eq!(store.snapshot().accounts, []);

    store.fail_next(Call::Commit, Fault::After);
    // Another kind of call is not what was meant.
    assert_eq!(store.load(id, &Also::default()).await, Ok(None));
    assert!(unavailable(store.commit(commit.clone()).await));
    let held = store.snapshot();
    assert_eq!(held.account(id).map(|held| &held.account), Some(&account));
    assert_eq!(store.commit(commit).await, Err(CommitError::Conflict));
    assert_eq!(store.faults_given(), 2);
}

#[tokio::test]
async fn a_fault_plan_repeats_under_its_seed_and_can_be_ended() {
    let outcomes = async |seed| {
        let store = MemoryStore::new();
        store.set_fault_plan(Some(FaultPlan {
            seed,
            before_per_mille: 300,
            after_per_mille: 300,
        }));
        let mut make = Maker::new(2);
        let mut answers = Vec::new();
        for _ in 0..200 {
            let delivery = make.delivery();
            answers.push(store.receive(make.id(), delivery, make.now).await);
        }
        let given = store.faults_given();
        store.set_fault_plan(None);
        assert_eq!(store.ping().await, Ok(()));
        (answers, given, store.snapshot().inbox.len())
    };
    let (answers, given, stored) = outcomes(7).await;
    assert_eq!(outcomes(7).await, (answers.clone(), given, stored));
    assert_ne!(outcomes(8).await.0, answers);
    let new = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Received::New(_))))
        .count();
    assert!(new > 0 && new < stored && stored < 200, "{new} of {stored}");
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_does_not_settle_a_row_twice() {
    let store = MemoryStore::new();
    let mut make = Maker::new(3);
    let account = make.account();
    assert!(store.commit(creation(&account, make.now)).await.is_ok());
    let received = store.receive(make.id(), make.clone().delivery(), make.now);
    assert!(received.await.is_ok());
    assert!(!store.snapshot().is_quiet());
    let ask = billing_ports::store::Claiming {
        now: make.now,
        lease: jiff::SignedDuration::from_secs(60),
        limit: 10,
    };
    let item = store.claim_inbox(ask).await.unwrap().remove(0);
    let settle = async || {
        let held = store.load(account.customer.id, &Also::default()).await;
        let held = held.unwrap().unwrap();
        let mut commit = next_commit(&held, &held.account, make.now);
        commit.inbox.push(InboxMark {
            id: item.id,
            fence: item.fence,
            parked: false,
        });
        store.commit(commit).await
    };
    store.fail_next(Call::Commit, Fault::After);
    assert!(matches!(settle().await, Err(CommitError::Store(_))));
    assert_eq!(settle().await, Err(CommitError::ClaimLost));
    let held = store.snapshot();
    assert_eq!(
        held.inbox.first().map(|row| row.state),
        Some(RowState::Done)
    );
    assert!(held.is_quiet());
}

#[test]
fn whoever_waits_is_woken_by_a_write() {
    let store = MemoryStore::new();
    let mut make = Maker::new(4);
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = pin!(store.changed());
    assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
    let received = store.receive(make.id(), make.clone().delivery(), make.now);
    assert!(pin!(received).poll(&mut context).is_ready());
    assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(()));
    // Who comes just too late is woken as well: a write is never slept through.
    let mut late = pin!(store.changed());
    assert_eq!(late.as_mut().poll(&mut context), Poll::Ready(()));
}
