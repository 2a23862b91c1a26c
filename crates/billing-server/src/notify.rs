//! Tells the log what happened: names and ids, nothing about people.

use async_trait::async_trait;
use billing_domain::ids::EffectId;
use billing_domain::journal::JournalEntry;
use billing_ports::{Notifier, NotifyError};

/// Writes one structured line for each thing that happened. The same delivery
/// told twice writes the same lines twice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogNotifier;

#[async_trait]
impl Notifier for LogNotifier {
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
        Ok(())
    }
}
