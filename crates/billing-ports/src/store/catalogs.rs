//! Catalog revisions: immutable, the newest is current.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision};
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
}
