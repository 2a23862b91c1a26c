//! A provider, and whether it takes our key: every call goes through here, whoever makes
//! it, so that what it answered last is known. Knows nothing of what is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order, Resuming};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;
use billing_ports::provider::{Inspected, Listed, PortalAnswer, PortalAsk, RefundPromised};
use billing_ports::{
    Answer, Delivery, Finding, PaymentProvider, PerformError, Previewed, Resent, ResumePreviewed,
};

/// Whether a provider does not take our key or settings, as it last said.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyAlarm(Arc<AtomicBool>);

impl KeyAlarm {
    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, account: &ProviderAccount, on: bool) {
        let was_on = self.0.swap(on, Ordering::Relaxed);
        if on && !was_on {
            tracing::error!(%account, "the provider does not take our key or settings");
        } else if was_on && !on {
            tracing::info!(%account, "the provider takes our key again");
        }
    }
}

/// A provider that is listened to.
pub(crate) struct Watched {
    provider: Arc<dyn PaymentProvider>,
    alarm: KeyAlarm,
}

impl Watched {
    pub(crate) fn new(provider: Arc<dyn PaymentProvider>, alarm: KeyAlarm) -> Self {
        Self { provider, alarm }
    }

    /// Hears an answer. That nobody answered says nothing of the key.
    fn hear<T>(&self, answer: Result<T, PerformError>) -> Result<T, PerformError> {
        match &answer {
            Ok(_) => self.alarm.set(self.account(), false),
            Err(PerformError::Misconfigured(_)) => self.alarm.set(self.account(), true),
            Err(
                PerformError::NotSent(_) | PerformError::Unknown(_) | PerformError::Unsupported(_),
            ) => {}
        }
        answer
    }

    /// The same of a list: an empty one may have been told without asking anybody.
    fn hear_list<T>(
        &self,
        answer: Result<Listed<T>, PerformError>,
    ) -> Result<Listed<T>, PerformError> {
        match answer {
            Ok(page) if page.rows.is_empty() => Ok(page),
            other => self.hear(other),
        }
    }
}

#[async_trait]
impl PaymentProvider for Watched {
    fn account(&self) -> &ProviderAccount {
        self.provider.account()
    }

    fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        self.hear(self.provider.perform(effect, key, order).await)
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.hear(self.provider.read(object).await)
    }

    async fn inspect(&self, object: &ProviderRef) -> Result<Inspected, PerformError> {
        self.hear(self.provider.inspect(object).await)
    }

    fn takes_discount(&self, sale: &DiscountedSale) -> bool {
        self.provider.takes_discount(sale)
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        self.hear(self.provider.preview(change).await)
    }

    async fn estimate(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        self.hear(self.provider.estimate(change).await)
    }

    async fn preview_resume(&self, ask: &Resuming) -> Result<ResumePreviewed, PerformError> {
        self.hear(self.provider.preview_resume(ask).await)
    }

    async fn portal(&self, ask: &PortalAsk) -> Result<PortalAnswer, PerformError> {
        self.hear(self.provider.portal(ask).await)
    }

    fn promises_refunds(&self) -> bool {
        self.provider.promises_refunds()
    }

    async fn refund_link(
        &self,
        key: &EffectKey,
        payment: &str,
    ) -> Result<RefundPromised, PerformError> {
        self.hear(self.provider.refund_link(key, payment).await)
    }

    async fn list_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        self.hear_list(self.provider.list_subscriptions(after).await)
    }

    fn keeps_invoices(&self) -> bool {
        self.provider.keeps_invoices()
    }

    fn lists_states(&self) -> bool {
        self.provider.lists_states()
    }

    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        self.hear_list(self.provider.list_events(since, after).await)
    }

    async fn resend(&self, notification: &str) -> Result<Resent, PerformError> {
        self.hear(self.provider.resend(notification).await)
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.provider.doctor(catalog).await
    }
}
