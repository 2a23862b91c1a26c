//! Bringing over what was sold elsewhere, a row at a time. Each row is known by its own name
//! and brought once: an import that was cut off is begun again, and goes on where it ended.
//!
//! Nobody is told, neither receivers of events nor customers, who heard of it where it was
//! sold; but for the notice of a dearer price, if one is given with it. Knows neither files nor formats.

mod customer;
mod held;
mod license;

use billing_domain::catalog::{Billing as Charged, PlanKey, PriceKey};
use billing_domain::grant::GrantReason;
use billing_domain::ids::{CustomerId, Id};
use billing_domain::import::{ImportOutcome, ImportRefusal, Payee};
use billing_domain::money::Money;
use billing_domain::provider::ProviderAccount;
use billing_domain::time::Timestamp;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::manual::MANUAL;
use crate::ring::Deciding;

/// Whether an import writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// It says what it would do.
    Dry,
    /// It does so.
    Apply,
}

/// A row of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportRow {
    /// A customer.
    Customer(CustomerRow),
    /// What a customer has subscribed to, or bought for ever.
    Subscription(SubscriptionRow),
    /// A plan that a customer holds without paying.
    Grant(GrantRow),
    /// A license of a customer's.
    License(LicenseRow),
}

/// A customer who comes from elsewhere. Of what is `None`, nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerRow {
    /// The host application's name for it.
    pub external_ref: String,
    /// Where mail goes.
    pub email: Option<String>,
    /// The language that it is written to in.
    pub lang: Option<String>,
    /// Its name at GitHub.
    pub github: Option<String>,
    /// When it joined the host.
    pub joined_at: Option<Timestamp>,
    /// Who it is at a provider.
    pub at_provider: Option<(ProviderAccount, String)>,
}

/// A subscription that comes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRow {
    /// What it was called there.
    pub external: String,
    /// Whose it is.
    pub customer: CustomerRef,
    /// The plan.
    pub plan: PlanKey,
    /// The price. `None`: the one of the plan that fits the rest.
    pub price: Option<PriceKey>,
    /// How often it is charged. `None`: as the price says.
    pub billing: Option<Charged>,
    /// What was promised for one piece. `None`: what the price says.
    pub unit: Option<Money>,
    /// Pieces.
    pub quantity: u32,
    /// When it began, and where its periods hang.
    pub started_at: Timestamp,
    /// Until when it is paid. `None`: for ever.
    pub paid_through: Option<Timestamp>,
    /// Whether it ends then. `None`: it renews, and that is not compared.
    pub ends: Option<bool>,
    /// Where it is paid. `None`: at the first account whose schedule the engine runs.
    pub provider: Option<ProviderAccount>,
}

/// A grant that comes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// What it was called there.
    pub external: String,
    /// Whose it is.
    pub customer: CustomerRef,
    /// The plan.
    pub plan: PlanKey,
    /// Why it is held.
    pub reason: GrantReason,
    /// The first instant at which it is not held any more. `None`: it has no end.
    pub ends_at: Option<Timestamp>,
}

/// A license that comes from elsewhere. Its key is a new one: it shows our id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseRow {
    /// What it was called there.
    pub external: String,
    /// Whose it is.
    pub customer: CustomerRef,
    /// The plan that it shows.
    pub plan: PlanKey,
    /// The subscription that it belongs to, as that was called. `None`: the plan was bought
    /// for ever.
    pub subscription: Option<String>,
    /// When it was bought. `None`: now.
    pub started_at: Option<Timestamp>,
    /// The machines that it is activated on, by the names that the application gives them.
    pub machines: Vec<String>,
}

