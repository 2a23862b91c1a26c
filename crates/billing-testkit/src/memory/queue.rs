//! A queue that many workers share: leases that run out, fences that only grow.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{Claiming, Fence};

/// Rows that wait, by key, and the order in which they may be claimed.
#[derive(Debug)]
pub(super) struct Queue<K> {
    slots: BTreeMap<K, Slot>,
    ready: BTreeSet<(Timestamp, u64, K)>,
    arrivals: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Since when it wants to be claimed. `None`: it does not.
    due: Option<Timestamp>,
    /// Not before this: the end of a lease, or of a delay.
    busy_until: Option<Timestamp>,
    claimed: bool,
    fence: i64,
    attempts: u16,
    /// Breaks ties between rows of one instant: first come, first served.
    arrival: u64,
}

impl Slot {
    fn ready_at(&self) -> Option<Timestamp> {
        self.due
            .map(|due| self.busy_until.map_or(due, |busy| busy.max(due)))
    }

    const fn end_claim(&mut self) {
        self.claimed = false;
        self.busy_until = None;
    }
}

/// A row as its claimer gets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<K> {
    pub(super) key: K,
    pub(super) due: Timestamp,
    pub(super) fence: Fence,
    pub(super) attempts: u16,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            slots: BTreeMap::new(),
            ready: BTreeSet::new(),
            arrivals: 0,
        }
    }
}

impl<K: Ord + Copy> Queue<K> {
    /// Wants to be claimed from `due` on; a claim that stands is not touched.
    pub(super) fn set_due(&mut self, key: K, due: Option<Timestamp>) {
        self.change(key, |slot| slot.due = due);
    }

    /// Leased to its maker from the beginning.
    pub(super) fn lease(&mut self, key: K, until: Timestamp) {
        self.change(key, |slot| {
            slot.fence = slot.fence.saturating_add(1);
            slot.claimed = true;
            slot.busy_until = Some(until);
        });
    }

    /// Back in the queue as if new. Its fence goes on, so that whoever held it
    /// before is still told apart.
    pub(super) fn restart(&mut self, key: K, now: Timestamp) {
        self.change(key, |slot| {
            slot.due = Some(now);
            slot.attempts = 0;
            slot.end_claim();
        });
    }

    /// Whether `fence` is that of the claim that stands.
    pub(super) fn holds(&self, key: K, fence: Fence) -> bool {
        self.slots
            .get(&key)
            .is_some_and(|slot| slot.claimed && slot.fence == fence.0)
    }

    /// Ends the claim; the row waits on.
    pub(super) fn end_claim(&mut self, key: K) {
        self.change(key, Slot::end_claim);
    }

    /// Takes the row out of the queue.
    pub(super) fn settle(&mut self, key: K) {
        self.change(key, |slot| {
            slot.due = None;
            slot.end_claim();
        });
    }

    /// Forgets the row.
    pub(super) fn forget(&mut self, key: K) {
        self.settle(key);
        self.slots.remove(&key);
    }

    /// Gives the row back until `retry_at`. `false`: the claim had passed on.
    pub(super) fn release(
        &mut self,
        key: K,
        fence: Fence,
        retry_at: Timestamp,
        counts: bool,
    ) -> bool {
        let held = self.holds(key, fence);
        if held {
            self.change(key, |slot| {
                slot.claimed = false;
                slot.busy_until = Some(retry_at);
                slot.attempts = slot.attempts.saturating_add(u16::from(counts));
            });
        }
        held
    }

    /// Claims what may be claimed, longest ready first.
    pub(super) fn claim(&mut self, ask: Claiming) -> Vec<Claim<K>> {
        let keys: Vec<K> = self
            .ready
            .iter()
            .take_while(|(at, _, _)| *at <= ask.now)
            .take(usize::from(ask.limit))
            .map(|(_, _, key)| *key)
            .collect();
        let until = shifted(ask.now, ask.lease);
        let mut claims = Vec::with_capacity(keys.len());
        for key in keys {
            self.lease(key, until);
            if let Some(slot) = self.slots.get(&key) {
                claims.push(Claim {
                    key,
                    due: slot.due.unwrap_or(ask.now),
                    fence: Fence(slot.fence),
                    attempts: slot.attempts,
                });
            }
        }
        claims
    }

    /// When there is next something to claim.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.ready.first().map(|(at, _, _)| *at)
    }

    /// How often the row has been tried.
    pub(super) fn attempts(&self, key: K) -> u16 {
        self.slots.get(&key).map_or(0, |slot| slot.attempts)
    }

    /// When the row wants to be claimed.
    pub(super) fn due(&self, key: K) -> Option<Timestamp> {
        self.slots.get(&key).and_then(|slot| slot.due)
    }

    fn change(&mut self, key: K, change: impl FnOnce(&mut Slot)) {
        let arrivals = &mut self.arrivals;
        let slot = self.slots.entry(key).or_insert_with(|| {
            *arrivals = arrivals.saturating_add(1);
            Slot {
                arrival: *arrivals,
                ..Slot::default()
            }
        });
        let before = slot.ready_at();
        change(slot);
        let (after, arrival) = (slot.ready_at(), slot.arrival);
        if let Some(at) = before {
            self.ready.remove(&(at, arrival, key));
        }
        if let Some(at) = after {
            self.ready.insert((at, arrival, key));
        }
    }
}
