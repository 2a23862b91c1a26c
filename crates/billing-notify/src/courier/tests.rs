//! A courier over a store in memory, and transports that do as they are told.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use billing_domain::ids::{Id, JournalId};
use billing_domain::journal::Event;
use billing_ports::store::{DeliveryFilter, DeliveryState, Endpoints as _, PageAsk};
use billing_testkit::fixtures::Maker;
use billing_testkit::memory::{Call, Fault};
use billing_testkit::{ManualClock, MemoryStore, SeededIds};

use super::*;

/// Carries settled invoices; answers what it is told to, then that it is done.
#[derive(Default)]
struct Told {
    answers: Mutex<VecDeque<Carried>>,
    carried: Mutex<Vec<JournalId>>,
}

impl Told {
    fn answering(answers: impl IntoIterator<Item = Carried>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            carried: Mutex::default(),
        })
    }

    fn carried(&self) -> Vec<JournalId> {
        let carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        carried.clone()
    }
}

#[async_trait]
impl Transport for Told {
    fn way(&self) -> Way {
        Way::Mail
    }

    fn wants(&self, entry: &JournalEntry) -> bool {
        entry.event == Event::InvoiceSettled
    }

    async fn carry(&self, entry: &JournalEntry) -> Carried {
        let told = self.answers.lock().unwrap().pop_front();
        let told = told.unwrap_or(Carried::Done);
        if told == Carried::Done {
            self.carried.lock().unwrap().push(entry.id);
        }
        told
    }
}

struct Rig {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    make: Maker,
}

impl Rig {
    fn new() -> Self {
        let start = "2026-03-01T12:00:00Z".parse().unwrap();
        Self {
            store: Arc::new(MemoryStore::new()),
            clock: ManualClock::new(start),
            make: Maker::new(1),
        }
    }

    /// As another process would have it.
    fn courier(&self, transport: &Arc<Told>) -> Courier {
        let transport: Arc<dyn Transport> = Arc::clone(transport) as _;
        Courier::new(
            Arc::clone(&self.store) as _,
            Arc::new(self.clock.clone()),
            Arc::new(SeededIds::new(5)),
            vec![transport],
        )
    }

    fn entry(&mut self, event: Event) -> JournalEntry {
        let customer = self.make.id();
        self.make.journal(customer, event)
    }

    async fn rows(&self) -> Vec<EventDelivery> {
        let page = PageAsk {
            after: None,
            limit: 100,
        };
        let listed = self.store.list_deliveries(DeliveryFilter::default(), page);
        listed.await.unwrap().rows
    }
}

fn again() -> Carried {
    Carried::Again {
        problem: "the server answered 451".to_owned(),
        after: None,
    }
}

#[tokio::test]
async fn what_is_told_twice_is_carried_once_and_a_restart_repeats_nothing() {
    let mut rig = Rig::new();
    let mail = Told::answering([]);
    let (settled, other) = (
        rig.entry(Event::InvoiceSettled),
        rig.entry(Event::InvoiceOpened),
    );
    let told = [settled.clone(), other];
    let courier = rig.courier(&mail);
    for _ in 0..2 {
        courier.notify(rig.make.id(), &told).await.unwrap();
    }
    assert_eq!(courier.carry_due().await.unwrap(), 1);
    let restarted = rig.courier(&mail);
    restarted.notify(rig.make.id(), &told).await.unwrap();
    assert_eq!(restarted.carry_due().await.unwrap(), 0);
    assert_eq!(mail.carried(), [settled.id]);
    let rows = rig.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].state, DeliveryState::Delivered);
    assert_eq!(entry_of(&rows[0]), Some(settled));
}

