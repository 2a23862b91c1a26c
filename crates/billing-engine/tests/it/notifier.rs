//! Telling listeners: once per decision, again under the same id.

use std::sync::{Arc, Mutex};

use billing_domain::ids::EffectId;
use billing_domain::journal::Event;
use billing_engine::{Billing, Limits};
use billing_ports::NotifyError;
use billing_ports::mock::MockNotifier;
use billing_testkit::RecordingNotifier;
use billing_testkit::memory::{Call, Fault, RowState};
use jiff::SignedDuration;

use crate::rig::Rig;

#[tokio::test]
async fn a_decision_is_told_once_with_all_that_happened() {
    let rig = Rig::listening().await;
    rig.subscribe("ana").await;
    rig.pass(SignedDuration::from_hours(1));
    rig.work().await;
    let told = rig.notifier.deliveries();
    let events: Vec<Vec<Event>> = told
        .iter()
        .map(|(_, told)| told.entries.iter().map(|entry| entry.event).collect())
        .collect();
    assert_eq!(
        events,
        [
            vec![Event::CustomerCreated],
            vec![Event::CheckoutCreated],
            vec![
                Event::CheckoutCompleted,
                Event::InvoiceSettled,
                Event::SubscriptionCreated,
                Event::SubscriptionActivated,
            ],
        ]
    );
    assert!(told.iter().all(|(_, told)| told.times == 1));
    assert_eq!(
        rig.notifier.events().len(),
        rig.store.snapshot().journal.len()
    );
}

#[tokio::test]
async fn without_a_listener_nothing_is_ordered() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    let outbox = rig.store.snapshot().outbox;
    assert!(outbox.iter().all(|row| row.effect.order.kind() != "notify"));
}

#[tokio::test]
async fn a_failure_is_told_again_under_the_same_id() {
    let ids: Arc<Mutex<Vec<EffectId>>> = Arc::default();
    let heard = Arc::clone(&ids);
    let mut notifier = MockNotifier::new();
    notifier.expect_notify().times(2).returning(move |id, _| {
        let mut heard = heard.lock().unwrap();
        heard.push(id);
        let failed = NotifyError::Failed("gone".to_owned());
        if heard.len() == 1 {
            Err(failed)
        } else {
            Ok(())
        }
    });
    let more = |builder: billing_engine::BillingBuilder| builder.notifier(Arc::new(notifier));
    let rig = Rig::with(false, Limits::default(), more).await;
    rig.customer("ana").await;
    rig.work().await;
    assert_eq!(ids.lock().unwrap().len(), 1);
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    rig.pass(SignedDuration::from_hours(24));
    rig.work().await;
    let heard = ids.lock().unwrap().clone();
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn another_listener_is_told_the_same_and_both_again_where_one_fails() {
    let rig = Rig::listening().await;
    let (beside, another) = (RecordingNotifier::new(), RecordingNotifier::new());
    assert!(rig.billing.also_tell(Arc::new(beside.clone())));
    assert!(!rig.billing.also_tell(Arc::new(another.clone())));
    beside.fail_next(1);
    rig.customer("ana").await;
    rig.work().await;
    assert_eq!((rig.notifier.events().len(), beside.events().len()), (1, 0));
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    let (ours, theirs) = (rig.notifier.deliveries(), beside.deliveries());
    assert_eq!((ours[0].1.times, theirs[0].1.times), (2, 1));
    assert_eq!(
        (ours[0].0, &ours[0].1.entries),
        (theirs[0].0, &theirs[0].1.entries)
    );
    assert_eq!(another.events(), []);
    assert!(!Billing::disabled().also_tell(Arc::new(another)));

    // It is told where nobody else listens.
    let rig = Rig::new().await;
    let alone = RecordingNotifier::new();
    assert!(rig.billing.also_tell(Arc::new(alone.clone())));
    rig.customer("ana").await;
    rig.work().await;
    assert_eq!(alone.events(), [Event::CustomerCreated]);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_told_again_soon_and_is_never_for_a_person() {
    let mut notifier = MockNotifier::new();
    let mut refusals = 0;
    notifier.expect_notify().returning(move |_, _| {
        refusals += 1;
        if refusals > 60 {
            return Ok(());
        }
        Err(NotifyError::NoRoom("sixty are before it".to_owned()))
    });
    let more = |builder: billing_engine::BillingBuilder| builder.notifier(Arc::new(notifier));
    let rig = Rig::with(false, Limits::default(), more).await;
    rig.customer("ana").await;
    for _ in 0..60 {
        rig.work().await;
        assert!(!rig.store.snapshot().is_quiet());
        rig.pass(SignedDuration::from_mins(5));
    }
    rig.work().await;
    assert!(rig.store.snapshot().is_quiet());
    let tried: u16 = rig
        .store
        .snapshot()
        .outbox
        .iter()
        .map(|row| row.attempts)
        .sum();
    assert_eq!(tried, 0, "none of them was a try");
    assert_eq!(rig.parked(), <[&str; 0]>::default());
}

#[tokio::test]
async fn a_crash_before_it_is_settled_repeats_it_under_the_same_id() {
    let rig = Rig::listening().await;
    rig.customer("ana").await;
    rig.store.fail_next(Call::Settle, Fault::Before);
    rig.work().await;
    assert_eq!(rig.notifier.deliveries()[0].1.times, 1);
    rig.pass(Limits::default().lease);
    rig.work().await;
    let told = rig.notifier.deliveries();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].1.times, told[0].1.contradicted), (2, false));
    assert!(rig.store.snapshot().is_quiet());
}

#[tokio::test]
async fn what_nobody_took_waits_for_a_person_and_goes_round_no_further() {
    let rig = Rig::listening().await;
    rig.customer("ana").await;
    rig.notifier.fail_next(100);
    for _ in 0..10 {
        rig.work().await;
        rig.pass(SignedDuration::from_hours(12));
    }
    assert_eq!(rig.parked(), ["attempts_exhausted"]);
    let outbox = rig.store.snapshot().outbox;
    assert_eq!(outbox.len(), 1, "that telling failed is not told");
    assert_eq!((outbox[0].attempts, outbox[0].state), (5, RowState::Dead));
    rig.notifier.fail_next(0);
    rig.replay_parked().await;
    rig.work().await;
    assert_eq!(rig.notifier.events(), [Event::CustomerCreated]);
}
