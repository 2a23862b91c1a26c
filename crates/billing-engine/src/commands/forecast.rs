//! The invoices to come of a subscription, by the very decisions that will make
//! them, over an imagined clock. Writes nothing.

use billing_domain::forecast::{Forecast, Horizon, forecast};
use billing_domain::ids::SubscriptionId;

use crate::billing::Billing;
use crate::commands::CustomerRef;
use crate::error::EngineError;

impl Billing {
    /// What is to come of this customer's subscription, or of one of a guest's
    /// that is attached to it, if every invoice is paid
    /// on time and nobody changes anything. `None`: the customer has no such
    /// subscription.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn forecast(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
        horizon: Horizon,
    ) -> Result<Option<Forecast>, EngineError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let account = parts.with_subscription(of, subscription).await?;
        Ok(account.and_then(|account| forecast(&account, &catalog, subscription, horizon, now)))
    }
}
