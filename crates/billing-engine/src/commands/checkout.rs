//! Checking out: the ring in the foreground, since the buyer waits for a page.

use std::sync::Arc;

use billing_domain::catalog::{CatalogRevision, Plan, PlanKey, Price, PriceKey, ProviderKey};
use billing_domain::checkout::{Checkout, CheckoutState};
use billing_domain::decide::{CheckoutAsk, CheckoutRefusal, NewCustomer, begin_checkout};
use billing_domain::ids::{CheckoutId, CustomerId};
use billing_domain::provider::ProviderAccount;
use billing_domain::terms::{Seller, Terms, TermsError};
use billing_domain::time::{Interval, Timestamp};
use billing_ports::store::{Also, Fence, Locator, OutboxItem};
use ring::digest::{SHA256, digest};

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::commands::customer::commit_failed;
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
    /// Where to pay. `None`: nothing is owed, and it is complete.
    pub url: Option<String>,
    /// When it can no longer be paid. `None`: it is complete.
    pub expires_at: Option<Timestamp>,
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
    /// The provider refused, or did not answer in time. Nothing is left half-made.
    #[error("the provider did not open a page")]
    Provider,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What is sold, where, and on which terms.
struct Offer<'a> {
    plan: &'a Plan,
    terms: Option<Terms>,
    provider: ProviderAccount,
    owns_schedule: bool,
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
        let offer = parts.offer(&catalog, &ask, now)?;
        let secret = secret_text(parts.ids.secret());
        let agreed = CheckoutAsk {
            description: format!("{}, {}", catalog.catalog.product(), offer.plan.name),
            terms: offer.terms.clone(),
            provider: offer.provider.clone(),
            owns_schedule: offer.owns_schedule,
            success_url: ask.success_url.clone(),
            cancel_url: ask.cancel_url.clone(),
            secret_hash: secret_hash(&secret),
        };
        let customer = parts.buyer(&ask, &catalog, now).await?;
        let lease_ends = now
            .saturating_add(parts.limits.lease)
            .map_err(|_out_of_range| CheckoutError::Amount)?;
        let deciding = Deciding::about(customer).leasing_until(lease_ends);
        let decided = parts
            .decide(&deciding, |draft, _| {
                begin_checkout(draft, offer.plan, agreed.clone()).map_err(CheckoutError::from)
            })
            .await?;
        let begun = decided.said;
        let opened = |url, expires_at| CheckoutOpened {
            id: begun.checkout,
            customer,
            secret: secret.clone(),
            url,
            expires_at,
        };
        let effect = decided
            .effects
            .into_iter()
            .find(|made| Some(made.id) == begun.effect);
        let Some(effect) = effect else {
            return Ok(opened(None, None));
        };
        let item = OutboxItem {
            customer,
            effect,
            attempts: 0,
            fence: Fence(1),
        };
        match parts.perform_one(&item).await? {
            Performed::Decided => {}
            Performed::Overtaken | Performed::Later => return Err(CheckoutError::Provider),
        }
        let checkout = parts.checkout(begun.checkout).await?;
        match checkout.map(|checkout| (checkout.state, checkout.expires_at)) {
            Some((CheckoutState::Open { url, .. }, expires_at)) => {
                Ok(opened(Some(url), Some(expires_at)))
            }
            _ => Err(CheckoutError::Provider),
        }
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
            ..NewCustomer::default()
        };
        let made = self.commit_new(guest, &catalog.catalog, now, None).await;
        Ok(made.map_err(commit_failed)?.customer.id)
    }

    /// Finds what is asked for in the catalog, and who sells it.
    fn offer<'a>(
        &self,
        catalog: &'a Arc<CatalogRevision>,
        ask: &CheckoutRequest,
        now: Timestamp,
    ) -> Result<Offer<'a>, CheckoutError> {
        let (plan, price) = wanted(catalog, &ask.what, now)?;
        let provider = self.seller(price, ask.provider.as_ref())?;
        let owns_schedule = self
            .providers
            .get(&provider)
            .is_some_and(|provider| provider.capabilities().owns_schedule);
        let least = plan.quantity.as_ref().map_or(1, |rule| rule.min);
        let quantity = ask.quantity.unwrap_or(least);
        let seller = Seller {
            provider: provider.provider().clone(),
            owns_schedule,
        };
        let terms = price
            .map(|price| Terms::of(catalog, plan, price, quantity, &seller, now))
            .transpose()?;
        if terms.is_none() && quantity != 1 {
            return Err(CheckoutError::Quantity);
        }
        Ok(Offer {
            plan,
            terms,
            provider,
            owns_schedule,
        })
    }

    /// The provider that sells `price`: the one asked for, or the preferred one
    /// among those that the price names. A price that names none is sold by any.
    fn seller(
        &self,
        price: Option<&Price>,
        asked: Option<&ProviderKey>,
    ) -> Result<ProviderAccount, CheckoutError> {
        let sells = |account: &&ProviderAccount| match price {
            Some(price) if !price.provider_refs.is_empty() => {
                price.provider_ref(account.provider().as_str()).is_some()
            }
            _ => true,
        };
        let found = match asked {
            Some(asked) => self.account_at(asked).filter(sells),
            None => self.preference.iter().find(sells),
        };
        found.cloned().ok_or(CheckoutError::NoProvider)
    }
}

fn wanted<'a>(
    catalog: &'a CatalogRevision,
    what: &What,
    now: Timestamp,
) -> Result<(&'a Plan, Option<&'a Price>), CheckoutError> {
    let catalog = &catalog.catalog;
    match what {
        What::Price(key) => {
            let price = catalog.price(key.as_str()).ok_or(CheckoutError::NotSold)?;
            let plan = catalog
                .plan(price.plan.as_str())
                .ok_or(CheckoutError::NotSold)?;
            Ok((plan, Some(price)))
        }
        What::Plan(key, interval) => {
            let plan = catalog.plan(key.as_str()).ok_or(CheckoutError::NotSold)?;
            if !plan.on_offer_at(now) {
                return Err(CheckoutError::NotSold);
            }
            if plan.is_free() {
                return Ok((plan, None));
            }
            let on_sale = plan
                .prices
                .iter()
                .filter(|price| catalog.is_sold_at(price.key.as_str(), now));
            let mut fitting = on_sale
                .filter(|price| interval.is_none() || price.interval.interval() == *interval);
            let price = fitting.next().ok_or(CheckoutError::NotSold)?;
            Ok((plan, Some(price)))
        }
    }
}

impl From<TermsError> for CheckoutError {
    fn from(error: TermsError) -> Self {
        match error {
            TermsError::Retired => Self::NotSold,
            TermsError::Quantity => Self::Quantity,
            TermsError::Money(_) => Self::Amount,
        }
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

/// The secret as its holder sees it.
fn secret_text(secret: [u8; 32]) -> String {
    hex("cs_", &secret)
}

/// What of a checkout secret is kept: its SHA-256, in hexadecimal.
pub(crate) fn secret_hash(secret: &str) -> String {
    hex("", digest(&SHA256, secret.as_bytes()).as_ref())
}

fn hex(prefix: &str, bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(prefix.to_owned(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}
