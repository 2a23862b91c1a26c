//! Stripe as a payment provider: the door, and nothing behind it.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order, Resuming};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;
use billing_http::{HttpClient, KeyWatch};
use billing_ports::provider::{Buyer, ListedBuyer};
use billing_ports::{
    Answer, Clock, Delivery, Finding, Listed, PaymentProvider, PerformError, PortalAnswer,
    PortalAsk, Previewed, Refunds, ResumePreviewed,
};

use crate::client::Client;
use crate::facts::Teller;
use crate::forms::coupon;
use crate::options::{Mode, PauseStyle, StripeOptions, StripeOptionsError, TrialStyle};

/// One Stripe account. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Stripe {
    pub(crate) client: Client,
    pub(crate) teller: Teller,
    pub(crate) mode: Mode,
    pub(crate) operator: String,
    pub(crate) portal_configuration: Option<String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) pause: PauseStyle,
    pub(crate) trial: TrialStyle,
}

impl Stripe {
    /// An account that is called through `http`; `clock` says how much of a page's or
    /// a trial's time is left, and stands in where an answer carries no date.
    ///
    /// # Errors
    ///
    /// [`StripeOptionsError`] when a setting cannot be used. Nothing is sent.
    pub fn new(
        options: StripeOptions,
        http: HttpClient,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StripeOptionsError> {
        let mode = options.mode()?;
        let teller = Teller::new(&options);
        let (base, key) = (options.base_url, options.secret_key);
        let watch = KeyWatch::new(&options.account);
        Ok(Self {
            client: Client::new(http, base, key, watch, clock),
            teller,
            mode,
            operator: options.operator,
            portal_configuration: options.portal_configuration,
            webhook_url: options.webhook_url,
            pause: options.pause,
            trial: options.trial,
        })
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn account(&self) -> &ProviderAccount {
        &self.teller.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: true,
            prorates: true,
            hosted_checkout: true,
            portal: true,
            pause: true,
            saved_method: true,
            paused_ends_at_once: false,
        }
    }

    fn refuses_key(&self) -> bool {
        self.client.watch.is_refused()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        self.act(effect, key, order).await
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.read_object(object).await
    }

    fn takes_discount(&self, sale: &DiscountedSale) -> bool {
        coupon::is_sayable(sale, self.client.now())
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        self.cost(change).await
    }

    async fn preview_resume(&self, ask: &Resuming) -> Result<ResumePreviewed, PerformError> {
        self.cost_of_resuming(ask).await
    }

    async fn portal(&self, ask: &PortalAsk) -> Result<PortalAnswer, PerformError> {
        self.open_portal(ask).await
    }

    fn refunds(&self) -> Refunds {
        Refunds::Sent
    }

    async fn buyer(&self, reference: &str) -> Result<Option<Buyer>, PerformError> {
        self.read_buyer(reference).await
    }

    async fn list_buyers(
        &self,
        after: Option<String>,
    ) -> Result<Listed<ListedBuyer>, PerformError> {
        self.buyers_page(after).await
    }

    async fn list_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        self.all_subscriptions(after).await
    }

    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        self.events_page(since, after).await
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.examine(catalog).await
    }
}
