//! A courier over a store in memory, and transports that do as they are told.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use billing_domain::ids::{Id, JournalId};
use billing_domain::journal::Event;
use billing_ports::store::{DeliveryFilter, DeliveryState, Endpoints as _, PageAsk};
use billing_testkit::fixtures::Maker;
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
