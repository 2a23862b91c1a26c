//! A whole server in front of a fake provider: the adapter calls the fake over
//! HTTP on loopback, the fake's webhooks come to the server's own route, and both
//! live by the fake's clock.
//!
//! Knows no provider: a fake that keeps to [`Fake`] and the parts of its adapter
//! are given.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use billing::Billing;
use billing::notify::{Reaching, Sender};
use billing_domain::catalog::Catalog;
use billing_domain::ids::EffectId;
use billing_domain::journal::JournalEntry;
use billing_domain::parked::Parked;
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, HttpOptions};
use billing_ports::store::{Claiming, PageAsk, Resolution, Store};
use billing_ports::{
    Clock, IdSource, Mail, Notifier, NotifyError, PaymentProvider, WebhookDecoder,
};
use billing_server::{AppState, LetterOptions, TokenSigner, api_routes, page_routes};
use billing_testkit::fakes::rig::{Fault, FaultKind, Rig, SignedWebhook};
use billing_testkit::{RecordingMailer, RecordingNotifier, SeededIds};
use bytes::Bytes;
use jiff::SignedDuration;
use poem::http::StatusCode;
use poem::{EndpointExt, Route};
use serde_json::{Value, json};

use super::audit::findings;
use super::door::Door;
use super::{KEY, MAX_ROUNDS, PUBLIC, assert_told_as_documented, canary, http};

/// What licenses and their keys are signed with.
const SEED: [u8; 32] = [3; 32];
const KEYED_WITH: [u8; 32] = [4; 32];

/// The longest step in which the clock is moved, so that what the provider does
/// on the way is heard of not long after. A month is some sixty of them.
const MAX_STEP: SignedDuration = SignedDuration::from_hours(12);

/// How long a worker may take to read the books of a fake: nothing of it takes a second.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the rig asks of a fake provider.
pub(crate) trait Fake: Deref<Target = Rig> + Send + Sync {
    /// The provider's key, as in its webhooks' route.
    const NAME: &'static str;

    /// What the deployment proves itself by there, and is proved to by: in no log and
    /// in no answer.
    const SECRETS: &'static [&'static str];
}

/// An adapter, as a server is made of.
pub(crate) struct Adapter {
    pub(crate) provider: Arc<dyn PaymentProvider>,
    pub(crate) decoder: Arc<dyn WebhookDecoder>,
}

/// A client that asks once: what fails is then tried again by the engine alone,
/// whose time the test moves. How long a host is left alone goes by the real clock,
/// which these stories do not wait for.
pub(crate) fn client() -> HttpClient {
    let once = HttpOptions {
        max_attempts: 1,
        circuit_failures: 0,
        ..HttpOptions::default()
    };
    HttpClient::new(once).unwrap()
}

/// A client that waits for an answer a fifth of a second.
pub(crate) fn impatient() -> HttpClient {
    let patience = Duration::from_millis(200);
    let options = HttpOptions {
        max_attempts: 1,
        connect_timeout: patience / 2,
        request_timeout: patience,
        total_timeout: patience,
        circuit_failures: 0,
        ..HttpOptions::default()
    };
    HttpClient::new(options).unwrap()
}

/// A seed that no other server of this process has: two that share a provider's
/// account must not give the same names.
fn seed() -> u64 {
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    SEEDS.fetch_add(1, Ordering::Relaxed)
}

/// Whoever is told what happens: remembered, and sent to receivers.
struct Told {
    notifier: RecordingNotifier,
    events: Sender,
}

#[async_trait]
impl Notifier for Told {
    async fn notify(&self, id: EffectId, entries: &[JournalEntry]) -> Result<(), NotifyError> {
        self.notifier.notify(id, entries).await?;
        self.events.notify(id, entries).await
    }
}

/// A server, its engine, and the fake that they work with.
pub(crate) struct Hosted<F> {
    pub(crate) fake: Arc<F>,
    pub(crate) billing: Billing,
    pub(crate) notifier: RecordingNotifier,
    /// What sends events out, to this machine too. Nothing goes out before it is told to send.
    pub(crate) events: Sender,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) provider: Arc<dyn PaymentProvider>,
    state: AppState,
    mailer: RecordingMailer,
    door: Door,
}

