//! Sending events: signed when they go out, tried again when they are not
//! accepted, and lost, doubled, delayed or swapped on demand.

use billing_domain::time::{Timestamp, shifted};
use billing_ports::WebhookRequest;
use bytes::Bytes;
use jiff::SignedDuration;

use crate::decoder::Envelope;
use crate::fault::{Fault, Occasion};
use crate::sandbox::Sandbox;
use crate::sign::SIGNATURE_HEADER;
use crate::sink::WebhookSink;
use crate::store::BooksError;
use crate::world::{DeliveryTry, Event};

/// How long an event that is to arrive after its follower waits when it has none yet.
const REORDER_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// What one pump did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pumped {
    /// Events that were accepted.
    pub delivered: usize,
    /// Attempts that were not accepted.
    pub failed: usize,
    /// Events that were lost on demand.
    pub dropped: usize,
    /// Whether more was due than one call does; call again.
    pub more: bool,
}

impl Sandbox {
    /// Does what fell due until `now` (pages close, periods turn, cards are
    /// charged), then sends the events that are due. Bounded: see [`Pumped::more`].
    ///
    /// An event goes out once at a time, however many pumps run at once.
    ///
    /// # Errors
    ///
    /// [`BooksError`] when the books could not be written; events that were
    /// sent meanwhile are sent again under the same id.
    pub async fn pump(&self, now: Timestamp, sink: &dyn WebhookSink) -> Result<Pumped, BooksError> {
        let _alone = self.inner.sending.lock().await;
        let due = self
            .change_at(now, |world, now| world.due_events(now))
            .await?;
        let mut pumped = Pumped::default();
        let mut swapped: Vec<Event> = Vec::new();
        for event in due {
            let fault = if event.judged {
                None
            } else {
                self.faults().take(Occasion::Deliver)
            };
            if fault == Some(Fault::Reorder) {
                swapped.push(event);
                continue;
            }
            self.send(event, fault, now, sink, &mut pumped).await?;
            for held in std::mem::take(&mut swapped) {
                self.send(held, None, now, sink, &mut pumped).await?;
            }
        }
        for held in swapped {
            // No follower yet: held back for one.
            let until = DeliveryTry::Held(shifted(now, REORDER_WAIT));
            self.change_at(now, |world, now| world.delivered(&held.id, until, now))
                .await?;
        }
        pumped.more = self.next_due().is_some_and(|due| due <= now);
        Ok(pumped)
    }

    async fn send(
        &self,
        event: Event,
        fault: Option<Fault>,
        now: Timestamp,
        sink: &dyn WebhookSink,
        pumped: &mut Pumped,
    ) -> Result<(), BooksError> {
        let id = event.id.clone();
        let how = match fault {
            Some(Fault::Drop) => {
                pumped.dropped = pumped.dropped.saturating_add(1);
                DeliveryTry::Dropped
            }
            Some(Fault::DeliverLate(by)) => DeliveryTry::Held(shifted(now, by)),
            other => {
                let request = self.request(event, now)?;
                if other == Some(Fault::DeliverTwice) {
                    // Whatever the first copy's fate, the second decides.
                    self.accepted(&id, request.clone(), sink).await;
                }
                if self.accepted(&id, request, sink).await {
                    pumped.delivered = pumped.delivered.saturating_add(1);
                    DeliveryTry::Accepted
                } else {
                    pumped.failed = pumped.failed.saturating_add(1);
                    DeliveryTry::Failed
                }
            }
        };
        self.change_at(now, |world, now| world.delivered(&id, how, now))
            .await
    }

    async fn accepted(&self, id: &str, request: WebhookRequest, sink: &dyn WebhookSink) -> bool {
        match sink.deliver(request).await {
            Ok(status) if (200..300).contains(&status) => true,
            Ok(status) => {
                tracing::warn!(event = id, status, "sandbox webhook not accepted");
                false
            }
            Err(error) => {
                tracing::warn!(
                    event = id,
                    error = &error as &dyn std::error::Error,
                    "sandbox webhook not delivered"
                );
                false
            }
        }
    }

    /// An event as it goes out at `now`, signed.
    pub(crate) fn request(
        &self,
        event: Event,
        now: Timestamp,
    ) -> Result<WebhookRequest, BooksError> {
        let envelope = Envelope {
            id: event.id,
            kind: event.kind,
            created: event.created,
            facts: event.facts,
        };
        let body = serde_json::to_vec(&envelope).map_err(BooksError::Write)?;
        let signature = self.inner.keys.sign(&body, now);
        Ok(WebhookRequest {
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                (SIGNATURE_HEADER.to_owned(), signature),
            ],
            body: Bytes::from(body),
        })
    }
}
