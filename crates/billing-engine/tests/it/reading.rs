//! Objects read anew, because what was told contradicts itself or is late.

use std::sync::atomic::Ordering;

use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::CheckoutId;
use billing_domain::subscription::Status;
use billing_domain::time::Timestamp;
use billing_testkit::fixtures;
use billing_testkit::memory::RowState;
use jiff::SignedDuration;

use crate::mirrored::{mirrored, snapshot, states, status, subscription_ref};
use crate::rig::{Act, Rig, paid};

#[tokio::test]
async fn snapshots_of_one_instant_are_settled_by_one_read() {
    for truth in [Status::Active, Status::PastDue, Status::Paused] {
        let (rig, customer, opened) = mirrored().await;
        let at = fixtures::start();
        rig.provider.has(snapshot(opened.id, truth, at));
        rig.tell(vec![snapshot(opened.id, Status::PastDue, at)])
            .await;
        rig.tell(vec![snapshot(opened.id, Status::Paused, at)])
            .await;
        let revision = rig.revision(customer);
        rig.work().await;
        assert_eq!(
            rig.provider.reads(),
            [subscription_ref("sub_1")],
            "{truth:?}"
        );
        assert_eq!(status(&rig, customer), truth);
        assert_eq!(rig.revision(customer), revision + 1, "{truth:?}");
        assert!(states(&rig).iter().all(|state| *state == RowState::Done));
        // What comes later is believed without being asked for.
        let later = at + SignedDuration::from_micros(1);
        rig.tell(vec![snapshot(opened.id, Status::Canceled, later)])
            .await;
        rig.work().await;
        assert_eq!(status(&rig, customer), Status::Canceled);
        assert_eq!(rig.provider.reads().len(), 1);
    }
}

/// Two snapshots of one instant that contradict each other.
async fn contradict(rig: &Rig, checkout: CheckoutId, at: Timestamp) {
    rig.tell(vec![snapshot(checkout, Status::PastDue, at)])
        .await;
    rig.tell(vec![snapshot(checkout, Status::Paused, at)]).await;
}

