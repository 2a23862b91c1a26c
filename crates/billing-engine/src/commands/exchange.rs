//! Exchanging what was bought for its license: by the secret that opening the
//! checkout told, or by the customer. Reads only; signs nothing.

use std::cmp::Reverse;

use billing_domain::catalog::CatalogRevision;
use billing_domain::checkout::{Checkout, CheckoutState};
use billing_domain::customer::Account;
use billing_domain::ids::{CheckoutId, CustomerId};
use billing_domain::subscription::Status;
use billing_domain::time::Timestamp;
use billing_ports::store::{Also, Locator};
use uuid::Uuid;

use crate::billing::{Billing, Parts};
use crate::commands::checkout::{checkout_of, secret_hash};
use crate::commands::license::{LicenseHeld, LicenseStanding, stands, unpayable};
use crate::error::EngineError;

/// Who asks for the license that was bought.
#[derive(Clone, PartialEq, Eq)]
pub enum Exchange {
    /// Whoever has the secret that opening a checkout told.
    Secret {
        /// The secret.
        secret: String,
        /// Its checkout, where it is known. The secret names it too.
        checkout: Option<CheckoutId>,
    },
    /// A customer.
    Customer {
        /// Who.
        customer: CustomerId,
        /// The checkout that was paid. `None`: whatever the customer holds, the
        /// highest plan first.
        checkout: Option<CheckoutId>,
    },
}

impl std::fmt::Debug for Exchange {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret { checkout, .. } => f.debug_tuple("Secret").field(checkout).finish(),
            Self::Customer { customer, checkout } => {
                let mut shown = f.debug_tuple("Customer");
                shown.field(customer).field(checkout).finish()
            }
        }
    }
}

/// What an exchange gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchanged {
    /// The provider has not said yet that it is paid: ask again.
    Pending,
    /// A license, which need not be good.
    License(Box<LicenseHeld>),
    /// The checkout ended unpaid.
    Unpaid(Unpaid),
    /// Nothing that was bought gives a license.
    Nothing,
    /// The secret is not that of a checkout, or the checkout is not the customer's.
    Unknown,
}

/// How a checkout ended unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpaid {
    /// Its time ran out.
    Expired,
    /// It was given up, or refused.
    Canceled,
}

impl Billing {
    /// Gives the license that was bought. Writes nothing, and may be repeated. What is not
    /// there, what is another's and a secret that does not work take the same reads.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the store fails.
    pub async fn exchange(&self, by: &Exchange) -> Result<Exchanged, EngineError> {
        let parts = self.parts()?;
        let now = parts.now();
        let catalog = parts.catalog(now).await?;
        let bought =
            |(account, checkout): (Account, Checkout)| became(&account, &checkout, &catalog, now);
        let exchanged = match by {
            Exchange::Secret { secret, checkout } => {
                let named = checkout_of(secret);
                let named = named.filter(|_| checkout.is_none() || *checkout == named);
                // Hashes are compared, of which nothing is found out by how long it takes.
                let loaded = parts.with_checkout(named).await?;
                loaded
                    .filter(|(_, checkout)| checkout.secret_hash == secret_hash(secret))
                    .map(bought)
            }
            Exchange::Customer {
                customer,
                checkout: Some(id),
            } => {
                let found = parts.with_checkout(Some(*id)).await?;
                let asks = parts.load(&(*customer).into()).await?;
                let theirs = |held: CustomerId| {
                    let attached = asks.as_ref().map(|asks| &asks.customer.claims);
                    held == *customer || attached.is_some_and(|guests| guests.contains(&held))
                };
                found
                    .filter(|(account, _)| theirs(account.customer.id))
                    .map(bought)
            }
            Exchange::Customer {
                customer,
                checkout: None,
            } => {
                match parts.load(&(*customer).into()).await? {
                    Some(mut account) => {
                        for guest in parts.guests_of(&account).await? {
                            account.subscriptions.extend(guest.subscriptions);
                            account.checkouts.extend(guest.checkouts);
                            account.licenses.extend(guest.licenses);
                        }
                        // Oldest first, whoever bought it: ids ascend with time.
                        account.licenses.sort_by_key(|license| license.id);
                        Some(best(&account, &catalog, now))
                    }
                    None => None,
                }
            }
        };
        Ok(exchanged.unwrap_or(Exchanged::Unknown))
    }
}

impl Parts {
    /// A checkout with its customer. `None`: there is none, or none was named; each
    /// takes the same reads.
    async fn with_checkout(
        &self,
        id: Option<CheckoutId>,
    ) -> Result<Option<(Account, Checkout)>, EngineError> {
        // Where there is none, nobody is looked up.
        let id = id.unwrap_or_else(|| Uuid::nil().into());
        let found = self.store.find(&Locator::Checkout(id)).await?;
        let customer = found.unwrap_or_else(|| Uuid::nil().into());
        let also = Also {
            checkouts: vec![id],
            ..Also::default()
        };
        let loaded = self.store.load(customer, &also).await?;
        Ok(loaded.and_then(|loaded| {
            let checkout = loaded.account.checkout(id).cloned()?;
            Some((loaded.account, checkout))
        }))
    }
}

/// What a checkout has become.
fn became(
    account: &Account,
    checkout: &Checkout,
    catalog: &CatalogRevision,
    now: Timestamp,
) -> Exchanged {
    let subscription = account.subscription(checkout.subscription);
    let license = account.license_of(checkout.subscription);
    if let (Some(subscription), Some(license)) = (subscription, license) {
        let unpayable = unpayable(account, subscription);
        let held = stands(license, subscription, unpayable, catalog, now);
        return Exchanged::License(Box::new(held));
    }
    let is_paid = subscription.is_some_and(|held| held.status() != Status::Incomplete);
    if checkout.terms.license.is_none() || is_paid {
        return Exchanged::Nothing;
    }
    match checkout.state {
        CheckoutState::Opening
        | CheckoutState::Open { .. }
        | CheckoutState::Pending { .. }
        // The provider's word on the subscription itself is still to come.
        | CheckoutState::Completed { .. } => Exchanged::Pending,
        CheckoutState::Expired { .. } => Exchanged::Unpaid(Unpaid::Expired),
        CheckoutState::Canceled { .. } => Exchanged::Unpaid(Unpaid::Canceled),
    }
}

/// What a customer holds: a good license of the highest plan, or what is on its
/// way, or the newest license that is no longer good.
fn best(account: &Account, catalog: &CatalogRevision, now: Timestamp) -> Exchanged {
    let held = LicenseHeld::of(account, catalog, now);
    let newest = held.last().cloned();
    let rank = |held: &LicenseHeld| {
        let plan = catalog.catalog.plan(held.plan.as_str());
        plan.and_then(|plan| plan.rank)
    };
    // The newer of equals.
    let good = held
        .into_iter()
        .rev()
        .filter(|held| matches!(held.standing, LicenseStanding::Good(_)))
        .min_by_key(|held| Reverse(rank(held)));
    let on_its_way = account
        .checkouts
        .iter()
        .any(|checkout| checkout.is_open() && checkout.terms.license.is_some());
    match (good, newest) {
        (Some(good), _) => Exchanged::License(Box::new(good)),
        (None, _) if on_its_way => Exchanged::Pending,
        (None, Some(newest)) => Exchanged::License(Box::new(newest)),
        (None, None) => Exchanged::Nothing,
    }
}
