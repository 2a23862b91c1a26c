//! Reconciling: every open invoice is asked about at its provider, so that a
//! lost webhook leads to the same state as one that came.
//!
//! What is read is received like a webhook, once for every state of the object.

use billing_domain::checkout::Checkout;
use billing_domain::digest::digest128;
use billing_domain::ids::CustomerId;
use billing_domain::invoice::{Invoice, Issuer};
use billing_domain::provider::{ProviderAccount, ProviderRef, RefKind};
use billing_ports::store::{Also, InvoiceFilter, PageAsk};
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
            for (customer, invoice) in &found.rows {
                self.reconcile_one(*customer, invoice, &mut done).await?;
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
        customer: CustomerId,
        invoice: &Invoice,
        done: &mut Reconciled,
    ) -> Result<(), EngineError> {
        let (Some(account), Issuer::Engine) = (&invoice.provider, invoice.issuer) else {
            return Ok(());
        };
        let Some(provider) = self.providers.get(account) else {
            return Ok(());
        };
        let Some(object) = self.payable_at(customer, invoice, account).await? else {
            return Ok(());
        };
        let (account, reference) = (&object.account, &object.id);
        done.asked = done.asked.saturating_add(1);
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

    /// Where an open invoice is paid: its own page, or that of the checkout whose
    /// money is on its way. `None`: nowhere yet.
    async fn payable_at(
        &self,
        customer: CustomerId,
        invoice: &Invoice,
        account: &ProviderAccount,
    ) -> Result<Option<ProviderRef>, EngineError> {
        let at = |kind, id: &str| ProviderRef {
            account: account.clone(),
            kind,
            id: id.to_owned(),
        };
        if let Some(reference) = &invoice.reference {
            return Ok(Some(at(RefKind::Invoice, reference)));
        }
        let Some(checkout) = invoice.checkout else {
            return Ok(None);
        };
        let also = Also {
            checkouts: vec![checkout],
            ..Also::default()
        };
        let loaded = self.store.load(customer, &also).await?;
        let held = loaded.as_ref().and_then(|it| it.account.checkout(checkout));
        // One that has ended says nothing more of its money.
        let held = held.filter(|held| held.is_open());
        let reference = held.and_then(Checkout::reference);
        Ok(reference.map(|reference| at(RefKind::Checkout, reference)))
    }
}
