//! Accepting a quote, taking a change back, and an operator's change: the ring in
//! the foreground, since the buyer waits for a page to pay at.

use billing_domain::change::{Change, ChangeState, ChangedBy};
use billing_domain::decide::{
    AcceptRefusal, Accepted, ChangeAsk, Force, ForceRefusal, QuoteRefusal, TakeBackRefusal, accept,
    force_change, plan_change, take_back,
};
use billing_domain::effect::Effect;
use billing_domain::ids::{ChangeId, CustomerId, QuoteId};
use billing_ports::store::{Also, Locator};
use tokio::time::Instant;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::commands::quote::QuoteError;
use crate::error::EngineError;
use crate::ring::{Deciding, Performed};

/// What a provider answers whose charge would differ from what was quoted.
const STALE: &str = "quote_stale";

/// Why a quote was not accepted, or an operator's change not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The customer has no such quote, subscription or change.
    #[error("no such quote, subscription or change")]
    NotFound,
    /// The quote's time is over.
    #[error("the quote has expired")]
    Expired,
    /// What the quote was priced from has changed.
    #[error("what the quote was priced from has changed")]
    Stale,
    /// The rules stand against it.
    #[error(transparent)]
    Refused(QuoteRefusal),
    /// It is in effect, or over, and cannot be taken back.
    #[error("the change is {} already", .0.as_str())]
    NotOpen(ChangeState),
    /// The provider refused the change, and nothing was changed; this is its code.
    #[error("the provider refused the change: {0}")]
    ProviderRefused(String),
    /// The provider did not answer. The change waits; accepting the same quote
    /// again tells how it stands.
    #[error("the provider did not answer")]
    Provider,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A quote that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAccepted {
    /// The change, as it stands.
    pub change: Change,
    /// Where to pay for it. `None`: nothing is owed, or it is collected.
    pub pay_url: Option<String>,
}

impl Billing {
    /// Accepts a quote of this customer's, or of a guest's that is attached to it: applies it, schedules it, or gives the
    /// page where it is paid. May be repeated; one quote becomes one change.
    ///
    /// # Errors
    ///
    /// [`ChangeError`], and nothing is changed.
    pub async fn accept_quote(
        &self,
        of: &CustomerRef,
        quote: QuoteId,
        actor: Option<&str>,
    ) -> Result<ChangeAccepted, ChangeError> {
        let parts = self.parts()?;
        let quote = self.get_quote(of, quote).await?;
        let quote = quote.ok_or(ChangeError::NotFound)?;
        let customer = quote.customer;
        let also = Also {
            quotes: vec![quote.id],
            ..Also::default()
        };
        let until = parts.limits.calls_until();
        let deciding = Deciding::about(customer)
            .by(actor)
            .with(also)
            .leasing_until(parts.lease_ends());
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                accept(draft, &quote, None, ChangedBy::Buyer, catalog).map_err(ChangeError::from)
            })
            .await?;
        parts
            .carried_out(customer, decided.said, decided.effects, until)
            .await
    }

    /// Changes a subscription for an operator, at once and whatever the policy
    /// says; `force` says whether the difference is collected.
    ///
    /// # Errors
    ///
    /// [`ChangeError`], and nothing is changed.
    pub async fn force_change(
        &self,
        ask: &ChangeAsk,
        force: Force,
        reason: &str,
        actor: Option<&str>,
    ) -> Result<ChangeAccepted, ChangeError> {
        let parts = self.parts()?;
        let by = Locator::Subscription(ask.subscription);
        let found = parts.store.find(&by).await.map_err(EngineError::from)?;
        let customer = found.ok_or(ChangeError::NotFound)?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let account = parts.held(&customer.into()).await.map_err(quoted)?;
        let planned = plan_change(&account, ask, Some(force), &catalog, now)
            .map_err(|refusal| quoted(refusal.into()))?;
        let preview = parts.previewed(&planned, now).await.map_err(quoted)?;
        let id: QuoteId = parts.ids(now).draw();
        let quote = planned.quote(&account, preview.as_ref(), &catalog, id, now);
        let collected = quote.and_then(|quote| parts.can_collect(&account, &quote));
        collected.map_err(|refusal| quoted(refusal.into()))?;
        // From here on: what it would cost was asked beforehand, and took its time.
        let until = parts.limits.calls_until();
        let deciding = Deciding::about(customer)
            .by(actor)
            .leasing_until(parts.lease_ends());
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                force_change(draft, ask, force, reason, preview.as_ref(), catalog)
                    .map_err(ChangeError::from)
            })
            .await?;
        parts
            .carried_out(customer, decided.said, decided.effects, until)
            .await
    }

    /// Takes back a change of this customer's that is to come. May be repeated.
    ///
    /// # Errors
    ///
    /// [`ChangeError::NotFound`] and [`ChangeError::NotOpen`]; nothing is changed.
    pub async fn take_back(
        &self,
        of: &CustomerRef,
        change: ChangeId,
        actor: Option<&str>,
    ) -> Result<(), ChangeError> {
        let parts = self.parts()?;
        let found = parts.acting(of, &Locator::Change(change)).await?;
        let customer = found.ok_or(ChangeError::NotFound)?;
        let also = Also {
            changes: vec![change],
            ..Also::default()
        };
        let deciding = Deciding::about(customer).by(actor).with(also);
        parts
            .decide(&deciding, |draft, catalog| {
                take_back(draft, change, catalog).map_err(|refusal| match refusal {
                    TakeBackRefusal::NotFound => ChangeError::NotFound,
                    TakeBackRefusal::NotOpen(state) => ChangeError::NotOpen(state),
                    TakeBackRefusal::MoneyOnItsWay => {
                        ChangeError::Refused(QuoteRefusal::MoneyOnItsWay)
                    }
                })
            })
            .await?;
        Ok(())
    }
}

