//! The ready-made loop, in paused time.

use std::time::Duration;

use billing_domain::ids::CustomerId;
use billing_engine::Billing;
use billing_testkit::fixtures;
use billing_testkit::memory::{Call, Fault};
use jiff::SignedDuration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::rig::{Act, Rig, paid, settle};

struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Worker {
    async fn start(billing: &Billing) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let billing = billing.clone();
        let task = tokio::spawn(async move {
            let stopped = async {
                stopped.await.unwrap();
            };
            billing.run_worker(stopped).await;
        });
        settle().await;
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// A subscriber whose renewal is due, without the worker having been told.
async fn due_unnoticed(rig: &Rig) -> CustomerId {
    rig.clock.set(wake_at(rig));
    settle().await;
    assert_eq!(rig.happened("invoice.opened"), 0);
    rig.billing
        .account(&"ana".into())
        .await
        .unwrap()
        .unwrap()
        .customer
        .id
}

fn wake_at(rig: &Rig) -> billing_domain::time::Timestamp {
    rig.store.snapshot().accounts[0].wake_at.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_it_at_once() {
    let rig = Rig::listening().await;
    let worker = Worker::start(&rig.billing).await;
    rig.customer("ana").await;
    settle().await;
    assert_eq!(rig.notifier.events().len(), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn being_told_wakes_it() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    let worker = Worker::start(&rig.billing).await;
    due_unnoticed(&rig).await;
    rig.billing.wake();
    settle().await;
    assert_eq!(rig.happened("invoice.opened"), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_poll_is_the_safety_net() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    let worker = Worker::start(&rig.billing).await;
    due_unnoticed(&rig).await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(rig.happened("invoice.opened"), 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.happened("invoice.opened"), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_sleeps_until_something_falls_due() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    rig.clock.set(wake_at(&rig));
    rig.pass(SignedDuration::from_secs(-10));
    let worker = Worker::start(&rig.billing).await;
    rig.pass(SignedDuration::from_secs(10));
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(rig.happened("invoice.opened"), 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.happened("invoice.opened"), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_recovers_when_the_store_was_gone() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    rig.clock.set(wake_at(&rig));
    rig.break_store();
    let worker = Worker::start(&rig.billing).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    let tried = rig.store.faults_given();
    assert!(
        (90..1_000).contains(&tried),
        "about once a second, not {tried} times"
    );
    rig.mend_store();
    tokio::time::sleep(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(rig.happened("invoice.opened"), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_finishes_its_go_before_it_stops() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    rig.clock.set(wake_at(&rig));
    rig.provider.next([Act::Slow(Duration::from_secs(5))]);
    let began = tokio::time::Instant::now();
    let worker = Worker::start(&rig.billing).await;
    assert_eq!(rig.provider.calls().last().unwrap().kind, "create_invoice");
    worker.stop().await;
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(rig.happened("subscription.renewal_pending"), 1);
}

#[tokio::test(start_paused = true)]
async fn it_sweeps_every_hour() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    let rows = || rig.store.snapshot().outbox.len();
    assert_eq!(rows(), 1);
    let worker = Worker::start(&rig.billing).await;
    rig.pass(SignedDuration::from_hours(7 * 24 + 1));
    rig.store.fail_next(Call::Sweep, Fault::Before);
    rig.billing.wake();
    settle().await;
    assert_eq!(rig.store.faults_given(), 1);
    for left in [1, 1, 0] {
        rig.billing.wake();
        settle().await;
        assert_eq!(rows(), left);
        rig.pass(SignedDuration::from_mins(30));
    }
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_reads_the_books_of_every_provider_every_hour() {
    // Whoever runs the schedule.
    let rig = Rig::new().await;
    let reads = || rig.provider.asked_since.lock().unwrap().len();
    let worker = Worker::start(&rig.billing).await;
    settle().await;
    assert_eq!(reads(), 0);
    for hours in 1..=3 {
        rig.pass(SignedDuration::from_mins(61));
        rig.billing.wake();
        settle().await;
        assert_eq!(reads(), hours);
    }
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_goes_on_while_a_provider_is_read_that_does_not_answer() {
    let rig = Rig::listening().await;
    rig.owes("ana").await;
    let worker = Worker::start(&rig.billing).await;
    rig.provider.next_reads([Act::Hang]);
    rig.pass(SignedDuration::from_hours(1));
    rig.billing.wake();
    settle().await;
    let asked = rig.provider.reads().len();
    assert!(asked > 0, "it is being asked");
    rig.customer("ben").await;
    settle().await;
    let told = rig.notifier.events();
    assert_eq!(
        told.last().map(|last| last.as_str()),
        Some("customer.created")
    );
    assert_eq!(
        rig.provider.reads().len(),
        asked,
        "and it has not answered yet"
    );
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_fresh_is_asked_about_every_few_minutes_and_the_rest_each_hour() {
    let rig = Rig::new().await;
    // Of an invoice that is a month old, and of one that was made just now.
    rig.owes("ana").await;
    rig.pass(SignedDuration::from_hours(3));
    let reads = || rig.provider.reads().len();
    let worker = Worker::start(&rig.billing).await;
    settle().await;
    let begins = reads();
    let after = async |minutes: i64, times: usize| {
        let mut before = reads();
        for _ in 0..times {
            rig.pass(SignedDuration::from_mins(minutes));
            rig.billing.wake();
            settle().await;
            before = reads();
        }
        before - begins
    };
    assert_eq!(after(3, 10).await, 0, "half an hour, and nothing is fresh");
    assert_eq!(after(30, 1).await, 1, "the hour is over");
    let (_, _, open) = rig.owes("ben").await;
    let page = open.reference.unwrap();
    let of_it = || {
        let reads = rig.provider.reads();
        reads.iter().filter(|read| read.id == page).count()
    };
    let before = of_it();
    after(2, 1).await;
    // With what is fresh, and with all that is open.
    assert!(of_it() <= before + 2);
    let before = of_it();
    after(3, 10).await;
    assert_eq!(of_it(), before + 10, "every three minutes");
    after(61, 3).await;
    let before = of_it();
    after(3, 10).await;
    assert_eq!(of_it(), before, "old by now");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_only_waits_to_be_stopped() {
    let worker = Worker::start(&Billing::disabled()).await;
    assert!(!worker.task.is_finished());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_process_writes_wakes_it() {
    let rig = Rig::new().await;
    let ana = rig.customer("ana").await;
    let opened = rig.open("ana", "pro-monthly").await;
    let worker = Worker::start(&rig.billing).await;
    let event = rig.event(vec![paid(&opened, 900, fixtures::start())]);
    rig.sibling(9).receive_trusted(event).await.unwrap();
    settle().await;
    assert_eq!(rig.account(ana).subscriptions.len(), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_begins_no_sweep() {
    let rig = Rig::new().await;
    rig.subscribe("ana").await;
    rig.pass(SignedDuration::from_hours(7 * 24 + 1));
    rig.work().await;
    let before = rig.store.snapshot();
    rig.billing.run_worker(std::future::ready(())).await;
    assert_eq!(rig.store.snapshot(), before);
    let worker = Worker::start(&rig.billing).await;
    assert_ne!(rig.store.snapshot(), before);
    worker.stop().await;
}
