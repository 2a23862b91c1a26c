//! Quoting a cancellation, a pause or a resumption. Writes nothing but the quote.

use billing_domain::catalog::CatalogRevision;
use billing_domain::customer::Account;
use billing_domain::decide::{QuoteRefusal, StepAsk, plan_step};
use billing_domain::effect::{Resuming, Resumption};
use billing_domain::ids::QuoteId;
use billing_domain::quote::{Quote, Step};
use billing_domain::time::Timestamp;
use billing_ports::store::Locator;
use billing_ports::{PerformError, ResumePreviewed};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::commands::quote::{Lately, QuoteError};
use crate::error::EngineError;
use crate::limits::MAX_OVERTAKEN;

impl Billing {
    /// Says what canceling, pausing or resuming a subscription of this customer's, or
    /// of one of a guest's that is attached to it, comes to: when it takes effect,
    /// what is owed now, what comes next and what is lost; stores that answer, and
    /// nothing else.
    ///
    /// # Errors
    ///
    /// [`QuoteError`], and nothing is written.
    pub async fn quote_step(&self, of: &CustomerRef, ask: &StepAsk) -> Result<Quote, QuoteError> {
        let parts = self.parts()?;
        let what = Locator::Subscription(ask.subscription);
        let holder = parts.acting(of, &what).await?;
        let holder = CustomerRef::Id(holder.ok_or(QuoteRefusal::NoSubscription)?);
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        for _ in 0..MAX_OVERTAKEN {
            let held = parts.lately(&holder).await?;
            let Lately { held, is_fresh } = held.ok_or(QuoteRefusal::NoSubscription)?;
            let quoted = parts.step_quoted(&held.account, ask, &catalog, now).await;
            // What is only held to be so may have become wrong.
            let stands = match &quoted {
                Ok(quote) => parts.store.put_quote(quote, held.revision).await,
                Err(_) if is_fresh => Ok(true),
                Err(_) => parts.still_stands(&held).await,
            };
            if stands.map_err(EngineError::from)? {
                return quoted;
            }
            parts.recent.forget(held.account.customer.id);
        }
        Err(EngineError::Contended.into())
    }
}

impl Parts {
    async fn step_quoted(
        &self,
        account: &Account,
        ask: &StepAsk,
        catalog: &CatalogRevision,
        now: Timestamp,
    ) -> Result<Quote, QuoteError> {
        if ask.step == Step::Pause && !self.can_pause(account, ask.subscription) {
            return Err(QuoteRefusal::PauseUnsupported.into());
        }
        let planned = plan_step(
            account,
            ask,
            self.ends(account, ask.subscription),
            catalog,
            now,
        )?;
        let said = match planned.resuming() {
            Some(resuming) => self.resumption(&resuming).await?,
            None => None,
        };
        let id: QuoteId = self.ids(now).draw();
        Ok(planned.quote(said.as_ref(), catalog, id)?)
    }

    /// What the provider says that resuming would charge. `None`: it cannot say.
    async fn resumption(&self, ask: &Resuming) -> Result<Option<Resumption>, QuoteError> {
        let provider = self
            .providers
            .get(&ask.provider)
            .ok_or(QuoteError::Provider)?;
        let asking = provider.preview_resume(ask);
        match tokio::time::timeout(self.limits.call_timeout, asking).await {
            Ok(Ok(ResumePreviewed::Costs(said))) => Ok(Some(said)),
            Ok(Ok(ResumePreviewed::Refused(refusal))) => {
                tracing::info!(
                    code = refusal.code,
                    words = refusal.message,
                    "preview of a resumption refused"
                );
                Err(QuoteError::ProviderRefused(refusal.code))
            }
            Ok(Err(PerformError::Unsupported(_))) => Ok(None),
            Ok(Err(error)) => {
                tracing::warn!(%error, "preview of a resumption failed");
                Err(QuoteError::Provider)
            }
            Err(_elapsed) => Err(QuoteError::Provider),
        }
    }
}
