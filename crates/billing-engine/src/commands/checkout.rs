//! Checking out: the ring in the foreground, since the buyer waits for a page.

use billing_domain::catalog::{CatalogRevision, PlanKey, PriceKey, ProviderKey};
use billing_domain::checkout::{Checkout, CheckoutState};
use billing_domain::decide::{Begun, CheckoutAsk, CheckoutRefusal, NewCustomer, begin_checkout};
use billing_domain::discount::CodeRefusal;
use billing_domain::effect::Effect;
use billing_domain::ids::{CheckoutId, CustomerId, Id as _, NegotiatedId};
use billing_domain::time::{Interval, Timestamp};
use billing_ports::store::{Also, Locator};
use ring::digest::{SHA256, digest};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::commands::customer::commit_failed;
use crate::commands::offer::Offer;
use crate::error::EngineError;
use crate::ring::{Deciding, Performed};

/// What is to be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// This price.
    Price(PriceKey),
    /// This plan, at the price of this interval. `None`: its first price on sale.
    Plan(PlanKey, Option<Interval>),
}

/// What a buyer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// Who buys. `None`: a guest, who becomes a new customer.
    pub customer: Option<CustomerRef>,
    /// A guest's address, to prefill.
    pub email: Option<String>,
    /// What is bought.
    pub what: What,
    /// Pieces. `None`: the plan's least.
    pub quantity: Option<u32>,
    /// Where to pay. `None`: the first provider that sells the price.
    pub provider: Option<ProviderKey>,
    /// A discount code, as typed.
    pub code: Option<String>,
    /// Terms negotiated with the customer, instead of `what` and `provider`.
    pub negotiated: Option<NegotiatedId>,
    /// Where the buyer returns after paying; `{checkout}` stands for the checkout's id.
    pub success_url: String,
    /// Where the buyer returns without paying; likewise.
    pub cancel_url: String,
}

impl CheckoutRequest {
    /// One piece of `what`, for `customer`, who returns to `return_url` either way.
    #[must_use]
    pub fn of(customer: impl Into<CustomerRef>, what: What, return_url: &str) -> Self {
        Self {
            customer: Some(customer.into()),
            email: None,
            what,
            quantity: None,
            provider: None,
            code: None,
            negotiated: None,
            success_url: return_url.to_owned(),
            cancel_url: return_url.to_owned(),
        }
    }
}

/// A checkout that was opened.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckoutOpened {
    /// Its id, which may be shown.
    pub id: CheckoutId,
    /// Who buys.
    pub customer: CustomerId,
    /// The one-time secret that exchanges it for what was bought. Told here and nowhere else.
    pub secret: String,
    /// Where to pay. `None`: nothing is owed today and it is complete, or there is
    /// no page and the money follows.
    pub url: Option<String>,
    /// When it can no longer be paid. `None`: it is complete, or waits however
    /// long it takes.
    pub expires_at: Option<Timestamp>,
    /// Whether it is complete.
    pub completed: bool,
}

impl std::fmt::Debug for CheckoutOpened {
    /// Leaves the secret out, and the page: whoever has its address can open it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckoutOpened")
            .field("id", &self.id)
            .field("customer", &self.customer)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why a checkout was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckoutError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// The catalog sells no such plan, price or interval.
    #[error("no such plan or price on sale")]
    NotSold,
    /// It is not sold in that quantity.
    #[error("not sold in this quantity")]
    Quantity,
    /// No provider that is configured sells it.
    #[error("no configured provider sells it")]
    NoProvider,
    /// The plan is granted to the customer already.
    #[error("the plan is granted already")]
    AlreadyGranted,
    /// The amount does not fit.
    #[error("amount out of range")]
    Amount,
    /// The discount code does not work here.
    #[error(transparent)]
    Code(#[from] CodeRefusal),
    /// The customer has no such negotiated terms that are open.
    #[error("no such negotiated terms")]
    NoSuchTerms,
    /// The provider refused, or did not answer in time. Nothing is left half-made.
    #[error("the provider did not open a page")]
    Provider,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Opens a checkout. Returns when the provider has made its page, or at
    /// once where nothing is owed.
    ///
    /// # Errors
    ///
    /// [`CheckoutError`]. A guest who was made a customer for it stays one.
    pub async fn checkout(&self, ask: CheckoutRequest) -> Result<CheckoutOpened, CheckoutError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let offer = parts.offer(&catalog, &ask, now).await?;
        let id: CheckoutId = parts.ids(now).draw();
        let secret = secret_text(id, parts.ids.secret());
        let terms = parts.discounted(&ask, &offer, id, now).await?;
        let used = terms
            .as_ref()
            .and_then(|terms| terms.discount.as_ref()?.code);
        let agreed = CheckoutAsk {
            id,
            description: catalog.catalog.billed_as(offer.plan.key.as_str()),
            terms,
            provider: offer.provider.clone(),
            owns_schedule: offer.owns_schedule,
            success_url: ask.success_url.clone(),
            cancel_url: ask.cancel_url.clone(),
            secret_hash: secret_hash(&secret),
        };
        let until = parts.limits.calls_until();
        let begun = self.begun(parts, &ask, &catalog, &offer, agreed, now).await;
        if let (Err(_), Some(code)) = (&begun, used) {
            // Nobody begins this checkout any more.
            let given_back = parts.store.settle_code(code, id, false).await;
            given_back.map_err(EngineError::from)?;
        }
        let (customer, begun, effects) = begun?;
        let opened = |url, expires_at, completed| CheckoutOpened {
            id,
            customer,
            secret: secret.clone(),
            url,
            expires_at,
            completed,
        };
        let effect = effects
            .into_iter()
            .find(|made| Some(made.id) == begun.effect);
        let Some(effect) = effect else {
            return Ok(opened(None, None, true));
        };
        match parts.perform_leased(customer, effect, until).await? {
            Performed::Decided => {}
            Performed::Overtaken | Performed::Later => return Err(CheckoutError::Provider),
        }
        let checkout = parts.checkout(id).await?;
        match checkout.map(|checkout| (checkout.state, checkout.expires_at)) {
            Some((CheckoutState::Open { url, .. }, expires_at)) => {
                Ok(opened(Some(url), Some(expires_at), false))
            }
            // There is no page: the money follows.
            Some((CheckoutState::Pending { .. }, _)) => Ok(opened(None, None, false)),
            _ => Err(CheckoutError::Provider),
        }
    }