impl<F> Deref for Hosted<F> {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl<F: Fake> Hosted<F> {
    /// A server on `store` with `catalog` in force.
    pub(crate) async fn over(
        store: Arc<dyn Store>,
        fake: Arc<F>,
        adapter: Adapter,
        catalog: &Catalog,
    ) -> Self {
        // From the first call on.
        let canary = canary(F::SECRETS);
        let notifier = RecordingNotifier::new();
        let clock: Arc<dyn Clock> = Arc::new(fake.clock().clone());
        let events = Sender::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::new(SeededIds::new(seed())),
            Reaching::Anywhere,
        )
        .unwrap();
        let told = Told {
            notifier: notifier.clone(),
            events: events.clone(),
        };
        let ids = Arc::new(SeededIds::new(seed())) as Arc<dyn IdSource>;
        let provider = adapter.provider;
        let billing = Billing::builder(Arc::clone(&store), clock, ids)
            .provider(Arc::clone(&provider))
            .webhooks(adapter.decoder)
            .notifier(Arc::new(told))
            .build()
            .unwrap();
        billing.apply_catalog(catalog).await.unwrap();
        let signer = TokenSigner::new(&SEED, &KEYED_WITH, PUBLIC, PUBLIC);
        let mailer = RecordingMailer::new();
        let state = http::state(&billing, Arc::new(SeededIds::new(seed())))
            .await
            .with_events(events.clone())
            .with_mailer(Arc::new(mailer.clone()))
            .with_license_signer(Arc::new(signer));
        let letters = state.letters(LetterOptions::default());
        let state = state.with_courier(letters.into_iter().collect());
        let api = Arc::new(api_routes(state.clone()));
        let routes = Route::new()
            .nest_no_strip("/v1", Arc::clone(&api))
            .nest_no_strip("/.well-known", api)
            .nest_no_strip("/", page_routes(&state))
            .map_to_response()
            .boxed();
        Self {
            fake,
            billing,
            notifier,
            events,
            store,
            provider,
            state,
            mailer,
            door: Door::new(routes, canary),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.fake.clock().now()
    }

    /// Every mail that was sent, with those at hand.
    pub(crate) async fn mail(&self) -> Vec<Mail> {
        self.state.mail_settled().await;
        self.mailer.sent()
    }

    /// Delivers these webhooks in this order; every one is accepted.
    pub(crate) async fn deliver_each(&self, webhooks: &[SignedWebhook]) {
        for webhook in webhooks {
            let answer = self.deliver(F::NAME, &webhook.request()).await;
            assert_eq!(
                answer.status,
                StatusCode::OK,
                "{webhook:?}: {}",
                answer.text
            );
        }
    }

    /// Delivers what waits, in the order in which it happened; how many there were.
    pub(crate) async fn deliver_all(&self) -> usize {
        let waiting = self.fake.deliveries().take();
        self.deliver_each(&waiting).await;
        waiting.len()
    }

    /// Works until nothing is left to do at this instant, without a webhook.
    pub(crate) async fn work(&self) {
        for _ in 0..MAX_ROUNDS {
            if self.billing.work_until_idle().await.unwrap().is_empty() {
                return;
            }
        }
        panic!("still busy after {MAX_ROUNDS} rounds");
    }

    /// Delivers and works until nothing is left to do at this instant.
    pub(crate) async fn settle(&self) {
        for _ in 0..MAX_ROUNDS {
            let delivered = self.deliver_all().await;
            let worked = self.billing.work_until_idle().await.unwrap();
            let courier = self.state.courier().expect("letters are written");
            let carried = courier.carry_due().await.unwrap();
            if delivered == 0 && worked.is_empty() && carried == 0 {
                return;
            }
        }
        panic!("still busy after {MAX_ROUNDS} rounds");
    }

    /// Lets time pass, delivering and working on the way, as a server that runs would.
    pub(crate) async fn pass(&self, by: SignedDuration) {
        let end = billing_domain::time::shifted(self.now(), by);
        self.pass_until(end).await;
    }

    /// The same, until an instant.
    pub(crate) async fn pass_until(&self, end: Timestamp) {
        self.settle().await;
        while self.now() < end {
            let next = self.store.next_work().await.unwrap();
            let now = self.now();
            let wakes = [next.due, next.inbox, next.outbox];
            let wake = wakes.into_iter().flatten().filter(|at| *at > now).min();
            let step = billing_domain::time::shifted(now, MAX_STEP);
            let to = wake.unwrap_or(step).min(step).min(end);
            self.fake.advance(to.duration_since(now));
            self.settle().await;
        }
    }

