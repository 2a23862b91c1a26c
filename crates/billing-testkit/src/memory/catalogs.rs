//! Catalog revisions: immutable, the newest is current.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::time::Timestamp;
use billing_ports::store::{Catalogs, StoreError};

use super::{Call, MemoryStore};

#[async_trait]
impl Catalogs for MemoryStore {
    async fn current_catalog(&self) -> Result<Option<CatalogRevision>, StoreError> {
        self.call(Call::Catalog, |state| Ok(state.catalogs.last().cloned()))
    }

    async fn apply_catalog(
        &self,
        catalog: &Catalog,
        after: u64,
        now: Timestamp,
    ) -> Result<Option<CatalogRevision>, StoreError> {
        self.call(Call::Catalog, |state| {
            let newest = state.catalogs.last().map_or(0, |held| held.number);
            if newest != after {
                return Ok(None);
            }
            let revision = CatalogRevision {
                number: newest.saturating_add(1),
                catalog: catalog.clone(),
                applied_at: now,
            };
            state.catalogs.push(revision.clone());
            Ok(Some(revision))
        })
    }
}
