//! Price migrations, and the walks over holders and customers.

use std::ops::Bound;

use async_trait::async_trait;
use billing_domain::catalog::PriceKey;
use billing_domain::ids::{CustomerId, MigrationId, SubscriptionId};
use billing_domain::subscription::Subscription;
use billing_ports::store::{MigrationRow, Migrations, Page, PageAsk, StoreError};
use uuid::Uuid;

use super::reads::{cut, newest_first};
use super::{Call, MemoryStore};

#[async_trait]
impl Migrations for MemoryStore {
    async fn list_holders(
        &self,
        price: &PriceKey,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<Subscription>, StoreError> {
        self.call(Call::Migration, |state| {
            let books = &state.books;
            let rows = books
                .subscriptions
                .range(beyond(after.map(SubscriptionId::from)));
            let rows =
                rows.filter_map(|(id, owner)| books.shelves.get(owner)?.subscriptions.get(id));
            let rows =
                rows.filter(|held| !held.is_over() && held.terms.price.as_ref() == Some(price));
            Ok(rows.take(usize::from(limit)).cloned().collect())
        })
    }

    async fn put_migration(&self, row: &MigrationRow) -> Result<(), StoreError> {
        self.record(
            Call::Migration,
            None,
            |()| true,
            |state| {
                state.migrations.insert(row.id, row.clone());
                Ok(())
            },
        )
    }

    async fn get_migration(&self, id: MigrationId) -> Result<Option<MigrationRow>, StoreError> {
        self.call(Call::Migration, |state| {
            Ok(state.migrations.get(&id).cloned())
        })
    }

    async fn list_migrations(&self, page: PageAsk) -> Result<Page<MigrationRow>, StoreError> {
        self.call(Call::Migration, |state| {
            let rows = newest_first(&state.migrations, page).map(|(_, row)| row);
            Ok(cut(rows, page).map(Clone::clone))
        })
    }

    async fn walk_customers(
        &self,
        after: Option<CustomerId>,
        limit: u16,
    ) -> Result<Vec<CustomerId>, StoreError> {
        self.call(Call::Migration, |state| {
            let rows = state.books.shelves.range(beyond(after));
            let rows = rows.map(|(id, _)| *id);
            Ok(rows.take(usize::from(limit)).collect())
        })
    }
}

/// Keys from after this one on.
pub(super) fn beyond<K>(after: Option<K>) -> (Bound<K>, Bound<K>) {
    (
        after.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}