    /// Runs a worker through the hour after which it reads the provider's books, until
    /// `is_over` says so of that instant.
    pub(crate) async fn reads_books<O>(&self, is_over: impl Fn(Timestamp) -> O + Send + Sync)
    where
        O: Future<Output = bool> + Send,
    {
        let read = async {
            // The worker counts the hour from where it begins.
            tokio::task::yield_now().await;
            self.fake.advance(SignedDuration::from_hours(1));
            self.billing.wake();
            while !is_over(self.now()).await {
                tokio::task::yield_now().await;
            }
        };
        let worked = tokio::time::timeout(PATIENCE, self.billing.run_worker(read));
        worked.await.expect("the books are read");
    }

    /// What an operator reads.
    pub(crate) async fn read(&self, url: &str) -> Value {
        self.get_as(KEY, url).await.is(StatusCode::OK).json()
    }

    /// The rows of a list that an operator reads, newest first.
    pub(crate) async fn rows(&self, url: &str) -> Vec<Value> {
        let mut list = self.read(url).await;
        list["data"].as_array_mut().unwrap().drain(..).collect()
    }

    /// A new customer; gives its id.
    pub(crate) async fn customer(&self, who: &str) -> String {
        let asked = json!({ "external_ref": who });
        let made = self.operate("/v1/customers", &asked).await;
        let made = made.is(StatusCode::CREATED).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// What a customer sees of itself.
    pub(crate) async fn me(&self, customer: &str) -> Value {
        let session = self.session(customer).await;
        let seen = self.get_as(&session, "/v1/me").await;
        seen.is(StatusCode::OK).json()
    }

    /// What happened to a customer under the name `event`.
    pub(crate) async fn happened(&self, customer: &str, event: &str) -> Vec<Value> {
        let url = format!("/v1/customers/{customer}/journal?limit=100");
        let mut rows = self.rows(&url).await;
        rows.retain(|row| row["event"] == event);
        rows
    }

    /// How often `event` was told to the host.
    pub(crate) fn told(&self, event: &str) -> usize {
        let events = self.notifier.events();
        events.iter().filter(|told| told.as_str() == event).count()
    }

    /// Everything that waits for a person.
    pub(crate) async fn parked(&self) -> Vec<Parked> {
        let page = PageAsk {
            after: None,
            limit: 100,
        };
        self.store.list_parked(None, page).await.unwrap().rows
    }

    /// Every request to the provider is struck by this until the faults are cleared.
    pub(crate) fn down(&self, kind: FaultKind) {
        self.fake.fault(Fault::next(kind).times(10_000));
    }

    /// Has everything that was set aside back in the inbox; the bodies as they were
    /// kept, in their order as bytes.
    pub(crate) async fn had_back(&self) -> Vec<Bytes> {
        for row in self.parked().await {
            let resolved = self
                .store
                .resolve_parked(row.id, Resolution::Replay, self.now());
            assert!(resolved.await.unwrap(), "{row:?}");
        }
        let claiming = Claiming {
            now: self.now(),
            lease: SignedDuration::from_mins(1),
            limit: 100,
        };
        let claimed = self.store.claim_inbox(claiming).await.unwrap();
        let mut kept: Vec<Bytes> = claimed.into_iter().map(|row| row.delivery.body).collect();
        kept.sort();
        kept
    }

    /// Nothing waits, nothing was set aside for a person, and the books are sound.
    pub(crate) async fn ends_well(&self) {
        self.settle().await;
        assert_eq!(self.parked().await, []);
        self.is_sound().await;
    }

    /// Nothing waits, the books are sound, and what was told is as the document says.
    pub(crate) async fn is_sound(&self) {
        assert_told_as_documented(&self.notifier);
        let next = self.store.next_work().await.unwrap();
        assert_eq!(
            (next.inbox, next.outbox),
            (None, None),
            "left in the queues"
        );
        let found = findings(&self.billing).await.unwrap();
        assert!(found.is_empty(), "the audit found {found:#?}");
    }
}

/// Every order of `rows`.
pub(crate) fn permutations<T: Clone>(rows: &[T]) -> Vec<Vec<T>> {
    if rows.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..rows.len() {
        let mut rest = rows.to_vec();
        let row = rest.remove(first);
        for mut order in permutations(&rest) {
            order.insert(0, row.clone());
            all.push(order);
        }
    }
    all
}
