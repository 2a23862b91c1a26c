//! Reconciling: every open invoice is asked about at its provider, so that a
//! lost webhook leads to the same state as one that came.
//!
//! What is read is received like a webhook, once for every state of the object.

use billing_domain::digest::digest128;
use billing_domain::invoice::{Invoice, Issuer};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::store::{InvoiceFilter, PageAsk};
use billing_ports::{Delivery, Reading};
use bytes::Bytes;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;

/// Invoices asked for at once.
const PAGE: u16 = 100;

/// Pages of one go: 10 000 open invoices, each a call to a provider. What lies
/// beyond comes with a later go, since those that settle leave the list.
const MAX_PAGES: usize = 100;

/// What reconciling came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Open invoices that were asked about.
    pub asked: u64,
    /// Those that the provider did not answer for.
    pub unanswered: u64,
    /// Those of which something new was read.
    pub news: u64,
}

impl Billing {
    /// Asks the providers about every open invoice of ours; what is new is
    /// received, and decided by the worker as a webhook's would be.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails. A provider that fails is counted.
    pub async fn reconcile(&self) -> Result<Reconciled, EngineError> {
        self.parts()?.reconcile().await
    }
}

impl Parts {
    pub(crate) async fn reconcile(&self) -> Result<Reconciled, EngineError> {
        let mut done = Reconciled::default();
        let mut page = PageAsk {
            after: None,
            limit: PAGE,
        };
        let open = InvoiceFilter {
            open: Some(true),
            ..InvoiceFilter::default()
        };
        for _ in 0..MAX_PAGES {
            let found = self.store.list_invoices(open, page).await?;
            for (_, invoice) in &found.rows {
                self.reconcile_one(invoice, &mut done).await?;
            }
            page.after = found.rows.last().map(|(_, last)| last.id.uuid());
            if !found.more {
                break;
            }
        }
        if done.news > 0 {
            tracing::info!(
                invoices = done.asked,
                news = done.news,
                "open invoices reconciled"
            );
        }
        Ok(done)
    }

    async fn reconcile_one(
        &self,
        invoice: &Invoice,
        done: &mut Reconciled,
    ) -> Result<(), EngineError> {
        let (Some(account), Some(reference), Issuer::Engine) =
            (&invoice.provider, &invoice.reference, invoice.issuer)
        else {
            return Ok(());
        };
        let Some(provider) = self.providers.get(account) else {
            return Ok(());
        };
        done.asked = done.asked.saturating_add(1);
        let object = ProviderRef {
            account: account.clone(),
            kind: RefKind::Invoice,
            id: reference.clone(),
        };
        let reading = provider.read(&object);
        let read = tokio::time::timeout(self.limits.call_timeout, reading).await;
        let Ok(Ok(facts)) = read else {
            done.unanswered = done.unanswered.saturating_add(1);
            return Ok(());
        };
        if facts.is_empty() {
            return Ok(());
        }
        let delivery = Delivery {
            account: account.clone(),
            // The same state again is the same event.
            event_id: format!("read:{reference}:{}", digest128(&facts)),
            kind: "read.invoice".to_owned(),
            reading: Reading::Facts(facts),
            body: Bytes::new(),
        };
        if self.receive_new(delivery).await? {
            done.news = done.news.saturating_add(1);
        }
        Ok(())
    }
}
