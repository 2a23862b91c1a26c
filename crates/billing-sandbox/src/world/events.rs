//! Events: what is told to the world outside, and how far telling it has come.

use billing_domain::fact::Observed;
use billing_domain::time::{Timestamp, shifted};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Kind, World};

/// The pauses between attempts to deliver an event, in seconds: a hiccup, a
/// restart, a deployment, an outage. After the last it is kept as failed.
const RETRY_SECONDS: [i64; 5] = [5, 30, 120, 600, 3_600];

/// How many events that are done with are kept to be looked at; older ones go.
const SETTLED_KEPT: usize = 1_000;

/// After how many new events the old ones are looked through: rarely enough to
/// cost nothing on average, often enough that half as many more are kept at most.
const SWEEP_EVERY: u64 = 500;

/// How many events are looked at once, at most.
const DUE_AT_ONCE: usize = 100;

/// Something that happened, told to whoever listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// `invoice.paid`.
    pub(crate) kind: String,
    pub(crate) created: Timestamp,
    pub(crate) facts: Vec<Observed>,
    pub(crate) state: EventState,
    /// How often delivering it failed.
    pub(crate) failures: u8,
    /// Whether its turn for a delivery fault is over.
    pub(crate) judged: bool,
}

/// How far delivering an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EventState {
    /// It waits to be sent, again or for the first time.
    Waiting {
        /// Not before this instant.
        next_at: Timestamp,
    },
    /// It was sent and accepted.
    Delivered,
    /// It was never accepted and is sent no more.
    Failed,
    /// It was lost on purpose.
    Dropped,
}

/// How one attempt to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryTry {
    Accepted,
    Failed,
    Dropped,
    /// Not tried: it is held back until this instant.
    Held(Timestamp),
}

impl Event {
    pub(crate) const fn next_try(&self) -> Option<Timestamp> {
        match self.state {
            EventState::Waiting { next_at } => Some(next_at),
            EventState::Delivered | EventState::Failed | EventState::Dropped => None,
        }
    }
}

impl World {
    /// Queues an event that tells `facts`, to be sent from `now` on. `created` may be
    /// some microseconds later, where several changes of one object share an instant.
    pub(crate) fn emit(
        &mut self,
        kind: &str,
        created: Timestamp,
        facts: Vec<Observed>,
        now: Timestamp,
    ) {
        let id = self.draw_id(Kind::Event);
        self.put(Event {
            id,
            kind: kind.to_owned(),
            created,
            facts,
            state: EventState::Waiting { next_at: now },
            failures: 0,
            judged: false,
        });
        self.sweep_events();
    }

    /// The events to send now, in order; a bounded number.
    pub(crate) fn due_events(&self, now: Timestamp) -> Vec<Event> {
        self.outgoing
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(DUE_AT_ONCE)
            .filter_map(|(_, id)| self.get(id))
            .collect()
    }

    /// Notes how an attempt to deliver ended.
    pub(crate) fn delivered(&mut self, id: &str, how: DeliveryTry, now: Timestamp) {
        let Some(mut event) = self.get::<Event>(id) else {
            return;
        };
        event.judged = true;
        event.state = match how {
            DeliveryTry::Accepted => EventState::Delivered,
            DeliveryTry::Dropped => EventState::Dropped,
            DeliveryTry::Held(next_at) => EventState::Waiting { next_at },
            DeliveryTry::Failed => {
                let pause = RETRY_SECONDS.get(usize::from(event.failures)).copied();
                event.failures = event.failures.saturating_add(1);
                match pause {
                    Some(seconds) => EventState::Waiting {
                        next_at: shifted(now, SignedDuration::from_secs(seconds)),
                    },
                    None => EventState::Failed,
                }
            }
        };
        self.put(event);
    }

    /// Sends a failed event again. `false`: there is no such event, or it did not fail.
    pub(crate) fn send_again(&mut self, id: &str, now: Timestamp) -> bool {
        match self.get::<Event>(id) {
            Some(mut event) if event.state == EventState::Failed => {
                event.state = EventState::Waiting { next_at: now };
                event.failures = 0;
                self.put(event);
                true
            }
            _ => false,
        }
    }

    /// Lets the oldest events go that were accepted or dropped. Failed ones stay.
    fn sweep_events(&mut self) {
        if !self.counters.events.is_multiple_of(SWEEP_EVERY) {
            return;
        }
        let settled: Vec<String> = self
            .events
            .values()
            .filter(|event| matches!(event.state, EventState::Delivered | EventState::Dropped))
            .map(|event| event.id.clone())
            .collect();
        let surplus = settled.len().saturating_sub(SETTLED_KEPT);
        for id in settled.iter().take(surplus) {
            self.remove::<Event>(id);
        }
    }
}
