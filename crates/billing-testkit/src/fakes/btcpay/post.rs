//! Delivering in BTCPay's own way: one after the other for each webhook, where one
//! that fails holds up all later ones.
//!
//! What happens when a delivery fails:
//!
//! 1. After 5xx, 408, 429 or no answer it is sent again: after 10 seconds, after
//!    another minute, then six times after 10 minutes each, under a new id that
//!    names the original. After any other answer it is given up at once.
//! 2. Until then nothing else goes to that webhook.
//! 3. All of this is kept in memory: a restart forgets whatever waits.

use std::collections::VecDeque;

use billing_domain::time::{Timestamp, shifted};
use billing_http::HttpClient;
use bytes::Bytes;
use jiff::SignedDuration;
use url::Url;

use super::super::rig::{Webhook, send};
use super::render;
use super::things::Attempt;
use super::till::Till;
use super::world::World;

/// The pauses before each further sending, as BTCPay has them: about an hour in all.
const PAUSES: [SignedDuration; 8] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(10),
];

/// What waits for one webhook.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    waiting: VecDeque<String>,
    /// The one at the head that failed. `None`: none did.
    head: Option<Retry>,
}

/// A delivery that is to be sent again.
#[derive(Debug, Clone)]
struct Retry {
    failed: String,
    /// How often it was sent again already.
    sent: usize,
    at: Timestamp,
    /// Whether its instant has come, and the courier was told.
    rung: bool,
}

/// Something to send now.
pub(super) struct Parcel {
    hook: String,
    id: String,
    url: Url,
    event: Webhook,
}

impl World {
    /// Puts a delivery at the end of its webhook's queue.
    pub(super) fn queue(&mut self, id: &str) {
        if let Some(hook) = self.delivery(id).map(|one| one.hook.clone()) {
            let queue = self.queues.entry(hook).or_default();
            queue.waiting.push_back(id.to_owned());
        }
    }

    /// Whether a delivery waits in a queue.
    pub(super) fn queued(&self) -> Vec<String> {
        let queues = self.queues.values();
        queues
            .flat_map(|queue| queue.waiting.iter().cloned())
            .collect()
    }

    /// When something is to be sent again next. `None`: nothing is.
    pub(super) fn next_ring(&self) -> Option<Timestamp> {
        let heads = self.queues.values().filter_map(|queue| queue.head.as_ref());
        heads.filter(|head| !head.rung).map(|head| head.at).min()
    }

    /// Notes what is to be sent again by now.
    pub(super) fn ring(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            if let Some(head) = queue.head.as_mut().filter(|head| head.at <= now) {
                head.rung = true;
            }
        }
    }

    /// Forgets whatever waits, as a restart does: how many there were.
    pub(super) fn forget(&mut self) -> usize {
        let queued = self.queued();
        for one in &mut self.deliveries {
            one.lost = one.lost || queued.contains(&one.id);
        }
        let heads = self.queues.values().filter(|queue| queue.head.is_some());
        let forgotten = queued.len().saturating_add(heads.count());
        self.queues.clear();
        forgotten
    }

    /// The next thing to send, and everything about it. `None`: nothing can be sent now.
    pub(super) fn parcel(&mut self, target: &Url, now: Timestamp) -> Option<Parcel> {
        let alone = self.hooks.len() == 1;
        let hooks: Vec<String> = self.queues.keys().cloned().collect();
        for hook in hooks {
            let Some(id) = self.next_of(&hook, now) else {
                continue;
            };
            let Some((delivery, to)) = self.delivery(&id).zip(self.hooks.get(&hook)) else {
                continue;
            };
            let own = to.url.as_deref().and_then(|url| Url::parse(url).ok());
            // The fake's own webhook has no address but the target, and gives way
            // to those that callers made.
            let Some(url) = own.or_else(|| alone.then(|| target.clone())) else {
                continue;
            };
            let body = Bytes::from(render::body(delivery));
            let event = Webhook {
                id: id.clone(),
                kind: delivery.kind.clone(),
                at: delivery.at,
                body,
            };
            return Some(Parcel {
                hook,
                id,
                url,
                event,
            });
        }
        None
    }

    /// What is at the head of a queue and due, taken from it.
    fn next_of(&mut self, hook: &str, now: Timestamp) -> Option<String> {
        let queue = self.queues.get_mut(hook)?;
        match &queue.head {
            None => queue.waiting.pop_front(),
            Some(head) if head.at > now => None,
            Some(head) => {
                let failed = head.failed.clone();
                self.repeat(&failed, now)
            }
        }
    }

    /// Writes down how a sending ended.
    pub(super) fn ended(&mut self, parcel: &Parcel, attempt: Attempt) {
        let mut deliveries = self.deliveries.iter_mut();
        if let Some(one) = deliveries.find(|one| one.id == parcel.id) {
            one.attempt = Some(attempt);
        }
        let Some(hook) = self.hooks.get(&parcel.hook) else {
            return;
        };
        let again = hook.redelivers && hook.enabled && attempt.is_retried();
        let Some(queue) = self.queues.get_mut(&parcel.hook) else {
            return;
        };
        let before = queue.head.take();
        let sent = before.map_or(0, |head| head.sent.saturating_add(1));
        if let Some(pause) = PAUSES.get(sent).filter(|_| again) {
            queue.head = Some(Retry {
                failed: parcel.id.clone(),
                sent,
                at: shifted(attempt.at, *pause),
                rung: false,
            });
        }
    }
}

/// Sends whatever can be sent now.
pub(super) async fn deliver(till: &Till, client: &HttpClient) {
    let _one_at_a_time = till.sending.lock().await;
    while let Some(parcel) = till.parcel() {
        let signed = till.outbox().sign(parcel.event.clone());
        let status = send(client, &parcel.url, &signed).await.ok();
        till.ended(&parcel, status);
    }
}

/// Delivers for ever.
pub(super) async fn run(till: std::sync::Arc<Till>, client: HttpClient) {
    loop {
        till.outbox().changed().await;
        deliver(&till, &client).await;
    }
}
