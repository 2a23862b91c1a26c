//! Inbox, outbox, and what was set aside.

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::effect::{Effect, EffectKey};
use billing_domain::fact::Link;
use billing_domain::ids::{CheckoutId, CustomerId, EffectId, InboxId, ParkedId};
use billing_domain::parked::Parked;
use billing_domain::provider::{ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::store::{NewEffect, Resolution};

use super::queue::Queue;
use super::snapshot::RowState;

#[derive(Debug)]
pub(super) struct InboxRow {
    pub(super) delivery: Delivery,
    pub(super) received_at: Timestamp,
    pub(super) linked: Option<CustomerId>,
    pub(super) state: RowState,
    /// Whether the body has been swept away.
    pub(super) emptied: bool,
}

#[derive(Debug)]
pub(super) struct OutboxRow {
    pub(super) customer: CustomerId,
    pub(super) effect: Effect,
    pub(super) state: RowState,
    /// When it was settled, the last time.
    pub(super) settled_at: Option<Timestamp>,
}

/// What a parked row of the inbox waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Awaited {
    Checkout(CheckoutId),
    Customer(CustomerId),
    Provider(ProviderRef),
}

/// What passes between the engine and the world.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub(super) inbox: BTreeMap<InboxId, InboxRow>,
    pub(super) inbox_queue: Queue<InboxId>,
    pub(super) outbox: BTreeMap<EffectId, OutboxRow>,
    pub(super) outbox_queue: Queue<EffectId>,
    pub(super) parked: BTreeMap<ParkedId, Parked>,
    events: BTreeSet<(ProviderAccount, String)>,
    keys: BTreeSet<EffectKey>,
    awaited: BTreeMap<Awaited, BTreeSet<ParkedId>>,
}

impl Mail {
    pub(super) fn knows_event(&self, delivery: &Delivery) -> bool {
        self.knows(&delivery.account, &delivery.event_id)
    }

    pub(super) fn knows(&self, account: &ProviderAccount, event_id: &str) -> bool {
        let event = (account.clone(), event_id.to_owned());
        self.events.contains(&event)
    }

    pub(super) fn knows_key(&self, key: &EffectKey) -> bool {
        self.keys.contains(key)
    }

    /// Stores a delivery that is not known, waiting or done.
    pub(super) fn store(&mut self, id: InboxId, delivery: Delivery, at: Timestamp, done: bool) {
        self.events
            .insert((delivery.account.clone(), delivery.event_id.clone()));
        let state = if done {
            RowState::Done
        } else {
            RowState::Waiting
        };
        let row = InboxRow {
            emptied: delivery.body.is_empty(),
            delivery,
            received_at: at,
            linked: None,
            state,
        };
        self.inbox.insert(id, row);
        if !done {
            self.inbox_queue.set_due(id, Some(at));
        }
    }

    pub(super) fn order(&mut self, customer: CustomerId, new: NewEffect) {
        let NewEffect {
            effect,
            leased_until,
        } = new;
        self.keys.insert(effect.key.clone());
        self.outbox_queue.set_due(effect.id, Some(effect.due_at));
        if let Some(until) = leased_until {
            self.outbox_queue.lease(effect.id, until);
        }
        let row = OutboxRow {
            customer,
            state: RowState::Waiting,
            settled_at: None,
            effect,
        };
        self.outbox.insert(row.effect.id, row);
    }

    pub(super) fn settle_inbox(&mut self, id: InboxId, state: RowState) {
        self.inbox_queue.settle(id);
        if let Some(row) = self.inbox.get_mut(&id) {
            row.state = state;
        }
    }

    pub(super) fn settle_outbox(&mut self, id: EffectId, state: RowState, at: Timestamp) {
        self.outbox_queue.settle(id);
        if let Some(row) = self.outbox.get_mut(&id) {
            row.state = state;
            row.settled_at = Some(at);
        }
    }

    /// Forgets a settled effect, its key included.
    pub(super) fn forget_effect(&mut self, id: EffectId) {
        self.outbox_queue.forget(id);
        if let Some(row) = self.outbox.remove(&id) {
            self.keys.remove(&row.effect.key);
        }
    }

    /// Sets something aside; an unlinked row waits for what it names.
    pub(super) fn park(&mut self, parked: Parked) {
        if parked.reason.awaits_its_customer() {
            for awaited in self.awaited_by(&parked) {
                self.awaited.entry(awaited).or_default().insert(parked.id);
            }
        }
        self.parked.insert(parked.id, parked);
    }

    /// Puts the rows that waited for this back into their queue.
    pub(super) fn made_known(&mut self, awaited: &Awaited, now: Timestamp) {
        for id in self.awaited.remove(awaited).unwrap_or_default() {
            self.resolve(id, Resolution::Replay, now);
        }
    }

    /// Carries out what was decided about something set aside. `false`: there is no such thing.
    pub(super) fn resolve(&mut self, id: ParkedId, resolution: Resolution, now: Timestamp) -> bool {
        let Some(parked) = self.parked.remove(&id) else {
            return false;
        };
        for awaited in self.awaited_by(&parked) {
            if let Some(waiting) = self.awaited.get_mut(&awaited) {
                waiting.remove(&id);
            }
        }
        let replayed = resolution != Resolution::Discard;
        if let Some(row) = parked.inbox.and_then(|id| self.inbox.get_mut(&id)) {
            row.state = if replayed {
                RowState::Waiting
            } else {
                RowState::Discarded
            };
            if let Resolution::Link(customer) = resolution {
                row.linked = Some(customer);
            }
        }
        if let Some(row) = parked.effect.and_then(|id| self.outbox.get_mut(&id)) {
            row.state = if replayed {
                RowState::Waiting
            } else {
                RowState::Done
            };
        }
        if replayed {
            if let Some(id) = parked.inbox.filter(|id| self.inbox.contains_key(id)) {
                self.inbox_queue.restart(id, now);
            }
            if let Some(id) = parked.effect.filter(|id| self.outbox.contains_key(id)) {
                self.outbox_queue.restart(id, now);
            }
        }
        true
    }

    fn awaited_by(&self, parked: &Parked) -> Vec<Awaited> {
        let row = parked.inbox.and_then(|id| self.inbox.get(&id));
        match row.map(|row| &row.delivery.reading) {
            Some(Reading::Facts(facts)) => facts
                .iter()
                .flat_map(|fact| awaited_in(&fact.link))
                .collect(),
            Some(Reading::Unreadable { .. }) | None => Vec::new(),
        }
    }
}

fn awaited_in(link: &Link) -> impl Iterator<Item = Awaited> {
    let checkout = link.checkout.map(Awaited::Checkout);
    let customer = link.customer.map(Awaited::Customer);
    let refs = link.refs.iter().cloned().map(Awaited::Provider);
    checkout.into_iter().chain(customer).chain(refs)
}
