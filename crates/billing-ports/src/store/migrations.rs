//! Price migrations: what was planned, and how far its execution has come.

use async_trait::async_trait;
use billing_domain::catalog::PriceKey;
use billing_domain::ids::{CustomerId, MigrationId};
use billing_domain::subscription::Subscription;
use billing_domain::time::Timestamp;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::reads::{Page, PageAsk};

/// A price migration that is being, or has been, executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationRow {
    /// Our id.
    pub id: MigrationId,
    /// The price that is left.
    pub from: PriceKey,
    /// The price that follows.
    pub to: PriceKey,
    /// The first instant at which anybody moves.
    pub not_before: Timestamp,
    /// The digest of the plan that is executed.
    pub digest: String,
    /// How many subscriptions the plan has.
    pub planned: u64,
    /// How many of them are done.
    pub done: u64,
    /// The last subscription that is done, in the plan's order. `None`: none yet.
    pub after: Option<Uuid>,
    /// Who executes it.
    pub actor: Option<String>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it was finished. `None`: it is under way.
    pub finished_at: Option<Timestamp>,
}

/// Price migrations.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Migrations: Send + Sync {
    /// Subscriptions at a price that are not over, by ascending id: those after
    /// `after`, at most `limit` of them.
    async fn list_holders(
        &self,
        price: &PriceKey,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<Subscription>, StoreError>;

    /// Stores a migration, or how far it has come.
    async fn put_migration(&self, row: &MigrationRow) -> Result<(), StoreError>;

    /// One migration. `None`: there is none with this id.
    async fn get_migration(&self, id: MigrationId) -> Result<Option<MigrationRow>, StoreError>;

    /// Migrations, newest first.
    async fn list_migrations(&self, page: PageAsk) -> Result<Page<MigrationRow>, StoreError>;

    /// Customers by ascending id, those after `after`, at most `limit` of them:
    /// how an audit walks over everybody.
    async fn walk_customers(
        &self,
        after: Option<CustomerId>,
        limit: u16,
    ) -> Result<Vec<CustomerId>, StoreError>;
}