impl Parts {
    /// Asks the provider, where it is to be asked, and tells how the change stands.
    async fn carried_out(
        &self,
        customer: CustomerId,
        accepted: Accepted,
        effects: Vec<Effect>,
        until: Option<Instant>,
    ) -> Result<ChangeAccepted, ChangeError> {
        // Where nothing waits for the provider's answer, it is told all the same: what
        // is leased to this call nobody else does before its lease has run out.
        let asked = effects
            .into_iter()
            .filter(|made| accepted.effect.is_none_or(|effect| made.id == effect))
            .filter(|made| made.order.provider().is_some());
        let mut unanswered = false;
        for effect in asked {
            unanswered = self.perform_leased(customer, effect, until).await? != Performed::Decided;
            if unanswered {
                break;
            }
        }
        let stands = self.change_as_it_stands(customer, accepted.change).await?;
        let failed = matches!(stands.change.state, ChangeState::Failed { .. });
        if failed {
            return Err(match stands.change.refused {
                // It would charge something else than it said before.
                Some(code) if code == STALE => ChangeError::Stale,
                Some(code) => ChangeError::ProviderRefused(code),
                None => ChangeError::Provider,
            });
        }
        let waits = stands.change.state == ChangeState::AwaitingPayment && stands.pay_url.is_none();
        if waits && unanswered {
            return Err(ChangeError::Provider);
        }
        Ok(stands)
    }

    async fn change_as_it_stands(
        &self,
        customer: CustomerId,
        id: ChangeId,
    ) -> Result<ChangeAccepted, ChangeError> {
        let also = Also {
            changes: vec![id],
            ..Also::default()
        };
        let loaded = self.store.load(customer, &also).await;
        let account = loaded
            .map_err(EngineError::from)?
            .ok_or(ChangeError::NotFound)?
            .account;
        let change = account.change(id).cloned().ok_or(ChangeError::NotFound)?;
        let invoice = change.invoice.and_then(|id| account.invoice(id));
        let pay_url = invoice
            .filter(|invoice| invoice.is_open())
            .and_then(|invoice| invoice.pay_url.clone());
        Ok(ChangeAccepted { change, pay_url })
    }
}

fn quoted(error: QuoteError) -> ChangeError {
    match error {
        QuoteError::Refused(refusal) => refused(refusal),
        QuoteError::ProviderRefused(code) => ChangeError::ProviderRefused(code),
        QuoteError::Provider => ChangeError::Provider,
        QuoteError::Engine(error) => ChangeError::Engine(error),
    }
}

fn refused(refusal: QuoteRefusal) -> ChangeError {
    if refusal == QuoteRefusal::NoSubscription {
        ChangeError::NotFound
    } else {
        ChangeError::Refused(refusal)
    }
}

impl From<AcceptRefusal> for ChangeError {
    fn from(refusal: AcceptRefusal) -> Self {
        match refusal {
            AcceptRefusal::NotFound => Self::NotFound,
            AcceptRefusal::Expired => Self::Expired,
            AcceptRefusal::Stale => Self::Stale,
            AcceptRefusal::Refused(refusal) => refused(refusal),
        }
    }
}

impl From<ForceRefusal> for ChangeError {
    fn from(refusal: ForceRefusal) -> Self {
        match refusal {
            ForceRefusal::Quote(refusal) => refused(refusal),
            ForceRefusal::Accept(refusal) => refusal.into(),
        }
    }
}
