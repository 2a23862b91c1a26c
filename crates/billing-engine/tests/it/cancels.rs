//! Cancellations of what a provider runs, and taking them back while it is away.

use billing_domain::decide::CancelWhen;
use billing_domain::fact::Fact;
use billing_domain::ids::{CustomerId, SubscriptionId};
use billing_domain::subscription::{Cancellation, Status};
use billing_domain::time::days;
use billing_engine::Uncanceled;
use billing_testkit::memory::RowState;
use jiff::SignedDuration;

use crate::mirrored::{mirrored, snapshot};
use crate::rig::{Act, Rig};

/// Canceled, and the provider did not answer.
async fn canceled_unheard() -> (Rig, CustomerId, SubscriptionId) {
    let (rig, customer, opened) = mirrored().await;
    let now = rig.clock_now();
    rig.provider
        .has(snapshot(opened.id, Status::Active, now + days(1)));
    let held = rig.account(customer).subscriptions[0].id;
    rig.pass(SignedDuration::from_hours(1));
    cancel(&rig, held).await;
    rig.provider.next([Act::Unknown]);
    rig.work().await;
    assert_eq!(kinds(&rig), ["cancel_subscription"]);
    (rig, customer, held)
}

async fn cancel(rig: &Rig, held: SubscriptionId) {
    let of = "ana".into();
    let canceled = rig.billing.cancel(&of, held, CancelWhen::PeriodEnd, None);
    assert!(!canceled.await.unwrap().already);
}

async fn uncancel(rig: &Rig, held: SubscriptionId) -> Uncanceled {
    let of = "ana".into();
    rig.billing.uncancel(&of, held, None).await.unwrap()
}

/// The orders that the provider got, but for the checkout's.
fn kinds(rig: &Rig) -> Vec<&'static str> {
    let calls = rig.provider.calls().into_iter().skip(1);
    calls.map(|call| call.kind).collect()
}

fn to_come(rig: &Rig, customer: CustomerId) -> Option<Cancellation> {
    rig.account(customer).subscriptions[0].cancellation
}

#[tokio::test]
async fn a_cancellation_taken_back_meanwhile_is_not_sent_again() {
    let (rig, customer, held) = canceled_unheard().await;
    assert_eq!(uncancel(&rig, held).await, Uncanceled::Asked);
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    // It may have been heard of all the same: so it is asked back, and looked at.
    assert_eq!(kinds(&rig), ["cancel_subscription", "undo_cancellation"]);
    let waits = |row: &RowState| !matches!(row, RowState::Done);
    let rows = rig.store.snapshot().outbox;
    let asks = rows
        .iter()
        .filter(|row| row.effect.key.as_str().starts_with("cancel:"));
    assert_eq!(asks.filter(|row| waits(&row.state)).count(), 0);
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert_eq!(to_come(&rig, customer).and_then(|it| it.taken_back), None);
    assert_eq!(
        kinds(&rig),
        [
            "cancel_subscription",
            "undo_cancellation",
            "read_subscription"
        ]
    );
}

#[tokio::test]
async fn a_cancellation_that_came_and_was_taken_back_is_not_sent_again() {
    for taken_back_here in [true, false] {
        let (rig, customer, held) = canceled_unheard().await;
        let opened = rig.account(customer).checkouts[0].id;
        let ends = rig.clock_now() + days(20);
        let stands = |cancel_at| {
            let mut seen = snapshot(opened, Status::Active, rig.clock_now());
            if let Fact::SubscriptionSeen(it) = &mut seen.fact {
                it.cancel_at = cancel_at;
            }
            seen
        };
        // It was done all the same, which a webhook tells.
        rig.pass(SignedDuration::from_secs(10));
        rig.tell(vec![stands(Some(ends))]).await;
        rig.work().await;
        assert!(to_come(&rig, customer).is_some_and(|it| !it.unconfirmed));
        rig.pass(SignedDuration::from_secs(10));
        if taken_back_here {
            rig.provider.replace(stands(None));
            assert_eq!(uncancel(&rig, held).await, Uncanceled::Asked);
        }
        rig.pass(SignedDuration::from_secs(10));
        rig.tell(vec![stands(None)]).await;
        rig.work().await;
        assert_eq!(to_come(&rig, customer), None, "it goes on");
        for _ in 0..4 {
            rig.pass(SignedDuration::from_hours(6));
            rig.work().await;
        }
        let canceled = kinds(&rig);
        let canceled = canceled
            .iter()
            .filter(|kind| **kind == "cancel_subscription");
        assert_eq!(canceled.count(), 1, "the first call is not made again");
        assert_eq!(to_come(&rig, customer), None);
        // Canceled anew it is asked for as ever.
        cancel(&rig, held).await;
        rig.work().await;
        assert_eq!(kinds(&rig).last(), Some(&"cancel_subscription"));
    }
}

#[tokio::test]
async fn canceled_anew_meanwhile_it_is_sent_again() {
    let (rig, customer, held) = canceled_unheard().await;
    uncancel(&rig, held).await;
    cancel(&rig, held).await;
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert_eq!(kinds(&rig), ["cancel_subscription"; 3]);
    assert!(to_come(&rig, customer).is_some());
}

#[tokio::test]
async fn what_is_asked_for_twice_in_one_instant_is_asked_for_twice() {
    let (rig, customer, held) = canceled_unheard().await;
    // Nobody moves the clock.
    for _ in 0..3 {
        uncancel(&rig, held).await;
        cancel(&rig, held).await;
    }
    let to_come = to_come(&rig, customer).unwrap();
    assert_eq!((to_come.unconfirmed, to_come.taken_back), (true, None));
}