#[tokio::test]
async fn what_fails_is_tried_again_for_most_of_a_day_and_holds_up_nothing_else() {
    let mut rig = Rig::new();
    let mail = Told::answering((0..2).map(|_| again()));
    let courier = rig.courier(&mail);
    let (one, other) = (
        rig.entry(Event::InvoiceSettled),
        rig.entry(Event::InvoiceSettled),
    );
    courier
        .notify(rig.make.id(), std::slice::from_ref(&one))
        .await
        .unwrap();
    assert_eq!(courier.carry_due().await.unwrap(), 1);
    courier.notify(rig.make.id(), &[other]).await.unwrap();
    assert_eq!(courier.carry_due().await.unwrap(), 1, "not before its time");
    rig.clock.advance(SignedDuration::from_secs(7));
    assert_eq!(courier.carry_due().await.unwrap(), 2);
    assert_eq!(mail.carried().len(), 2);

    let mail = Told::answering((0..100).map(|_| again()));
    let courier = rig.courier(&mail);
    let lost = rig.entry(Event::InvoiceSettled);
    courier.notify(rig.make.id(), &[lost]).await.unwrap();
    let mut tries = 0;
    for _ in 0..48 {
        tries += courier.carry_due().await.unwrap();
        rig.clock.advance(SignedDuration::from_hours(1));
    }
    assert_eq!(tries, 11);
    let dead = rig.rows().await;
    let dead = dead.iter().find(|row| row.state == DeliveryState::Dead);
    let told = dead.unwrap().last.clone().unwrap();
    assert_eq!(told.problem.as_deref(), Some("the server answered 451"));
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_recorded_as_soon_as_the_store_is_back_and_not_carried_again() {
    let mut rig = Rig::new();
    let mail = Told::answering([]);
    let courier = rig.courier(&mail);
    let entry = rig.entry(Event::InvoiceSettled);
    courier.notify(rig.make.id(), &[entry]).await.unwrap();
    for _ in 0..20 {
        rig.store.fail_next(Call::Attempt, Fault::Before);
    }
    assert_eq!(courier.carry_due().await.unwrap(), 1);
    assert_eq!(rig.rows().await[0].state, DeliveryState::Delivered);
    rig.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(courier.carry_due().await.unwrap(), 0);
    assert_eq!(mail.carried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_waited_for_while_the_claim_stands_and_no_longer() {
    let mut rig = Rig::new();
    let mail = Told::answering([]);
    let courier = rig.courier(&mail);
    let entry = rig.entry(Event::InvoiceSettled);
    courier.notify(rig.make.id(), &[entry]).await.unwrap();
    for _ in 0..1_000 {
        rig.store.fail_next(Call::Attempt, Fault::Before);
    }
    let began = Instant::now();
    courier.carry_due().await.unwrap_err();
    let waited = began.elapsed();
    assert!(waited > Duration::from_mins(1), "{waited:?}");
    assert!(waited < CARRYING_ENDS_WITHIN, "{waited:?}");
    let lease = Duration::try_from(LEASE).unwrap();
    assert!(CARRYING_ENDS_WITHIN < lease);
}

/// Carries what takes half a minute.
struct Slow(Mutex<Vec<JournalId>>);

#[async_trait]
impl Transport for Slow {
    fn way(&self) -> Way {
        Way::Mail
    }

    fn wants(&self, _entry: &JournalEntry) -> bool {
        true
    }

    async fn carry(&self, entry: &JournalEntry) -> Carried {
        self.0.lock().unwrap().push(entry.id);
        tokio::time::sleep(Duration::from_secs(30)).await;
        Carried::Done
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_to_stop_ends_what_is_at_hand_and_begins_nothing() {
    let mut rig = Rig::new();
    let slow = Arc::new(Slow(Mutex::default()));
    let transport: Arc<dyn Transport> = Arc::clone(&slow) as _;
    let courier = Courier::new(
        Arc::clone(&rig.store) as _,
        Arc::new(rig.clock.clone()),
        Arc::new(SeededIds::new(5)),
        vec![transport],
    );
    let told: Vec<_> = (0..20).map(|_| rig.entry(Event::InvoiceSettled)).collect();
    courier.notify(rig.make.id(), &told).await.unwrap();
    let stop = async {
        while slow.0.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let began = Instant::now();
    courier.run(stop).await;
    assert!(began.elapsed() < CARRYING_ENDS_WITHIN);
    assert_eq!(slow.0.lock().unwrap().len(), usize::from(AT_ONCE));
    let rows = rig.rows().await;
    let done = rows
        .iter()
        .filter(|row| row.state == DeliveryState::Delivered);
    assert_eq!(done.count(), usize::from(AT_ONCE), "and it is recorded");
}

#[tokio::test]
async fn what_waits_for_something_to_be_mended_is_tried_each_hour_for_three_days() {
    let unwelcome = || Carried::Unwelcome("the server answered 535".to_owned());
    // A failure for now in between takes none of that away.
    let mended = (0..40).map(|_| unwelcome()).chain([again(), again()]);
    let early = (0..10).map(|_| unwelcome()).chain([again()]);
    for (answers, tried, there) in [
        ((0..100).map(|_| unwelcome()).collect::<Vec<_>>(), 72, false),
        (mended.collect(), 43, true),
        (early.collect(), 12, true),
    ] {
        let mut rig = Rig::new();
        let mail = Told::answering(answers);
        let courier = rig.courier(&mail);
        let entry = rig.entry(Event::InvoiceSettled);
        courier.notify(rig.make.id(), &[entry]).await.unwrap();
        let mut tries = 0;
        for _ in 0..100 {
            tries += courier.carry_due().await.unwrap();
            rig.clock.advance(SignedDuration::from_hours(1));
        }
        assert_eq!((tries, mail.carried().len() == 1), (tried, there));
        let row = rig.rows().await.remove(0);
        let dead = row.state == DeliveryState::Dead;
        assert_eq!(dead, !there);
    }
}

#[tokio::test]
async fn what_can_never_be_carried_is_given_up_at_once_and_can_be_revived() {
    let mut rig = Rig::new();
    let mail = Told::answering([Carried::Never("x".repeat(300))]);
    let courier = rig.courier(&mail);
    let entry = rig.entry(Event::InvoiceSettled);
    courier.notify(rig.make.id(), &[entry]).await.unwrap();
    courier.carry_due().await.unwrap();
    let row = rig.rows().await.remove(0);
    assert_eq!(row.state, DeliveryState::Dead);
    assert_eq!(row.last.unwrap().problem.unwrap().len(), 200);
    let now = rig.clock.now();
    assert!(rig.store.revive_delivery(row.id, now).await.unwrap());
    assert_eq!(courier.carry_due().await.unwrap(), 1);
    assert_eq!(mail.carried().len(), 1);
}

#[tokio::test]
async fn one_that_runs_carries_what_is_told_and_ends() {
    let mut rig = Rig::new();
    let mail = Told::answering([]);
    let courier = rig.courier(&mail);
    let (stop, mut stopped) = watch::channel(false);
    let running = courier.clone();
    let running = tokio::spawn(async move {
        running
            .run(async move { drop(stopped.wait_for(|stop| *stop).await) })
            .await;
    });
    let entry = rig.entry(Event::InvoiceSettled);
    courier.notify(rig.make.id(), &[entry]).await.unwrap();
    let carried = async {
        while mail.carried().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), carried)
        .await
        .unwrap();
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[test]
fn each_way_has_a_word_and_an_id_of_its_own() {
    for way in Way::ALL {
        assert_eq!(Way::from_word(way.as_str()), Some(way));
        assert_eq!(Way::of(way.id()), Some(way));
        assert_eq!(way.id().uuid().get_version_num(), 8);
    }
    let mut make = Maker::new(1);
    assert_eq!(Way::of(make.id()), None);
    assert_eq!(EndpointId::PREFIX, "we");
}
