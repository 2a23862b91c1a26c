//! What a checkout offers: the terms, and who sells them. From the catalog, or
//! among what was negotiated with the customer, less what a code takes off.

use std::sync::Arc;

use billing_domain::catalog::{CatalogRevision, Plan, Price, ProviderKey};
use billing_domain::customer::Account;
use billing_domain::decide::may_rejoin;
use billing_domain::discount::CodeRefusal;
use billing_domain::ids::{CheckoutId, NegotiatedId};
use billing_domain::provider::ProviderAccount;
use billing_domain::terms::{Seller, Terms, TermsError};
use billing_domain::time::Timestamp;

use crate::billing::Parts;
use crate::commands::checkout::{CheckoutError, CheckoutRequest, What};
use crate::commands::code::Unredeemed;
use crate::manual::MANUAL;

/// What is sold, where, and on which terms.
pub(crate) struct Offer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) terms: Option<Terms>,
    pub(crate) provider: ProviderAccount,
    pub(crate) owns_schedule: bool,
}

impl Parts {
    /// What is sold, with a discount code's reduction and a use of it reserved.
    pub(crate) async fn discounted(
        &self,
        ask: &CheckoutRequest,
        offer: &Offer<'_>,
        checkout: CheckoutId,
        now: Timestamp,
    ) -> Result<Option<Terms>, CheckoutError> {
        match (offer.terms.clone(), ask.code.as_deref()) {
            (Some(terms), Some(code)) => self
                .redeem(code, terms, offer, checkout, now)
                .await
                .map(Some)
                .map_err(|error| match error {
                    Unredeemed::Refused(refusal) => refusal.into(),
                    Unredeemed::Engine(error) => error.into(),
                }),
            // What costs nothing has nothing to take off.
            (None, Some(_)) => Err(CodeRefusal::NotForThis.into()),
            (terms, None) => Ok(terms),
        }
    }

    /// Finds what is asked for, in the catalog or among what was negotiated, and
    /// who sells it.
    pub(crate) async fn offer<'a>(
        &self,
        catalog: &'a Arc<CatalogRevision>,
        ask: &CheckoutRequest,
        now: Timestamp,
    ) -> Result<Offer<'a>, CheckoutError> {
        match ask.negotiated {
            Some(agreed) => self.negotiated_offer(catalog, ask, agreed, now).await,
            None => self.public_offer(catalog, ask, now).await,
        }
    }

    async fn negotiated_offer<'a>(
        &self,
        catalog: &'a Arc<CatalogRevision>,
        ask: &CheckoutRequest,
        agreed: NegotiatedId,
        now: Timestamp,
    ) -> Result<Offer<'a>, CheckoutError> {
        let account = self.named_account(ask).await?;
        let agreed = account
            .as_ref()
            .and_then(|account| account.customer.negotiated(agreed))
            .filter(|agreed| agreed.is_open(now))
            .ok_or(CheckoutError::NoSuchTerms)?;
        let plan = catalog.catalog.plan(agreed.plan.as_str());
        let plan = plan.ok_or(CheckoutError::NotSold)?;
        let provider = self.seller(None, agreed.provider.as_ref())?;
        let owns_schedule = self.owns_schedule(&provider);
        if owns_schedule {
            // It charges what its own prices say, and knows nothing of these.
            return Err(CheckoutError::NoProvider);
        }
        let rule = agreed.quantity.as_ref().or(plan.quantity.as_ref());
        let quantity = ask.quantity.unwrap_or(rule.map_or(1, |rule| rule.min));
        let seller = Seller {
            provider: provider.provider().clone(),
            owns_schedule,
        };
        let terms = Terms::negotiated(catalog, plan, agreed, quantity, &seller)?;
        Ok(Offer {
            plan,
            terms: Some(terms),
            provider,
            owns_schedule,
        })
    }

    async fn named_account(&self, ask: &CheckoutRequest) -> Result<Option<Account>, CheckoutError> {
        match &ask.customer {
            Some(named) => Ok(self.load(named).await.map_err(CheckoutError::from)?),
            None => Ok(None),
        }
    }

    fn owns_schedule(&self, provider: &ProviderAccount) -> bool {
        self.providers
            .get(provider)
            .is_some_and(|provider| provider.capabilities().owns_schedule)
    }

    async fn public_offer<'a>(
        &self,
        catalog: &'a Arc<CatalogRevision>,
        ask: &CheckoutRequest,
        now: Timestamp,
    ) -> Result<Offer<'a>, CheckoutError> {
        let (plan, price) = wanted(catalog, &ask.what, now)?;
        let provider = self.seller(price, ask.provider.as_ref())?;
        let owns_schedule = self.owns_schedule(&provider);
        let least = plan.quantity.as_ref().map_or(1, |rule| rule.min);
        let quantity = ask.quantity.unwrap_or(least);
        let seller = Seller {
            provider: provider.provider().clone(),
            owns_schedule,
        };
        let terms = match price {
            None => None,
            Some(price) => match Terms::of(catalog, plan, price, quantity, &seller, now) {
                Err(TermsError::Retired) => {
                    let terms = Terms::taken(catalog, plan, price, quantity, &seller);
                    let rejoined = self.rejoined(catalog, ask, plan, price, terms, now);
                    Some(rejoined.await?)
                }
                terms => Some(terms?),
            },
        };
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

    /// A retired price is sold to whoever held it until lately.
    async fn rejoined(
        &self,
        catalog: &CatalogRevision,
        ask: &CheckoutRequest,
        plan: &Plan,
        price: &Price,
        mut terms: Terms,
        now: Timestamp,
    ) -> Result<Terms, CheckoutError> {
        let account = self.named_account(ask).await?;
        let may = account.is_some_and(|account| may_rejoin(&account, catalog, &price.key, now));
        if !may {
            return Err(CheckoutError::NotSold);
        }
        // The trial was the first time's.
        terms.trial = None;
        if !terms.allows(plan, terms.quantity) {
            return Err(CheckoutError::Quantity);
        }
        terms.amount().map_err(TermsError::from)?;
        Ok(terms)
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
            // Invoices by hand are for those with whom that was agreed.
            Some(_) => account.provider().as_str() != MANUAL,
            None => true,
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
