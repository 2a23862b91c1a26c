//! Being told what happened: one delivery for each receiver that wants it, stored before the
//! engine is answered. Told again, they are the same ones.

use async_trait::async_trait;
use billing_domain::ids::{DeliveryId, EffectId, EndpointId, JournalId};
use billing_domain::journal::{Event, JournalEntry};
use billing_domain::time::Timestamp;
use billing_ports::store::{DeliveryState, Endpoint, EventDelivery};
use billing_ports::{Notifier, NotifyError};
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::payload;
use crate::sender::Sender;

#[async_trait]
impl Notifier for Sender {
    async fn notify(
        &self,
        _delivery: EffectId,
        entries: &[JournalEntry],
    ) -> Result<(), NotifyError> {
        let failed = |error: &dyn ToString| NotifyError::Failed(error.to_string());
        let endpoints = self.store().list_endpoints().await;
        let endpoints = endpoints.map_err(|error| failed(&error))?;
        let now = self.now();
        let mut deliveries = Vec::new();
        for entry in entries {
            let wanting = wanting(&endpoints, entry.event);
            if wanting.is_empty() {
                continue;
            }
            let pay_url = self.pay_url(entry).await.map_err(NotifyError::Failed)?;
            let body = payload::body(entry, pay_url.as_deref());
            let body = body.map_err(|error| failed(&error))?;
            let each = wanting
                .into_iter()
                .map(|to| delivery(entry, to, &body, now));
            deliveries.extend(each);
        }
        if deliveries.is_empty() {
            return Ok(());
        }
        let added = self.store().add_deliveries(&deliveries).await;
        added.map_err(|error| failed(&error))?;
        self.wake();
        Ok(())
    }
}

/// To whom an event goes.
fn wanting(endpoints: &[Endpoint], event: Event) -> Vec<EndpointId> {
    let listening = endpoints.iter().filter(|held| held.disabled.is_none());
    let wanting = listening.filter(|held| held.wants(event));
    wanting.map(|held| held.id).collect()
}

impl Sender {
    /// Where the renewal that is told of is paid for as long as it can be. `None`: it is told
    /// of none, or nobody has such a page.
    async fn pay_url(&self, entry: &JournalEntry) -> Result<Option<String>, String> {
        match (self.links(), entry.renewal) {
            (Some(links), Some(_owed)) => links.renewal_link(entry).await,
            _ => Ok(None),
        }
    }
}

pub(crate) fn delivery(
    entry: &JournalEntry,
    endpoint: EndpointId,
    body: &str,
    now: Timestamp,
) -> EventDelivery {
    EventDelivery {
        id: id_of(entry.id, endpoint),
        endpoint,
        customer: entry.customer,
        event: entry.event,
        body: body.to_owned(),
        created_at: now,
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: now,
        last: None,
    }
}

/// The bits of an id in which its time and its place in time stand.
const TIME: u128 = !0 << 64;

/// The id of a delivery: made of what it tells and to whom, so that it is the same however
/// often it is told, and as old as what it tells.
fn id_of(entry: JournalId, endpoint: EndpointId) -> DeliveryId {
    let told = entry.uuid().as_u128();
    let both = [told.to_be_bytes(), endpoint.uuid().as_u128().to_be_bytes()].concat();
    let hash = digest(&SHA256, &both);
    let mut low = [0; 8];
    for (byte, drawn) in low.iter_mut().zip(hash.as_ref()) {
        *byte = *drawn;
    }
    // The two bits that say what kind of UUID it is stay as they are.
    let low = u128::from(u64::from_be_bytes(low)) >> 2 | 0b10 << 62;
    DeliveryId::from(Uuid::from_u128(told & TIME | low))
}

#[cfg(test)]
mod tests {
    use billing_domain::ids::IdSeq;

    use super::*;

    #[test]
    fn an_id_is_of_what_is_told_and_to_whom() {
        let at = "2026-03-01T12:00:00Z".parse().unwrap();
        let mut ids = IdSeq::new(at, 1);
        let (one, other): (JournalId, JournalId) = (ids.draw(), ids.draw());
        let (here, there): (EndpointId, EndpointId) = (ids.draw(), ids.draw());
        let id = id_of(one, here);
        assert_eq!(id, id_of(one, here));
        assert_ne!(id, id_of(one, there));
        assert_ne!(id, id_of(other, here));
        assert!(id < id_of(other, here), "in the order of what happened");
        assert_eq!(id.uuid().get_version_num(), 7);
        assert_eq!(id.uuid().get_variant(), uuid::Variant::RFC4122);
    }
}
