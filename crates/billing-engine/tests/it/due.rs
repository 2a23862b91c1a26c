//! What falls due: batches, oldest first, nothing twice, nobody held up.

use std::collections::BTreeSet;
use std::time::Duration;

use billing_domain::catalog::CatchUp;
use billing_domain::ids::CustomerId;
use billing_domain::time::{Timestamp, days};
use billing_engine::{EngineError, Limits, WorkDone};
use billing_ports::Clock;
use billing_ports::store::Ring;
use billing_testkit::fixtures;
use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;

use crate::rig::{Rig, paid, shop_with};

/// Subscribers whose renewal falls due a minute after one another, made in the
/// reverse order; given in the order in which they fall due.
async fn subscribers(rig: &Rig, count: i64) -> Vec<CustomerId> {
    let mut make = fixtures::Maker::new(5);
    let mut ids = Vec::new();
    for minute in (0..count).rev() {
        let mut account = make.subscriber();
        for held in &mut account.subscriptions {
            held.times.next_attempt_at = Some(due(minute));
        }
        rig.store
            .commit(fixtures::creation(&account, make.now))
            .await
            .unwrap();
        ids.push(account.customer.id);
    }
    ids.reverse();
    ids
}

fn due(minute: i64) -> Timestamp {
    fixtures::start() + days(30) + SignedDuration::from_mins(minute)
}

fn opened(rig: &Rig, ids: &[CustomerId]) -> usize {
    let such = ids
        .iter()
        .filter(|id| !rig.account(**id).invoices.is_empty());
    such.count()
}

#[tokio::test(start_paused = true)]
async fn batches_are_bounded_oldest_first_until_the_budget_is_spent() {
    let limits = Limits {
        batch: 3,
        ..Limits::default()
    };
    let rig = Rig::with(false, limits, |builder| builder).await;
    let ids = subscribers(&rig, 10).await;
    rig.clock.set(due(8));
    for (go, done) in [3, 6, 9].into_iter().enumerate() {
        let worked = rig.billing.work(Duration::ZERO).await.unwrap();
        assert_eq!((worked.due, worked.more), (3, true), "go {go}");
        assert_eq!(opened(&rig, &ids[..done]), done, "the oldest come first");
        assert_eq!(opened(&rig, &ids), done);
    }
    rig.work().await;
    assert_eq!(opened(&rig, &ids), 9, "the tenth is not due");
    rig.clock.set(due(9));
    let worked = rig.work().await;
    assert_eq!((worked.due, worked.outbox, worked.more), (1, 1, false));
    assert_eq!(opened(&rig, &ids), 10);
}

#[tokio::test]
async fn no_more_is_claimed_than_is_worked_on() {
    let limits = Limits {
        in_flight: 2,
        ..Limits::default()
    };
    let rig = Rig::with(false, limits, |builder| builder).await;
    subscribers(&rig, 5).await;
    rig.clock.set(due(9));
    assert_eq!(rig.billing.work(Duration::ZERO).await.unwrap().due, 2);
}

#[tokio::test]
async fn an_empty_go_commits_nothing() {
    let rig = Rig::new().await;
    subscribers(&rig, 3).await;
    let before = rig.store.snapshot();
    assert_eq!(rig.work().await, WorkDone::default());
    assert_eq!(rig.store.snapshot(), before);
    let none = rig.billing.work(Duration::ZERO).await.unwrap();
    assert!(none.is_empty() && !none.more);
}

#[tokio::test]
async fn one_that_fails_stops_nobody_else_and_is_tried_again() {
    let rig = Rig::new().await;
    let ids = subscribers(&rig, 5).await;
    rig.clock.set(due(9));
    rig.store.fail_next(Call::Commit, Fault::Before);
    rig.work().await;
    assert_eq!(opened(&rig, &ids), 4);
    rig.pass(SignedDuration::from_secs(59));
    rig.work().await;
    assert_eq!(opened(&rig, &ids), 4);
    rig.pass(SignedDuration::from_secs(1));
    rig.work().await;
    assert_eq!(opened(&rig, &ids), 5);
    assert_eq!(rig.provider.calls().len(), 5);
}

#[tokio::test]
async fn a_store_that_is_gone_is_told() {
    let rig = Rig::new().await;
    rig.store.fail_next(Call::Claim, Fault::Before);
    let worked = rig.billing.work_until_idle().await;
    assert!(matches!(worked, Err(EngineError::Store(_))), "{worked:?}");
    assert!(rig.billing.work_until_idle().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_renew_each_exactly_once() {
    let rig = Rig::new().await;
    let ids = subscribers(&rig, 200).await;
    rig.clock.set(due(200));
    let (one, two) = (rig.sibling(11), rig.sibling(12));
    let spawn = |billing: billing_engine::Billing| {
        tokio::spawn(async move { billing.work_until_idle().await.unwrap() })
    };
    let (one, two) = (spawn(one), spawn(two));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    assert_eq!(one.due + two.due, 200);
    assert_eq!(one.outbox + two.outbox, 200);
    let keys = rig.provider.keys();
    assert_eq!(keys.len(), 200);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 200);
    for id in ids {
        let held = rig.account(id);
        assert_eq!(held.invoices.len(), 1);
        assert!(held.invoices[0].pay_url.is_some());
    }
}

#[tokio::test]
async fn bounds_of_none_still_let_one_through() {
    for limits in [
        Limits {
            batch: 0,
            ..Limits::default()
        },
        Limits {
            in_flight: 0,
            ..Limits::default()
        },
    ] {
        let rig = Rig::with(false, limits, |builder| builder).await;
        let ids = subscribers(&rig, 3).await;
        rig.clock.set(due(9));
        rig.work().await;
        assert_eq!(opened(&rig, &ids), 3);
    }
}

#[tokio::test]
async fn what_falls_due_a_minute_later_is_not_held_up_by_the_claim() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    rig.subscribe("ana").await;
    rig.pass(SignedDuration::from_mins(1));
    let team = rig.open("ana", "team-monthly").await;
    rig.tell(vec![paid(&team, 4000, rig.clock.now())]).await;
    rig.work().await;
    let held = rig.account(ana).subscriptions;
    let mut dues: Vec<_> = held
        .iter()
        .filter_map(|held| held.times.next_attempt_at)
        .collect();
    dues.sort();
    assert_eq!(dues.len(), 2);
    for (opened, due) in (1..).zip(dues) {
        rig.clock.set(due);
        rig.work().await;
        assert_eq!(rig.happened("subscription.renewal_pending"), opened);
    }
}

#[tokio::test]
async fn what_one_decision_does_not_finish_waits_a_little() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let each = shop_with(|draft| draft.rules.catch_up = CatchUp::Each);
    rig.billing.apply_catalog(&each).await.unwrap();
    let gift = rig.open("ana", "gift-monthly").await;
    assert_eq!(gift.url, None);
    rig.pass(days(31 * 70));
    let first = rig.work().await;
    assert_eq!(first.due, 1, "one decision, and no other in its place");
    let snapshot = rig.store.snapshot();
    let wakes = snapshot.account(ana).unwrap().wake_at;
    assert_eq!(wakes, Some(rig.clock.now() + SignedDuration::from_mins(1)));
    rig.pass(SignedDuration::from_mins(1));
    rig.work().await;
    let wakes = rig.store.snapshot().account(ana).unwrap().wake_at;
    assert!(wakes > Some(rig.clock.now() + SignedDuration::from_mins(1)));
}
