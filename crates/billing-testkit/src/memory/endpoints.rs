//! Receivers of events, and what is on its way to them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing_domain::ids::{DeliveryId, EndpointId};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{
    Attempted, ClaimedDelivery, Claiming, DeliveryFilter, DeliveryState, Disabled, DisabledWhy,
    Endpoint, EndpointSecret, Endpoints, EventDelivery, Fence, Health, MAX_ENDPOINTS, NextTry,
    Page, PageAsk, StoreError,
};

use super::reads::{cut, newest_first};
use super::{Call, MemoryStore};

/// All receivers, and all that is or was on its way, with how often it was claimed.
#[derive(Debug, Default)]
pub(super) struct Switchboard {
    endpoints: BTreeMap<EndpointId, Endpoint>,
    deliveries: BTreeMap<DeliveryId, (EventDelivery, Fence)>,
}

impl Switchboard {
    fn change(&mut self, id: EndpointId, change: impl FnOnce(&mut Endpoint)) -> bool {
        self.endpoints.get_mut(&id).map(change).is_some()
    }

    fn add(&mut self, deliveries: &[EventDelivery]) {
        for delivery in deliveries {
            let held = self.deliveries.entry(delivery.id);
            held.or_insert_with(|| (delivery.clone(), Fence(0)));
        }
    }

    fn is_due(&self, endpoint: EndpointId, now: Timestamp) -> bool {
        let mut held = self.deliveries.values();
        held.any(|(held, _)| held.endpoint == endpoint && is_ready(held, now))
    }

    fn claim(&mut self, endpoint: EndpointId, ask: Claiming) -> Vec<ClaimedDelivery> {
        let ready = self.deliveries.values_mut();
        let mut ready: Vec<_> = ready
            .filter(|(held, _)| held.endpoint == endpoint && is_ready(held, ask.now))
            .collect();
        ready.sort_by_key(|(held, _)| (held.next_at, held.id));
        let mut claimed: Vec<_> = ready
            .into_iter()
            .take(usize::from(ask.limit))
            .map(|(held, fence)| {
                fence.0 = fence.0.saturating_add(1);
                held.next_at = shifted(ask.now, ask.lease);
                ClaimedDelivery {
                    delivery: held.clone(),
                    fence: *fence,
                }
            })
            .collect();
        claimed.sort_by_key(|held| held.delivery.id);
        claimed
    }

    fn record(&mut self, attempted: &Attempted) -> bool {
        let held = self.deliveries.get_mut(&attempted.id);
        let held = held.filter(|(held, fence)| {
            held.state == DeliveryState::Pending && *fence == attempted.fence
        });
        let Some((held, _)) = held else {
            return false;
        };
        held.attempts = held.attempts.saturating_add(1);
        held.last = Some(attempted.tried.clone());
        match attempted.next {
            NextTry::Taken => held.state = DeliveryState::Delivered,
            NextTry::At(at) => held.next_at = at,
            NextTry::GivenUp => held.state = DeliveryState::Dead,
        }
        self.change(attempted.endpoint, |endpoint| match attempted.health {
            Health::Same => {}
            Health::Well => endpoint.failing_since = None,
            Health::FailingSince(at) => {
                endpoint.failing_since.get_or_insert(at);
            }
            Health::Failed { since, at } => {
                if endpoint.failing_since == Some(since) {
                    let why = DisabledWhy::Failing;
                    endpoint.disabled.get_or_insert(Disabled { at, why });
                }
            }
            Health::Disabled(disabled) => {
                endpoint.disabled.get_or_insert(disabled);
            }
        });
        true
    }

    fn sweep(&mut self, before: DeliveryId, limit: u16) -> u64 {
        let old = self.deliveries.range(..before).map(|(id, _)| *id);
        let old: Vec<_> = old.take(usize::from(limit)).collect();
        let swept = old.iter().filter(|id| self.deliveries.remove(id).is_some());
        u64::try_from(swept.count()).unwrap_or(u64::MAX)
    }
}

fn is_ready(held: &EventDelivery, now: Timestamp) -> bool {
    held.state == DeliveryState::Pending && held.next_at <= now
}

