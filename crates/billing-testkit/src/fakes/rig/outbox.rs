//! Webhooks on their way out: held for a test to play with, or delivered.
//!
//! An event is rendered once, when it happens, and signed anew each time it is
//! sent, as providers do. Knows no provider: how to sign is given.

use std::fmt;
use std::sync::{Arc, Mutex};

use billing_domain::time::Timestamp;
use billing_ports::webhook::WebhookRequest;
use bytes::Bytes;
use tokio::sync::Notify;
use url::Url;

use super::clock::FakeClock;
use super::lock;

/// Makes the headers of one sending: the secrets (all of them sign during a
/// rotation), the body, and the instant.
pub type Signer = Arc<dyn Fn(&[String], &[u8], Timestamp) -> Vec<(String, String)> + Send + Sync>;

/// An event that is to be told, not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The provider's id of the event. A duplicate carries the same.
    pub id: String,
    /// The provider's word for its kind.
    pub kind: String,
    /// When it happened, by the fake's clock.
    pub at: Timestamp,
    /// The exact bytes.
    pub body: Bytes,
}

/// An event with the headers of one sending.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedWebhook {
    /// The event.
    pub event: Webhook,
    /// Header names in lower case, with their values; the signature is among them.
    pub headers: Vec<(String, String)>,
}

impl SignedWebhook {
    /// What a decoder is given.
    #[must_use]
    pub fn request(&self) -> WebhookRequest {
        WebhookRequest {
            headers: self.headers.clone(),
            body: self.event.body.clone(),
        }
    }
}

impl fmt::Debug for SignedWebhook {
    /// Shows neither signature nor body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedWebhook")
            .field("id", &self.event.id)
            .field("kind", &self.event.kind)
            .finish_non_exhaustive()
    }
}

/// The events that nobody was told yet, oldest first. Its clones are the same outbox.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
    signer: Signer,
    clock: FakeClock,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    events: Vec<Webhook>,
    secrets: Vec<String>,
    target: Option<Url>,
    /// The instant that all events bear while it is set.
    frozen: Option<Timestamp>,
    /// Events that were given up after the last attempt.
    failed: Vec<Webhook>,
}

impl fmt::Debug for Outbox {
    /// Shows no secret and no body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("kinds", &self.kinds())
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// An empty outbox whose events are held.
    #[must_use]
    pub fn new(
        signer: impl Fn(&[String], &[u8], Timestamp) -> Vec<(String, String)> + Send + Sync + 'static,
        clock: FakeClock,
        secrets: Vec<String>,
    ) -> Self {
        let state = State {
            secrets,
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
            signer: Arc::new(signer),
            clock,
        }
    }

    /// Adds an event at the end.
    pub fn push(&self, event: Webhook) {
        lock(&self.shared.state).events.push(event);
        self.shared.changed.notify_one();
    }

    /// Signs with these from now on: both, the old and the new, during a rotation.
    pub fn set_secrets(&self, secrets: Vec<String>) {
        lock(&self.shared.state).secrets = secrets;
    }

    /// Delivers to a URL from now on, with retries. `None`: holds.
    pub fn set_target(&self, target: Option<Url>) {
        lock(&self.shared.state).target = target;
        self.shared.changed.notify_one();
    }

    /// Where events are delivered. `None`: they are held.
    #[must_use]
    pub fn target(&self) -> Option<Url> {
        lock(&self.shared.state).target.clone()
    }

    /// All events bear this instant from now on, whatever the clock says, so
    /// that their seconds collide. `None`: the clock's again.
    pub fn freeze(&self, at: Option<Timestamp>) {
        lock(&self.shared.state).frozen = at;
    }

    /// The instant that an event bears which happens now.
    #[must_use]
    pub fn stamp(&self) -> Timestamp {
        let frozen = lock(&self.shared.state).frozen;
        frozen.unwrap_or_else(|| self.clock.now())
    }

    /// The kinds of the events that wait, oldest first.
    #[must_use]
    pub fn kinds(&self) -> Vec<String> {
        let state = lock(&self.shared.state);
        state.events.iter().map(|one| one.kind.clone()).collect()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.shared.state).events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets a test reorder, duplicate, drop or change what waits.
    pub fn rearrange(&self, change: impl FnOnce(&mut Vec<Webhook>)) {
        change(&mut lock(&self.shared.state).events);
        self.shared.changed.notify_one();
    }

    /// The latest first.
    pub fn reverse(&self) {
        self.rearrange(|events| events.reverse());
    }

    /// Every event twice in a row, under the same id.
    pub fn duplicate(&self) {
        self.rearrange(|events| {
            let twice = events.iter().flat_map(|one| [one.clone(), one.clone()]);
            *events = twice.collect();
        });
    }

    /// Drops every event of a kind, as if it were lost; how many there were.
    #[must_use]
    pub fn lose(&self, kind: &str) -> usize {
        let before = self.len();
        self.rearrange(|events| events.retain(|one| one.kind != kind));
        before.saturating_sub(self.len())
    }

    /// Takes everything that waits, signed now, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<SignedWebhook> {
        let events = std::mem::take(&mut lock(&self.shared.state).events);
        events.into_iter().map(|one| self.sign(one)).collect()
    }

    /// Takes the oldest event of a kind. `None`: none waits.
    #[must_use]
    pub fn take_kind(&self, kind: &str) -> Option<SignedWebhook> {
        let mut state = lock(&self.shared.state);
        let place = state.events.iter().position(|one| one.kind == kind)?;
        let event = state.events.remove(place);
        drop(state);
        Some(self.sign(event))
    }

    /// The headers of sending `event` now.
    #[must_use]
    pub fn sign(&self, event: Webhook) -> SignedWebhook {
        let secrets = lock(&self.shared.state).secrets.clone();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend((self.signer)(&secrets, &event.body, self.clock.now()));
        SignedWebhook { event, headers }
    }

    /// Events that were given up after the last attempt.
    #[must_use]
    pub fn failed(&self) -> Vec<Webhook> {
        lock(&self.shared.state).failed.clone()
    }

    pub(super) fn give_up(&self, event: Webhook) {
        lock(&self.shared.state).failed.push(event);
    }

    /// The ids of the events that wait, oldest first. Wakes nobody.
    pub(in crate::fakes) fn ids(&self) -> Vec<String> {
        let state = lock(&self.shared.state);
        state.events.iter().map(|one| one.id.clone()).collect()
    }

    /// Takes the ids of all that waits, oldest first, and the events with them.
    /// Wakes nobody: whoever delivers is awake.
    pub(in crate::fakes) fn drain(&self) -> Vec<String> {
        let events = std::mem::take(&mut lock(&self.shared.state).events);
        events.into_iter().map(|one| one.id).collect()
    }

    /// Wakes whoever delivers: something may have come due.
    pub(in crate::fakes) fn wake(&self) {
        self.shared.changed.notify_one();
    }

    /// Waits until something has changed since the last time.
    pub(in crate::fakes) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// The oldest event and where it goes. Waits until there are both.
    pub(super) async fn next(&self) -> (Webhook, Url) {
        loop {
            if let Some(next) = self.ready() {
                return next;
            }
            self.shared.changed.notified().await;
        }
    }

    fn ready(&self) -> Option<(Webhook, Url)> {
        let mut state = lock(&self.shared.state);
        let target = state.target.clone()?;
        if state.events.is_empty() {
            return None;
        }
        Some((state.events.remove(0), target))
    }
}
