//! The sender: a lane for each receiver to whom something is due. Knows nothing of what an
//! answer means.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use billing_domain::ids::{DeliveryId, EndpointId, IdSeq};
use billing_domain::time::{Timestamp, shifted, to_micros};
use billing_http::{HttpClient, HttpOptions, OptionsError, Reach};
use billing_ports::store::{Claiming, StoreError};
use billing_ports::{Clock, IdSource, Store};
use futures_util::future::join_all;
use jiff::SignedDuration;
use tokio::sync::{Notify, watch};
use tokio::task::{Id as TaskId, JoinSet};
use url::Url;

use crate::address::{AddressError, address};
use crate::links::RenewalLinks;

/// Deliveries to one receiver that are under way at the same time: enough for three hundred a
/// second between fifty receivers that answer within some hundred milliseconds, and few enough
/// that a small receiver bears it.
pub const LANE: u16 = 8;

/// How long the secret before a rotation goes on signing: a day, within which whoever runs a
/// receiver has put the new one in.
pub const ROTATION_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// How long a receiver has to connect, and to answer in all. Who has more to do than that
/// answers first and does it afterwards.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How long a claim stands: longer than a try takes, with two writes to the store.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// Most bytes of an answer's body that are read: nothing in it is of interest.
const ANSWER_MAX: usize = 16 * 1_024;

/// How often is looked without being woken: what is to be tried again falls due seconds later
/// at the soonest.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// The pause after a failure of the store, so that one that is coming back is not hammered.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How long deliveries are kept, however far they have come: as long as bodies of what
/// providers deliver.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often old ones are looked for, once none are left.
pub(crate) const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How many old ones are swept at each look for what is due, until none are left: with a look a
/// second at the least, three times as many as can be sent in one, and a statement that holds up
/// nothing that is to be sent.
const SWEEP_BATCH: u16 = 1_000;

/// Rounds of [`Sender::send_due`]: many times what waits in any test of a host. More are left
/// for the next call.
const MAX_ROUNDS: usize = 10_000;

/// Whom events may be sent to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reaching {
    /// Receivers on the public internet alone, over TLS.
    #[default]
    Public,
    /// Receivers anywhere, without TLS too: for development, and for networks of one's own
    /// where everybody who may add a receiver may reach everything.
    Anywhere,
}