#[async_trait]
impl Endpoints for MemoryStore {
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        self.record(
            Call::Endpoint,
            None,
            |done| *done,
            |state| {
                let endpoints = &mut state.endpoints.endpoints;
                if u64::try_from(endpoints.len()).is_ok_and(|held| held >= MAX_ENDPOINTS) {
                    return Ok(false);
                }
                endpoints.insert(endpoint.id, endpoint.clone());
                Ok(true)
            },
        )
    }

    async fn list_endpoints(&self) -> Result<Vec<Endpoint>, StoreError> {
        self.call(Call::Endpoint, |state| {
            let endpoints = state.endpoints.endpoints.values();
            Ok(endpoints.rev().cloned().collect())
        })
    }

    async fn get_endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.call(Call::Endpoint, |state| {
            Ok(state.endpoints.endpoints.get(&id).cloned())
        })
    }

    async fn rotate_secret(
        &self,
        id: EndpointId,
        secret: EndpointSecret,
        old_until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.record(
            Call::Endpoint,
            None,
            |done| *done,
            |state| {
                Ok(state.endpoints.change(id, |held| {
                    held.old_secret = Some((held.secret, old_until));
                    held.secret = secret;
                }))
            },
        )
    }

    async fn switch_endpoint(
        &self,
        id: EndpointId,
        disabled: Option<Disabled>,
    ) -> Result<bool, StoreError> {
        self.record(
            Call::Endpoint,
            None,
            |done| *done,
            |state| {
                Ok(state.endpoints.change(id, |held| {
                    held.disabled = disabled;
                    held.failing_since = held.failing_since.filter(|_| disabled.is_some());
                }))
            },
        )
    }

    async fn remove_endpoint(&self, id: EndpointId) -> Result<bool, StoreError> {
        self.record(
            Call::Endpoint,
            None,
            |done| *done,
            |state| Ok(state.endpoints.endpoints.remove(&id).is_some()),
        )
    }

    async fn add_deliveries(&self, deliveries: &[EventDelivery]) -> Result<(), StoreError> {
        self.call(Call::Endpoint, |state| {
            state.endpoints.add(deliveries);
            Ok(())
        })
    }

    async fn endpoints_due(&self, now: Timestamp) -> Result<Vec<EndpointId>, StoreError> {
        self.call(Call::Endpoint, |state| {
            let board = &state.endpoints;
            let enabled = board.endpoints.values();
            let enabled = enabled.filter(|held| held.disabled.is_none());
            let due = enabled.filter(|held| board.is_due(held.id, now));
            Ok(due.map(|held| held.id).collect())
        })
    }

    async fn claim_deliveries(
        &self,
        endpoint: EndpointId,
        ask: Claiming,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        self.call(Call::Endpoint, |state| {
            Ok(state.endpoints.claim(endpoint, ask))
        })
    }

    async fn record_attempt(&self, attempted: &Attempted) -> Result<bool, StoreError> {
        self.call(Call::Attempt, |state| Ok(state.endpoints.record(attempted)))
    }

    async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageAsk,
    ) -> Result<Page<EventDelivery>, StoreError> {
        self.call(Call::Endpoint, |state| {
            let rows = newest_first(&state.endpoints.deliveries, page).map(|(_, (held, _))| held);
            let rows = rows.filter(|held| {
                filter.endpoint.is_none_or(|id| held.endpoint == id)
                    && filter.state.is_none_or(|state| held.state == state)
            });
            Ok(cut(rows, page).map(Clone::clone))
        })
    }

    async fn get_delivery(&self, id: DeliveryId) -> Result<Option<EventDelivery>, StoreError> {
        self.call(Call::Endpoint, |state| {
            let held = state.endpoints.deliveries.get(&id);
            Ok(held.map(|(held, _)| held.clone()))
        })
    }

    async fn revive_delivery(&self, id: DeliveryId, now: Timestamp) -> Result<bool, StoreError> {
        self.record(
            Call::Endpoint,
            None,
            |done| *done,
            |state| {
                let held = state.endpoints.deliveries.get_mut(&id);
                let dead = held.filter(|(held, _)| held.state == DeliveryState::Dead);
                let revived = dead.map(|(held, _)| {
                    held.state = DeliveryState::Pending;
                    held.attempts = 0;
                    held.next_at = now;
                });
                Ok(revived.is_some())
            },
        )
    }

    async fn sweep_deliveries(&self, before: DeliveryId, limit: u16) -> Result<u64, StoreError> {
        self.call(Call::Endpoint, |state| {
            Ok(state.endpoints.sweep(before, limit))
        })
    }
}
