//! Tells what happened to the log, names and ids and nothing about people, and to whoever
//! receives events.

use async_trait::async_trait;
use billing_domain::ids::EffectId;
use billing_domain::journal::JournalEntry;
use billing_notify::Sender;
use billing_ports::{Notifier, NotifyError};

/// Writes one structured line for each thing that happened, and has it sent. The same delivery
/// told twice writes the same lines twice, and is sent once.
#[derive(Debug, Clone)]
pub(crate) struct Listeners {
    pub(crate) events: Sender,
}

#[async_trait]
impl Notifier for Listeners {
    async fn notify(
        &self,
        delivery: EffectId,
        entries: &[JournalEntry],
    ) -> Result<(), NotifyError> {
        for entry in entries {
            tracing::info!(
                event = entry.event.as_str(),
                customer = %entry.customer,
                subscription = entry.subscription.map(tracing::field::display),
                invoice = entry.invoice.map(tracing::field::display),
                checkout = entry.checkout.map(tracing::field::display),
                at = %entry.at,
                %delivery,
                "happened"
            );
        }
        self.events.notify(delivery, entries).await
    }
}
