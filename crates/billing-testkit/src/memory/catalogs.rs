//! Catalog revisions: immutable, the newest is current.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision, PriceKey};
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
        self.record(Call::Catalog, None, Option::is_some, |state| {
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

    async fn wake_holders(&self, prices: &[PriceKey], now: Timestamp) -> Result<u64, StoreError> {
        let woken = self.call(Call::Catalog, |state| {
            let books = &mut state.books;
            let holders = books.shelves.iter().filter(|(_, shelf)| {
                shelf.subscriptions.values().any(|held| {
                    let price = held.terms.price.as_ref();
                    !held.is_over() && price.is_some_and(|price| prices.contains(price))
                })
            });
            let mut woken = 0_u64;
            for (holder, _) in holders {
                // Who is due already stays due since then.
                let due = books.due.due(*holder).map_or(now, |due| due.min(now));
                books.due.set_due(*holder, Some(due));
                woken = woken.saturating_add(1);
            }
            Ok(woken)
        });
        self.wake();
        woken
    }
}