#[tokio::test]
async fn what_is_read_is_believed_though_its_own_instant_is_earlier() {
    for early in [1, 1_000_000] {
        let (rig, customer, opened) = mirrored().await;
        let at = fixtures::start() + SignedDuration::from_mins(1);
        let read = at - SignedDuration::from_micros(early);
        rig.provider.has(snapshot(opened.id, Status::Active, read));
        contradict(&rig, opened.id, at).await;
        rig.work().await;
        assert_eq!(status(&rig, customer), Status::Active);
        assert_eq!(rig.happened("subscription.past_due"), 0);
        assert_eq!(rig.provider.reads().len(), 1);
        // Told again, both are of an instant that is known to contradict itself.
        rig.tell(vec![snapshot(
            opened.id,
            Status::Canceled,
            at - SignedDuration::from_micros(1),
        )])
        .await;
        rig.work().await;
        assert_eq!(status(&rig, customer), Status::Active);
        let later = at + SignedDuration::from_micros(1);
        rig.tell(vec![snapshot(opened.id, Status::PastDue, later)])
            .await;
        rig.work().await;
        assert_eq!(status(&rig, customer), Status::PastDue);
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_holds_up_nothing_else() {
    let (rig, customer, opened) = mirrored().await;
    let other = rig.open("ana", "gift-monthly").await;
    let bought = rig.open("ana", "team-monthly").await;
    let at = fixtures::start() + SignedDuration::from_mins(1);
    rig.provider.next_reads([Act::NotSent, Act::Misconfigured]);
    contradict(&rig, opened.id, at).await;
    rig.tell(vec![paid(&bought, 4000, at)]).await;
    rig.work().await;
    assert_eq!(other.url, None);
    let checkout = rig.billing.get_checkout(bought.id).await.unwrap().unwrap();
    assert!(!checkout.is_open(), "{:?}", checkout.state);
    assert_eq!(rig.parked(), [""; 0]);
    rig.provider.has(snapshot(opened.id, Status::Active, at));
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert_eq!(status(&rig, customer), Status::Active);
    assert!(states(&rig).iter().all(|state| *state == RowState::Done));
}

#[tokio::test]
async fn the_answer_to_being_asked_is_believed_over_what_was_told_at_its_instant() {
    let (rig, customer, opened) = mirrored().await;
    let at = fixtures::start();
    rig.provider.has(snapshot(opened.id, Status::Paused, at));
    let silent = rig.account(customer).subscriptions[0].times.next_attempt_at;
    rig.clock.set(silent.unwrap());
    rig.work().await;
    let mut calls = rig.provider.calls().into_iter();
    assert!(calls.any(|call| call.kind == "read_subscription"));
    assert_eq!(status(&rig, customer), Status::Paused);
    assert_eq!(rig.provider.reads(), [], "once is enough");
}

#[tokio::test]
async fn an_answer_that_contradicts_what_was_told_at_its_instant_is_asked_for() {
    let (rig, customer, opened) = mirrored().await;
    let subscription = rig.account(customer).subscriptions[0].id;
    let at = fixtures::start();
    // Pausing tells how it stands now, and so does the reading that follows.
    rig.provider.has(snapshot(opened.id, Status::Paused, at));
    rig.provider.has(snapshot(opened.id, Status::Paused, at));
    rig.provider.next([Act::Snapshots]);
    rig.pass(SignedDuration::from_hours(1));
    let asked = rig
        .billing
        .pause(&customer.into(), subscription, None)
        .await;
    assert_eq!(asked, Ok(billing_domain::decide::PauseOutcome::Asked));
    rig.work().await;
    let kinds: Vec<_> = rig.provider.calls().iter().map(|call| call.kind).collect();
    assert_eq!(
        kinds,
        ["open_checkout", "pause_subscription", "read_subscription"]
    );
    assert_eq!(status(&rig, customer), Status::Paused);
}

#[tokio::test]
async fn no_more_is_read_in_one_decision_than_the_bound() {
    for (objects, reads) in [(16, 16), (17, 0)] {
        let (rig, customer, opened) = mirrored().await;
        let at = fixtures::start() + SignedDuration::from_mins(1);
        let of_all = |status| -> Vec<Observed> {
            let each = (0..objects).map(|number| {
                let mut seen = snapshot(opened.id, status, at);
                seen.link = Link::default();
                seen.link.customer = Some(customer);
                if let Fact::SubscriptionSeen(seen) = &mut seen.fact {
                    seen.reference = format!("sub_many_{number}");
                }
                seen
            });
            each.collect()
        };
        rig.tell(of_all(Status::PastDue)).await;
        rig.work().await;
        // It says of each that it is there, and nothing more.
        rig.provider.has(Observed {
            fact: Fact::Irrelevant,
            at,
            link: Link::default(),
        });
        rig.tell(of_all(Status::Paused)).await;
        for _ in 0..12 {
            rig.work().await;
            rig.pass(SignedDuration::from_mins(5));
        }
        assert_eq!(rig.provider.reads().len(), reads);
        let left = if reads == 0 {
            vec!["attempts_exhausted"]
        } else {
            vec![]
        };
        assert_eq!(rig.parked(), left);
    }
}

#[tokio::test]
async fn a_key_is_an_alarm_where_its_provider_says_so_and_not_where_one_object_is_refused() {
    let rig = Rig::new().await;
    let account = fixtures::provider("sandbox/main");
    let alarm = || rig.billing.refused_keys().collect::<Vec<_>>() == [(&account, true)];
    for (act, refused) in [
        (Act::NotSent, false),
        (Act::Misconfigured, false),
        (Act::Misconfigured, true),
        (Act::Slow(std::time::Duration::ZERO), true),
        (Act::Slow(std::time::Duration::ZERO), false),
    ] {
        rig.provider
            .happened
            .lock()
            .unwrap()
            .push(rig.event(Vec::new()));
        rig.provider.next_reads([act]);
        rig.provider.refuses_key.store(refused, Ordering::Relaxed);
        let _either = rig.billing.reread(&account, |_| ()).await;
        assert_eq!(alarm(), refused, "{act:?}");
    }
}