/// Why a row was not brought.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It cannot be, and nothing of it is written. The other rows are none the worse.
    #[error(transparent)]
    Refused(#[from] ImportRefusal),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Brings over one row, in one commit. Brought before, it is compared with what is here,
    /// and nothing is overwritten.
    ///
    /// # Errors
    ///
    /// [`ImportError`], and nothing is written.
    pub async fn import(
        &self,
        row: &ImportRow,
        mode: ImportMode,
        actor: Option<&str>,
    ) -> Result<ImportOutcome, ImportError> {
        let parts = self.parts()?;
        let run = Run { parts, mode, actor };
        match row {
            ImportRow::Customer(row) => run.customer(row).await,
            ImportRow::Subscription(row) => run.subscription(row).await,
            ImportRow::Grant(row) => run.grant(row).await,
            ImportRow::License(row) => run.license(row).await,
        }
    }
}

/// How rows are brought, and by whom.
struct Run<'a> {
    parts: &'a Parts,
    mode: ImportMode,
    actor: Option<&'a str>,
}

impl Run<'_> {
    async fn owner(&self, of: &CustomerRef) -> Result<CustomerId, ImportError> {
        let found = self.parts.store.find(&of.locator()).await;
        let found = found.map_err(EngineError::from)?;
        Ok(found.ok_or(ImportRefusal::NoSuchCustomer)?)
    }

    /// Decides about a customer, and keeps what was decided unless this is a dry run.
    async fn decide(
        &self,
        customer: CustomerId,
        decision: impl Fn(
            &mut billing_domain::Draft,
            &billing_domain::catalog::CatalogRevision,
        ) -> Result<ImportOutcome, ImportRefusal>
        + Sync,
    ) -> Result<ImportOutcome, ImportError> {
        let deciding = Deciding::about(customer).by(self.actor).untold();
        let decision = |draft: &mut _, catalog: &_| Ok(decision(draft, catalog)?);
        match self.mode {
            ImportMode::Dry => self.parts.imagine(&deciding, decision).await,
            ImportMode::Apply => Ok(self.parts.decide(&deciding, decision).await?.said),
        }
    }

    /// Where it is paid. What is charged again is not by hand beside other accounts, unless
    /// that is said: invoices that a person marks paid are for those with whom it was agreed.
    /// `None`: no account that is configured could be it.
    fn payee(&self, named: Option<&ProviderAccount>, recurs: bool) -> Option<Payee> {
        let owns = |account: &ProviderAccount| {
            let provider = self.parts.providers.get(account)?;
            Some(provider.capabilities().owns_schedule)
        };
        let is_agreed = |account: &ProviderAccount| {
            let by_hand = account.provider().as_str() == MANUAL;
            !recurs || !by_hand || self.parts.preference.len() <= 1
        };
        let mut known = self.parts.preference.iter();
        let first = known.find(|account| owns(account) == Some(false) && is_agreed(account));
        let account = named.or(first)?;
        Some(Payee {
            account: account.clone(),
            owns_schedule: owns(account)?,
        })
    }
}

/// Our id of what was called so elsewhere: always the same, so that it is found again. It
/// sorts before everything that was made here.
fn imported_id<T: Id>(external: &str) -> T {
    let hash = digest(
        &SHA256,
        format!("import 1:{}:{external}", T::PREFIX).as_bytes(),
    );
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().skip(TIME_BYTES).zip(hash.as_ref()) {
        *byte = *hashed;
    }
    let builder = uuid::Builder::from_bytes(bytes)
        .with_version(uuid::Version::SortRand)
        .with_variant(uuid::Variant::RFC4122);
    let id: Uuid = builder.into_uuid();
    T::from(id)
}

/// The bytes of an id that say when it was made: of these, at the beginning of time.
const TIME_BYTES: usize = 6;

#[cfg(test)]
mod tests {
    use billing_domain::ids::{GrantId, SubscriptionId};

    use super::*;

    #[test]
    fn what_was_called_so_has_one_id() {
        let id: SubscriptionId = imported_id("s-1");
        assert_eq!(id, imported_id("s-1"));
        assert_ne!(id, imported_id("s-2"));
        let grant: GrantId = imported_id("s-1");
        assert_ne!(id.uuid(), grant.uuid(), "each kind has names of its own");
        assert!(id.to_string().starts_with("sub_0000000000007"), "{id}");
    }
}
