//! Providers that are slow, or never answer: bounded, in paused time.

use std::sync::Arc;
use std::time::Duration;

use billing_domain::decide::CancelWhen;
use billing_domain::subscription::Status;
use billing_engine::{BillingBuilder, Limits};
use billing_ports::mock::MockNotifier;
use billing_testkit::fixtures;
use billing_testkit::memory::RowState;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::mirrored::{mirrored, snapshot, states, status};
use crate::rig::{Act, Rig, paid, settle};

/// How long a call may take.
fn bound() -> Duration {
    Limits::default().call_timeout
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_left_and_asked_again() {
    let rig = Rig::new().await;
    let customer = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    rig.clock.set(rig.account(customer).wake_at().unwrap());
    rig.provider.next([Act::Hang]);
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    let key = format!("renewal:{subscription}:1:1");
    assert_eq!(rig.effect(&key).unwrap().attempts, 1);
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert_eq!(rig.effect(&key).unwrap().state, RowState::Done);
    assert_eq!(rig.provider.keys().last(), Some(&key));
    let held = rig.account(customer);
    assert!(held.open_invoice(subscription).unwrap().pay_url.is_some());
}

#[tokio::test(start_paused = true)]
async fn slow_answers_are_waited_for_side_by_side() {
    let rig = Rig::new().await;
    let mut due = fixtures::start();
    for name in ["ana", "ben", "cleo"] {
        let customer = rig.customer(name).await;
        rig.subscribe(name).await;
        due = rig.account(customer).wake_at().unwrap();
    }
    rig.clock.set(due);
    let nearly = bound().checked_sub(Duration::from_secs(1)).unwrap();
    rig.provider
        .next([Act::Slow(nearly), Act::Hang, Act::Slow(nearly)]);
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    assert_eq!(rig.happened("subscription.renewal_pending"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_free_is_taken_before_the_slowest_is_over() {
    let limits = Limits {
        in_flight: 2,
        ..Limits::default()
    };
    let rig = Rig::with(false, limits, |builder| builder).await;
    let mut due = fixtures::start();
    for name in ["ana", "ben", "cleo", "dan"] {
        let customer = rig.customer(name).await;
        rig.subscribe(name).await;
        due = rig.account(customer).wake_at().unwrap();
    }
    rig.clock.set(due);
    let seconds = Duration::from_secs;
    rig.provider
        .next([30, 10, 10, 10].map(|each| Act::Slow(seconds(each))));
    let began = Instant::now();
    let done = rig.billing.work_until_idle().await.unwrap();
    assert_eq!((done.due, done.outbox), (4, 4));
    // Three of ten seconds beside the one of thirty, and never three at once.
    assert_eq!(began.elapsed(), seconds(30));
    assert_eq!(rig.happened("subscription.renewal_pending"), 4);
}

/// Three renewals that are due, and one call at a time; what becomes of the first.
async fn one_place_taken(first: Act) -> Rig {
    let limits = Limits {
        in_flight: 1,
        ..Limits::default()
    };
    let rig = Rig::with(false, limits, |builder| builder).await;
    let mut due = fixtures::start();
    for name in ["ana", "ben", "cleo"] {
        let customer = rig.customer(name).await;
        rig.subscribe(name).await;
        due = rig.account(customer).wake_at().unwrap();
    }
    rig.clock.set(due);
    rig.provider.next([first]);
    rig
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_for_a_place_is_given_back_and_was_not_tried() {
    let rig = one_place_taken(Act::Hang).await;
    let before = rig.provider.keys().len();
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    assert_eq!(
        rig.provider.keys().len() - before,
        3,
        "none is called twice"
    );
    assert_eq!(rig.happened("subscription.renewal_pending"), 2);
    let held = rig.store.snapshot();
    let tried: u16 = held.outbox.iter().map(|row| row.attempts).sum();
    assert_eq!(tried, 1, "of the one that hung");
    let replies = held.inbox.iter().map(|row| &row.delivery.event_id);
    let claimed_again = replies.filter(|id| id.starts_with("reply:") && id.ends_with(":2"));
    assert!(claimed_again.count() > 0, "none was given back");
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_no_longer_once_there_is_a_place_is_not_done() {
    let rig = one_place_taken(Act::Slow(Duration::from_secs(10))).await;
    let before = rig.provider.keys().len();
    let working = tokio::spawn({
        let billing = rig.billing.clone();
        async move { billing.work_until_idle().await }
    });
    settle().await;
    rig.pass(SignedDuration::from_secs(31));
    for who in ["ben", "cleo"] {
        let customer = rig.customer(who).await;
        let held = rig.account(customer).subscriptions[0].id;
        let canceled = rig
            .billing
            .cancel(&who.into(), held, CancelWhen::AtOnce, None)
            .await;
        assert!(!canceled.unwrap().already);
    }
    working.await.unwrap().unwrap();
    rig.work().await;
    let asked = rig.provider.keys().split_off(before);
    let renewals = asked.iter().filter(|key| key.starts_with("renewal:"));
    assert_eq!(renewals.count(), 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_buyer_waits_for_no_place() {
    let rig = one_place_taken(Act::Hang).await;
    rig.customer("dan").await;
    let hanging = tokio::spawn({
        let billing = rig.billing.clone();
        async move { billing.work_until_idle().await }
    });
    settle().await;
    let began = Instant::now();
    let opened = rig.open("dan", "pro-monthly").await;
    assert!(opened.url.is_some());
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(!hanging.is_finished());
    hanging.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_while_a_provider_hangs_is_decided() {
    let rig = Rig::new().await;
    let due = rig.customer("ben").await;
    rig.subscribe("ben").await;
    rig.clock.set(rig.account(due).wake_at().unwrap());
    let customer = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    rig.provider.next([Act::Hang]);
    let hanging = tokio::spawn({
        let billing = rig.billing.clone();
        async move { billing.work_until_idle().await }
    });
    settle().await;
    rig.tell(vec![paid(&opened, 900, rig.clock_now())]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!hanging.is_finished());
    assert_eq!(rig.account(customer).subscriptions.len(), 1);
    hanging.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_claim_ran_out_is_dropped() {
    let limits = Limits {
        lease: SignedDuration::from_secs(10),
        ..Limits::default()
    };
    let rig = Rig::with(false, limits, |builder| builder).await;
    let customer = rig.customer("ana").await;
    let subscription = rig.subscribe("ana").await;
    rig.clock.set(rig.account(customer).wake_at().unwrap());
    rig.provider.next([Act::Slow(Duration::from_secs(20))]);
    let slow = tokio::spawn({
        let billing = rig.billing.clone();
        async move { billing.work_until_idle().await }
    });
    settle().await;
    rig.pass(SignedDuration::from_secs(10));
    let other = rig.sibling(9).work_until_idle().await.unwrap();
    assert_eq!(other.outbox, 1);
    let held = rig.store.snapshot();
    slow.await.unwrap().unwrap();
    assert_eq!(rig.store.snapshot(), held, "the late answer writes nothing");
    let keys = rig.provider.keys();
    assert_eq!(keys[1..], [keys[1].clone(), keys[1].clone()]);
    assert_eq!(rig.happened("subscription.renewal_pending"), 1);
    assert!(
        rig.account(customer)
            .open_invoice(subscription)
            .unwrap()
            .pay_url
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn reading_takes_no_longer_than_one_call() {
    let (rig, customer, opened) = mirrored().await;
    let at = fixtures::start() + SignedDuration::from_mins(1);
    rig.provider.next_reads([Act::Hang, Act::Hang, Act::Hang]);
    for status in [Status::PastDue, Status::Paused, Status::Lapsed] {
        rig.tell(vec![snapshot(opened.id, status, at)]).await;
    }
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    rig.provider.next_reads([]);
    rig.provider.has(snapshot(opened.id, Status::Active, at));
    for _ in 0..3 {
        rig.pass(SignedDuration::from_mins(5));
        rig.work().await;
    }
    assert_eq!(status(&rig, customer), Status::Active);
    assert!(states(&rig).iter().all(|state| *state == RowState::Done));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_never_answers_is_left_too() {
    // What never answers cannot be mocked away: the mock answers when asked again.
    let mut notifier = MockNotifier::new();
    notifier.expect_notify().times(1).returning(|_, _| Ok(()));
    let hangs = Hangs(tokio::sync::Semaphore::new(0), notifier);
    let hangs = Arc::new(hangs);
    let told = Arc::clone(&hangs);
    let more = |builder: BillingBuilder| builder.notifier(told);
    let rig = Rig::with(false, Limits::default(), more).await;
    rig.customer("ana").await;
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    hangs.0.add_permits(1);
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert!(rig.store.snapshot().is_quiet());
}

#[tokio::test(start_paused = true)]
async fn two_listeners_that_never_answer_take_the_time_of_one() {
    let hangs = || {
        let mut notifier = MockNotifier::new();
        notifier.expect_notify().times(1).returning(|_, _| Ok(()));
        Arc::new(Hangs(tokio::sync::Semaphore::new(0), notifier))
    };
    let (one, other) = (hangs(), hangs());
    let told = Arc::clone(&one);
    let more = |builder: BillingBuilder| builder.notifier(told);
    let rig = Rig::with(false, Limits::default(), more).await;
    let also = Arc::clone(&other);
    assert!(rig.billing.also_tell(also));
    rig.customer("ana").await;
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    one.0.add_permits(1);
    other.0.add_permits(1);
    rig.pass(SignedDuration::from_mins(5));
    rig.work().await;
    assert!(rig.store.snapshot().is_quiet());
}

/// A listener that hangs until it may answer.
struct Hangs(tokio::sync::Semaphore, MockNotifier);

#[async_trait::async_trait]
impl billing_ports::Notifier for Hangs {
    async fn notify(
        &self,
        delivery: billing_domain::ids::EffectId,
        entries: &[billing_domain::journal::JournalEntry],
    ) -> Result<(), billing_ports::NotifyError> {
        let permit = self.0.acquire().await.unwrap();
        permit.forget();
        self.1.notify(delivery, entries).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_after_a_refusal_takes_no_time_of_its_own() {
    let rig = Rig::new().await;
    let (customer, held, _) = rig.owes("ana").await;
    let when = CancelWhen::AtOnce;
    let canceled = rig.billing.cancel(&customer.into(), held, when, None).await;
    canceled.unwrap();
    let nearly = bound().checked_sub(Duration::from_secs(10)).unwrap();
    rig.provider.next([Act::RefuseAfter(nearly)]);
    rig.provider.next_reads([Act::Hang]);
    let began = Instant::now();
    rig.work().await;
    assert_eq!(began.elapsed(), bound());
    assert_eq!(rig.parked(), <[&str; 0]>::default(), "it is asked again");
}
