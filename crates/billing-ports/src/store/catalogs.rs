//! Catalog revisions: immutable, the newest is current.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision, PriceKey};
use billing_domain::time::Timestamp;

use crate::store::error::StoreError;

/// Catalog revisions. A stored revision MUST never change.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Catalogs: Send + Sync {
    /// The newest revision. `None`: none has been applied yet.
    async fn current_catalog(&self) -> Result<Option<CatalogRevision>, StoreError>;

    /// Stores a revision after `after` (0: the first). `None`: somebody else
    /// has applied one meanwhile, and nothing was written.
    async fn apply_catalog(
        &self,
        catalog: &Catalog,
        after: u64,
        now: Timestamp,
    ) -> Result<Option<CatalogRevision>, StoreError>;

    /// Makes the customers due at `now` who hold a subscription at one of these
    /// prices, so that a promise made or ended by a new revision is looked at.
    /// Gives how many.
    async fn wake_holders(&self, prices: &[PriceKey], now: Timestamp) -> Result<u64, StoreError>;
}
