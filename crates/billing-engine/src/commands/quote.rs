//! Quoting a change, and listing the changes that are allowed. Writes nothing
//! but the quote.

use std::sync::Arc;

use billing_domain::catalog::{CatalogRevision, ChangeKind, PlanKey, PriceKey};
use billing_domain::customer::Account;
use billing_domain::decide::{ChangeAsk, Planned, QuoteRefusal, plan_change};
use billing_domain::effect::{ChangeSubscription, Preview};
use billing_domain::ids::{QuoteId, SubscriptionId};
use billing_domain::money::Money;
use billing_domain::quote::{Quote, Timing};
use billing_domain::subscription::Schedule;
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, Loaded, Locator, StoreError};
use billing_ports::{PerformError, Previewed};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::estimates::Estimate;
use crate::limits::MAX_OVERTAKEN;

/// Changes of one list whose cost a provider is asked for: a list is waited for,
/// and each is a call. Those beyond say their cost when they are quoted.
const MAX_ESTIMATES: usize = 12;

/// Why a change was not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The rules stand against it, or the customer has no such subscription.
    #[error(transparent)]
    Refused(#[from] QuoteRefusal),
    /// The provider would refuse the change; this is its code.
    #[error("the provider would refuse the change: {0}")]
    ProviderRefused(String),
    /// The provider did not say what it would charge.
    #[error("the provider did not say what the change costs")]
    Provider,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A change that could be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedChange {
    /// The plan it leads to.
    pub plan: PlanKey,
    /// The price it leads to. `None`: the negotiated one that is held.
    pub price: Option<PriceKey>,
    /// The pieces it leads to.
    pub quantity: u32,
    /// What kinds of change it is, the deciding one first.
    pub kinds: Vec<ChangeKind>,
    /// When it takes effect.
    pub timing: Timing,
    /// The instant at which it takes effect.
    pub effective_at: Timestamp,
    /// What would be owed now. `None`: the provider computes it, and did not say.
    pub owed_now: Option<Money>,
    /// What a cycle costs afterward.
    pub next_amount: Option<Money>,
}

impl Billing {
    /// Says what a change of this customer's subscription, or of one of a guest's
    /// that is attached to it, costs, when it takes effect, what comes next and
    /// what is lost; stores that answer, and nothing
    /// else.
    ///
    /// # Errors
    ///
    /// [`QuoteError`], and nothing is written.
    pub async fn quote(&self, of: &CustomerRef, ask: &ChangeAsk) -> Result<Quote, QuoteError> {
        match self.quote_own(of, ask).await {
            Err(QuoteError::Refused(QuoteRefusal::NoSubscription)) => {
                let what = Locator::Subscription(ask.subscription);
                match self.parts()?.guest_of(of, &what).await? {
                    Some(guest) => self.quote_own(&guest.into(), ask).await,
                    None => Err(QuoteRefusal::NoSubscription.into()),
                }
            }
            quoted => quoted,
        }
    }

    async fn quote_own(&self, of: &CustomerRef, ask: &ChangeAsk) -> Result<Quote, QuoteError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        for _ in 0..MAX_OVERTAKEN {
            let Lately { held, is_fresh } = parts
                .lately(of)
                .await?
                .ok_or(QuoteRefusal::NoSubscription)?;
            let quoted = parts.quoted(&held.account, ask, &catalog, now).await;
            // What is only held to be so may have become wrong: a refusal is
            // found anew in the store, and a quote is stored where it still holds.
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

    /// A quote of this customer's. `None`: there is none with this id, or it is
    /// another customer's.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn get_quote(
        &self,
        of: &CustomerRef,
        id: QuoteId,
    ) -> Result<Option<Quote>, EngineError> {
        let parts = self.parts()?;
        let own = parts.store.find(&of.locator()).await?;
        let Some(quote) = parts.store.get_quote(id).await? else {
            return Ok(None);
        };
        let is_theirs = Some(quote.customer) == own || {
            let what = Locator::Customer(quote.customer);
            parts.guest_of(of, &what).await?.is_some()
        };
        Ok(is_theirs.then_some(quote))
    }

    /// Every change of a subscription that could be made now: to the prices on
    /// sale, and to one step more and one step less.
    ///
    /// # Errors
    ///
    /// [`QuoteError::Refused`] when the customer has no such subscription, or it
    /// cannot be changed at all as it stands.
    pub async fn allowed_changes(
        &self,
        of: &CustomerRef,
        subscription: SubscriptionId,
    ) -> Result<Vec<AllowedChange>, QuoteError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let account = parts.with_subscription(of, subscription).await?;
        let account = account.ok_or(QuoteRefusal::NoSubscription)?;
        let held = account
            .subscription(subscription)
            .ok_or(QuoteRefusal::NoSubscription)?;
        let mut allowed = Vec::new();
        let mut estimates = MAX_ESTIMATES;
        for ask in asks(held, &catalog, now) {
            match plan_change(&account, &ask, None, &catalog, now) {
                Ok(planned) => {
                    let preview = match estimates.checked_sub(1) {
                        Some(left) if planned.preview(now).is_some() => {
                            estimates = left;
                            parts.estimated(&planned, &account, &catalog, now).await
                        }
                        _ => None,
                    };
                    let told = parts.told(&planned, &account, preview.as_ref(), &catalog, now);
                    allowed.extend(told);
                }
                // As it stands, nothing of it can be changed.
                Err(
                    refusal @ (QuoteRefusal::NotActive(_)
                    | QuoteRefusal::InvoiceOpen
                    | QuoteRefusal::MoneyOnItsWay
                    | QuoteRefusal::PaymentReturned),
                ) => {
                    return Err(refusal.into());
                }
                Err(_not_allowed) => {}
            }
        }
        Ok(allowed)
    }
}