/// Sends events out. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Sender {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    client: HttpClient,
    wake: Notify,
    /// Empty: there are no pages of ours, and a renewal is paid at its provider's.
    links: OnceLock<Arc<dyn RenewalLinks>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("client", &self.inner.client)
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender over the engine's own store and clock.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the HTTP client cannot be set up.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        reaching: Reaching,
    ) -> Result<Self, OptionsError> {
        let client = HttpClient::new(Self::http_options(reaching))?;
        Ok(Self::with_client(store, clock, ids, client))
    }

    /// A sender that posts with `client`, whose limits and reach are then its own.
    #[must_use]
    pub fn with_client(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        client: HttpClient,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                ids,
                client,
                wake: Notify::new(),
                links: OnceLock::new(),
            }),
        }
    }

    /// The limits of the client of [`Self::new`]: one try, a short answer, no circuit, since
    /// what fails is tried again here.
    #[must_use]
    pub fn http_options(reaching: Reaching) -> HttpOptions {
        HttpOptions {
            connect_timeout: CONNECT_WITHIN,
            request_timeout: ANSWER_WITHIN,
            total_timeout: ANSWER_WITHIN,
            max_attempts: 1,
            max_response_bytes: ANSWER_MAX,
            circuit_failures: 0,
            reach: match reaching {
                Reaching::Public => Reach::Public,
                Reaching::Anywhere => Reach::Anybody,
            },
            ..HttpOptions::default()
        }
    }

    /// The address, if events may be posted there, as far as it says by itself. What its name
    /// leads to is judged whenever it is dialed.
    ///
    /// # Errors
    ///
    /// [`AddressError`], the first thing that is wrong with it.
    pub fn check_address(&self, text: &str) -> Result<Url, AddressError> {
        address(text, self.inner.client.options().reach)
    }

    /// From now on, what is sent of a renewal says where it is paid as `links` say. Without them
    /// that is the provider's own page, which closes sooner. `false`: others were given before,
    /// and stay.
    pub fn link_renewals(&self, links: Arc<dyn RenewalLinks>) -> bool {
        self.inner.links.set(links).is_ok()
    }

    pub(crate) fn links(&self) -> Option<&Arc<dyn RenewalLinks>> {
        self.inner.links.get()
    }

    /// Looks at once whether something is due, as after moving a clock.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Sends what is due until `stop` is ready, then finishes the tries at hand and returns.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let (ending, end) = watch::channel(false);
        let mut lanes = Lanes::default();
        let mut sweep_at = self.now();
        tokio::pin!(stop);
        loop {
            match self.store().endpoints_due(self.now()).await {
                Ok(due) => lanes.open(self, due, &end),
                Err(error) => tracing::warn!(%error, "looking for events to send failed"),
            }
            if self.now() >= sweep_at {
                let more = sweep(self.store(), self.now()).await;
                let pause = if more {
                    SignedDuration::ZERO
                } else {
                    SWEEP_EVERY
                };
                sweep_at = shifted(self.now(), pause);
            }
            tokio::select! {
                biased;
                () = &mut stop => break,
                // What came while it was ending is looked for again.
                () = lanes.closed() => {}
                () = self.inner.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        // Nobody listens where there is no lane.
        let _nobody = ending.send(true);
        lanes.finish().await;
    }

    /// Sends what is due at this instant, and what falls due while it does; gives how many
    /// tries were made. For tests, and for hosts with a loop of their own.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; what was tried by then is recorded.
    pub async fn send_due(&self) -> Result<usize, StoreError> {
        let mut tried = 0_usize;
        for _ in 0..MAX_ROUNDS {
            let due = self.store().endpoints_due(self.now()).await?;
            if due.is_empty() {
                break;
            }
            let rounds = due.into_iter().map(|endpoint| self.round(endpoint));
            for round in join_all(rounds).await {
                tried = tried.saturating_add(round?);
            }
        }
        Ok(tried)
    }

    /// Works for one receiver until nothing is due to it.
    async fn lane(self, endpoint: EndpointId, end: watch::Receiver<bool>) {
        while !*end.borrow() {
            match self.round(endpoint).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%endpoint, %error, "sending events failed, will be tried again");
                    return tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Sends a receiver what is due to it, a few side by side; gives how many.
    async fn round(&self, id: EndpointId) -> Result<usize, StoreError> {
        let endpoint = self.store().get_endpoint(id).await?;
        let Some(endpoint) = endpoint.filter(|held| held.disabled.is_none()) else {
            return Ok(0);
        };
        let ask = Claiming {
            now: self.now(),
            lease: LEASE,
            limit: LANE,
        };
        let claimed = self.store().claim_deliveries(id, ask).await?;
        let tries = claimed.iter().map(|held| self.attempt(&endpoint, held));
        for tried in join_all(tries).await {
            tried?;
        }
        Ok(claimed.len())
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    pub(crate) fn client(&self) -> &HttpClient {
        &self.inner.client
    }

    pub(crate) fn now(&self) -> Timestamp {
        to_micros(self.inner.clock.now())
    }

    /// Evenly spread, to tell waits apart.
    pub(crate) fn chance(&self) -> u64 {
        self.inner.ids.seed()
    }
}

/// Sweeps some of what is old; gives whether there may be more.
pub(crate) async fn sweep(store: &dyn Store, now: Timestamp) -> bool {
    // The first id that could be made then.
    let before: DeliveryId = IdSeq::new(shifted(now, -KEPT_FOR), 0).draw();
    match store.sweep_deliveries(before, SWEEP_BATCH).await {
        Ok(swept) => swept >= u64::from(SWEEP_BATCH),
        Err(error) => {
            tracing::warn!(%error, "sweeping old deliveries failed, will be tried again");
            false
        }
    }
}

/// The lanes that are open, one for a receiver at most.
#[derive(Default)]
struct Lanes {
    tasks: JoinSet<()>,
    open: BTreeMap<EndpointId, TaskId>,
}

impl Lanes {
    fn open(&mut self, sender: &Sender, due: Vec<EndpointId>, end: &watch::Receiver<bool>) {
        for endpoint in due {
            self.open.entry(endpoint).or_insert_with(|| {
                let lane = sender.clone().lane(endpoint, end.clone());
                self.tasks.spawn(lane).id()
            });
        }
    }

    /// Waits until one has come to its end; for ever, where there is none.
    async fn closed(&mut self) {
        let ended = match self.tasks.join_next_with_id().await {
            Some(Ok((ended, ()))) => ended,
            Some(Err(panicked)) => panicked.id(),
            None => return std::future::pending().await,
        };
        self.open.retain(|_, held| *held != ended);
    }

    async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
