//! A sender over a store in memory, with a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use billing_domain::ids::EndpointId;
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions};
use billing_notify::{Reaching, Sender, WAITS, shown};
use billing_ports::store::{
    DeliveryFilter, DeliveryState, Endpoint, EndpointSecret, Endpoints, EventDelivery, PageAsk,
};
use billing_ports::{Clock, Notifier};
use billing_testkit::fixtures::Maker;
use billing_testkit::receiver::{Got, Receiver};
use billing_testkit::{ManualClock, MemoryStore, SeededIds};
use standardwebhooks::Webhook;

/// How long a receiver of these tests has to answer.
const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) struct Rig {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
    pub(crate) sender: Sender,
    pub(crate) make: Maker,
}

impl Rig {
    /// A sender that waits for an answer a fifth of a second.
    pub(crate) fn new() -> Self {
        Self::with(HttpOptions {
            connect_timeout: PATIENCE / 2,
            request_timeout: PATIENCE,
            total_timeout: PATIENCE,
            ..Sender::http_options(Reaching::Anywhere)
        })
    }

    pub(crate) fn with(options: HttpOptions) -> Self {
        Self::around(HttpClient::new(options).unwrap())
    }

    pub(crate) fn around(client: HttpClient) -> Self {
        let store = MemoryStore::new();
        let clock = ManualClock::new("2026-03-01T12:00:00Z".parse().unwrap());
        let sender = Sender::with_client(
            Arc::new(store.clone()),
            Arc::new(clock.clone()),
            Arc::new(SeededIds::new(1)),
            client,
        );
        Self {
            store,
            clock,
            sender,
            make: Maker::new(1),
        }
    }

    pub(crate) async fn listens(&mut self, url: &str) -> Endpoint {
        self.wants(url, Vec::new()).await
    }

    pub(crate) async fn wants(&mut self, url: &str, events: Vec<Event>) -> Endpoint {
        let endpoint = Endpoint {
            id: self.make.id(),
            url: url.to_owned(),
            events,
            secret: EndpointSecret([7; 32]),
            old_secret: None,
            failing_since: None,
            disabled: None,
            created_at: self.clock.now(),
        };
        assert_eq!(self.store.add_endpoint(&endpoint).await, Ok(true));
        endpoint
    }

    /// Something happens, and is told.
    pub(crate) async fn happens(&mut self, event: Event) -> JournalEntry {
        let customer = self.make.id();
        let entry = JournalEntry {
            at: self.clock.now(),
            ..self.make.journal(customer, event)
        };
        self.told(std::slice::from_ref(&entry)).await;
        entry
    }

    pub(crate) async fn told(&mut self, entries: &[JournalEntry]) {
        let effect = self.make.id();
        self.sender.notify(effect, entries).await.unwrap();
    }

    pub(crate) async fn endpoint(&self, id: EndpointId) -> Endpoint {
        self.store.get_endpoint(id).await.unwrap().unwrap()
    }

    /// Every delivery, newest first.
    pub(crate) async fn deliveries(&self) -> Vec<EventDelivery> {
        let page = PageAsk {
            after: None,
            limit: 1_000,
        };
        let filter = DeliveryFilter::default();
        self.store.list_deliveries(filter, page).await.unwrap().rows
    }

    /// The one delivery that there is.
    pub(crate) async fn delivery(&self) -> EventDelivery {
        let mut all = self.deliveries().await;
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    pub(crate) async fn states(&self) -> Vec<DeliveryState> {
        let all = self.deliveries().await;
        all.into_iter().map(|held| held.state).collect()
    }

    /// Goes on from try to try until nothing is left to be tried.
    pub(crate) async fn fails_to_the_end(&self) {
        for _ in 0..=WAITS.len() {
            let all = self.deliveries().await;
            let waiting = all.iter().filter(|it| it.state == DeliveryState::Pending);
            let Some(due) = waiting.map(|held| held.next_at).min() else {
                return;
            };
            self.clock.set(due.max(self.clock.now()));
            self.sender.send_due().await.unwrap();
        }
        let states = self.states().await;
        assert!(!states.contains(&DeliveryState::Pending), "{states:?}");
    }

    /// Goes on to when the one delivery is next due, and sends it; gives how long that was.
    pub(crate) async fn next_try(&self) -> i64 {
        let due: Timestamp = self.delivery().await.next_at;
        let wait = due.duration_since(self.clock.now());
        self.clock.set(due);
        assert_eq!(self.sender.send_due().await, Ok(1));
        wait.as_secs()
    }
}

pub(crate) async fn receiver() -> Receiver {
    Receiver::start().await.unwrap()
}

/// What a receiver got, signed as the official library signs it.
pub(crate) fn verified(got: &Got, secret: EndpointSecret) -> serde_json::Value {
    let library = Webhook::new(&shown(&secret)).unwrap();
    let sent_at = got.header("webhook-timestamp").parse().unwrap();
    // Its `verify` goes by the real clock, and these tests move theirs.
    let theirs = library.sign(got.header("webhook-id"), sent_at, &got.body);
    let theirs = theirs.unwrap();
    let mut ours = got.header("webhook-signature").split(' ');
    assert!(ours.any(|ours| ours == theirs), "{got:?}");
    serde_json::from_slice(&got.body).unwrap()
}