/// A customer as it was when it was last loaded.
pub(crate) struct Lately {
    /// The customer.
    pub(crate) held: Arc<Loaded>,
    /// Whether that was just now: what stands against it stands in the store.
    pub(crate) is_fresh: bool,
}

/// What could be asked for: every price on sale, and one step more or less.
fn asks(
    held: &billing_domain::subscription::Subscription,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Vec<ChangeAsk> {
    let terms = held.terms_at(now);
    let ask = |price: Option<PriceKey>, quantity: Option<u32>| ChangeAsk {
        subscription: held.id,
        plan: None,
        price,
        quantity,
    };
    let prices = catalog.catalog.prices().filter(|price| {
        catalog.catalog.is_sold_at(price.key.as_str(), now)
            && terms.price.as_ref() != Some(&price.key)
    });
    let mut asks: Vec<ChangeAsk> = prices
        .map(|price| ask(Some(price.key.clone()), None))
        .collect();
    let plan = catalog.catalog.plan(terms.plan.as_str());
    let rule = terms
        .bounds
        .as_ref()
        .or(plan.and_then(|plan| plan.quantity.as_ref()));
    if let Some(rule) = rule {
        let more = terms.quantity.checked_add(rule.step);
        let less = terms.quantity.checked_sub(rule.step);
        let steps = [more, less].into_iter().flatten();
        asks.extend(steps.map(|quantity| ask(None, Some(quantity))));
    }
    asks
}

impl Parts {
    async fn quoted(
        &self,
        account: &Account,
        ask: &ChangeAsk,
        catalog: &CatalogRevision,
        now: Timestamp,
    ) -> Result<Quote, QuoteError> {
        let planned = plan_change(account, ask, None, catalog, now)?;
        let preview = self.previewed(&planned, now).await?;
        let id: QuoteId = self.ids(now).draw();
        let quote = planned.quote(account, preview.as_ref(), catalog, id, now)?;
        self.can_collect(account, &quote)?;
        Ok(quote)
    }

    /// Refuses what would be owed on an invoice of ours, where whoever it was bought
    /// through makes all invoices by itself.
    pub(crate) fn can_collect(&self, account: &Account, quote: &Quote) -> Result<(), QuoteRefusal> {
        let ours = account
            .subscription(quote.subscription)
            .filter(|held| !matches!(held.schedule, Schedule::Provider { .. }));
        let provider = ours.and_then(|held| held.provider.as_ref());
        let provider = provider.and_then(|account| self.providers.get(account));
        let owes = quote.timing == Timing::AtOnce && !quote.owed_now.is_zero();
        if owes && provider.is_some_and(|provider| provider.capabilities().owns_schedule) {
            return Err(QuoteRefusal::DifferenceNotTaken);
        }
        Ok(())
    }

    /// The customer, as it was when it was last loaded.
    pub(crate) async fn lately(&self, of: &CustomerRef) -> Result<Option<Lately>, EngineError> {
        let Some(id) = self.id_of(of).await? else {
            return Ok(None);
        };
        if let Some(held) = self.recent.get(id) {
            let is_fresh = false;
            return Ok(Some(Lately { held, is_fresh }));
        }
        let loaded = self.store.load(id, &Also::default()).await?.map(Arc::new);
        if let Some(loaded) = &loaded {
            self.recent.put(Arc::clone(loaded));
        }
        let is_fresh = true;
        Ok(loaded.map(|held| Lately { held, is_fresh }))
    }

    /// Whether a customer is what it was when it was loaded.
    pub(crate) async fn still_stands(&self, held: &Loaded) -> Result<bool, StoreError> {
        let id = held.account.customer.id;
        let loaded = self.store.load(id, &Also::default()).await?;
        Ok(loaded.is_some_and(|now| now.revision == held.revision))
    }

    /// The customer, as it stands; without one, there is no such subscription.
    pub(crate) async fn held(&self, of: &CustomerRef) -> Result<Account, QuoteError> {
        let account = self.load(of).await?;
        Ok(account.ok_or(QuoteRefusal::NoSubscription)?)
    }

    /// What the provider says, where it computes the money.
    pub(crate) async fn previewed(
        &self,
        planned: &Planned,
        now: Timestamp,
    ) -> Result<Option<Preview>, QuoteError> {
        let Some(change) = planned.preview(now) else {
            return Ok(None);
        };
        self.preview(&change).await.map(Some)
    }

    /// What the provider says of one of a list, lately. `None`: it did not say, and
    /// the change is offered at no price.
    async fn estimated(
        &self,
        planned: &Planned,
        account: &Account,
        catalog: &CatalogRevision,
        now: Timestamp,
    ) -> Option<Preview> {
        let change = planned.preview(now)?;
        let key = planned.key(account, catalog).ok()?;
        match self.estimates.get(&key, now) {
            Estimate::NotAsked => {}
            Estimate::NotSaid => return None,
            Estimate::Said(preview) => return Some(preview),
        }
        let provider = self.providers.get(&change.provider)?;
        let said = self.said(provider.estimate(&change)).await.ok();
        self.estimates.put(key, now, said.clone());
        said
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Preview, QuoteError> {
        let provider = self
            .providers
            .get(&change.provider)
            .ok_or(QuoteError::Provider)?;
        self.said(provider.preview(change)).await
    }

    async fn said(
        &self,
        asking: impl Future<Output = Result<Previewed, PerformError>> + Send,
    ) -> Result<Preview, QuoteError> {
        let answer = tokio::time::timeout(self.limits.call_timeout, asking).await;
        match answer {
            Ok(Ok(Previewed::Costs(preview))) => Ok(preview),
            Ok(Ok(Previewed::Refused(refusal))) => {
                tracing::info!(
                    code = refusal.code,
                    words = refusal.message,
                    "preview refused"
                );
                Err(QuoteError::ProviderRefused(refusal.code))
            }
            Ok(Err(error)) => {
                note_failed(&error);
                Err(QuoteError::Provider)
            }
            Err(_elapsed) => Err(QuoteError::Provider),
        }
    }

    fn told(
        &self,
        planned: &Planned,
        account: &Account,
        preview: Option<&Preview>,
        catalog: &CatalogRevision,
        now: Timestamp,
    ) -> Option<AllowedChange> {
        let unsaid = preview.is_none() && planned.preview(now).is_some();
        let id: QuoteId = self.ids(now).draw();
        // What does not fit is not offered.
        let quote = planned.quote(account, preview, catalog, id, now).ok()?;
        self.can_collect(account, &quote).ok()?;
        Some(AllowedChange {
            plan: quote.terms.plan.clone(),
            price: quote.terms.price.clone(),
            quantity: quote.terms.quantity,
            kinds: quote.kinds.clone(),
            timing: quote.timing,
            effective_at: quote.effective_at,
            owed_now: (!unsaid).then_some(quote.owed_now),
            next_amount: quote.next_charge.map(|next| next.amount),
        })
    }
}

fn note_failed(error: &PerformError) {
    tracing::warn!(%error, "preview failed");
}