    async fn begun(
        &self,
        parts: &Parts,
        ask: &CheckoutRequest,
        catalog: &CatalogRevision,
        offer: &Offer<'_>,
        agreed: CheckoutAsk,
        now: Timestamp,
    ) -> Result<(CustomerId, Begun, Vec<Effect>), CheckoutError> {
        let customer = parts.buyer(ask, catalog, now).await?;
        let deciding = Deciding::about(customer).leasing_until(parts.lease_ends());
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                begin_checkout(draft, offer.plan, agreed.clone(), catalog)
                    .map_err(CheckoutError::from)
            })
            .await?;
        Ok((customer, decided.said, decided.effects))
    }

    /// A checkout, as it stands. `None`: there is none with this id.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn get_checkout(&self, id: CheckoutId) -> Result<Option<Checkout>, EngineError> {
        self.parts()?.checkout(id).await
    }
}

impl Parts {
    async fn checkout(&self, id: CheckoutId) -> Result<Option<Checkout>, EngineError> {
        let Some(customer) = self.store.find(&Locator::Checkout(id)).await? else {
            return Ok(None);
        };
        let also = Also {
            checkouts: vec![id],
            ..Also::default()
        };
        let loaded = self.store.load(customer, &also).await?;
        Ok(loaded.and_then(|loaded| loaded.account.checkout(id).cloned()))
    }

    async fn buyer(
        &self,
        ask: &CheckoutRequest,
        catalog: &CatalogRevision,
        now: Timestamp,
    ) -> Result<CustomerId, CheckoutError> {
        if let Some(named) = &ask.customer {
            let found = self.store.find(&named.locator()).await;
            return found
                .map_err(EngineError::from)?
                .ok_or(CheckoutError::NoSuchCustomer);
        }
        let guest = NewCustomer {
            email: ask.email.clone(),
            guest: true,
            ..NewCustomer::default()
        };
        let made = self.commit_new(guest, &catalog.catalog, now, None).await;
        Ok(made.map_err(commit_failed)?.customer.id)
    }
}

impl From<CheckoutRefusal> for CheckoutError {
    fn from(refusal: CheckoutRefusal) -> Self {
        match refusal {
            CheckoutRefusal::AlreadyGranted => Self::AlreadyGranted,
            CheckoutRefusal::Money(_) => Self::Amount,
        }
    }
}

/// What a checkout secret begins with.
const SECRET_PREFIX: &str = "cs_";

/// Hexadecimal digits of a checkout's id.
const ID_DIGITS: usize = 32;

/// The secret as its holder sees it: it names its checkout, which is no secret.
fn secret_text(id: CheckoutId, secret: [u8; 32]) -> String {
    format!(
        "{SECRET_PREFIX}{}{}",
        id.uuid().simple(),
        hex::encode(secret)
    )
}

/// The checkout that a secret names. `None`: it is no secret of a checkout.
pub(crate) fn checkout_of(secret: &str) -> Option<CheckoutId> {
    let digits = secret.strip_prefix(SECRET_PREFIX)?.get(..ID_DIGITS)?;
    format!("{}_{digits}", CheckoutId::PREFIX).parse().ok()
}

/// What of a checkout secret is kept: its SHA-256, in hexadecimal.
pub(crate) fn secret_hash(secret: &str) -> String {
    hex::encode(digest(&SHA256, secret.as_bytes()))
}
