//! Price migrations, and the walks over holders and customers. Not the
//! schema's own migrations.

use async_trait::async_trait;
use billing_domain::catalog::PriceKey;
use billing_domain::ids::{CustomerId, MigrationId};
use billing_domain::subscription::Subscription;
use billing_ports::store::{MigrationRow, Migrations, Page, PageAsk, StoreError};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::{customer, price_migration, subscription};
use crate::fault::Fault;
use crate::reads::{OVER, page};
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

const TABLE: &str = "price_migrations";

#[async_trait]
impl<D: Database> Migrations for SqlStore<D> {
    async fn list_holders(
        &self,
        price: &PriceKey,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<Vec<Subscription>, StoreError> {
        let on = self.database().reader();
        let wanted = Condition::all()
            .add(subscription::Column::Price.eq(price.as_str()))
            .add(subscription::Column::Status.is_not_in(OVER))
            .add_option(after.map(|id| subscription::Column::Id.gt(id)));
        let read = || async {
            let found = subscription::Entity::find()
                .filter(wanted.clone())
                .order_by_asc(subscription::Column::Id)
                .limit(u64::from(limit))
                .all(on)
                .await?;
            let held = found
                .into_iter()
                .map(|row| rows::read(row.body, "subscriptions", row.id));
            Ok(held.collect::<Result<_, StoreError>>()?)
        };
        Ok(self.read(read).await?)
    }

    async fn put_migration(&self, row: &MigrationRow) -> Result<(), StoreError> {
        Ok(self.record(Put(stored(row)?), None, |()| true).await?)
    }

    async fn get_migration(&self, id: MigrationId) -> Result<Option<MigrationRow>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = price_migration::Entity::find_by_id(id.uuid())
                .one(on)
                .await?;
            Ok(found.map(migration).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn list_migrations(&self, page: PageAsk) -> Result<Page<MigrationRow>, StoreError> {
        let select = price_migration::Entity::find();
        page!(self, page, price_migration, select, migration)
    }

    async fn walk_customers(
        &self,
        after: Option<CustomerId>,
        limit: u16,
    ) -> Result<Vec<CustomerId>, StoreError> {
        let on = self.database().reader();
        let after = after.map(|id| customer::Column::Id.gt(id.uuid()));
        let wanted = Condition::all().add_option(after);
        let read = || async {
            let found: Vec<Uuid> = customer::Entity::find()
                .select_only()
                .column(customer::Column::Id)
                .filter(wanted.clone())
                .order_by_asc(customer::Column::Id)
                .limit(u64::from(limit))
                .into_tuple()
                .all(on)
                .await?;
            Ok(found.into_iter().map(CustomerId::from).collect())
        };
        Ok(self.read(read).await?)
    }
}

fn stored(row: &MigrationRow) -> Result<price_migration::Model, StoreError> {
    let count = |number: u64| {
        i64::try_from(number)
            .map_err(|error| StoreError::Failed(format!("unwritable count: {error}")))
    };
    Ok(price_migration::Model {
        id: row.id.uuid(),
        from_price: row.from.as_str().to_owned(),
        to_price: row.to.as_str().to_owned(),
        not_before: column(row.not_before),
        digest: rows::text(&row.digest),
        planned: count(row.planned)?,
        done: count(row.done)?,
        after_id: row.after,
        actor: row.actor.as_deref().map(rows::text),
        begun_at: column(row.begun_at),
        finished_at: row.finished_at.map(column),
    })
}

fn migration(row: price_migration::Model) -> Result<MigrationRow, StoreError> {
    let id = row.id;
    let count =
        |number: i64| u64::try_from(number).map_err(|error| rows::corrupt(TABLE, id, error));
    let finished_at = row.finished_at.map(|at| instant(at, TABLE, id));
    Ok(MigrationRow {
        id: MigrationId::from(id),
        from: rows::parsed(&row.from_price, TABLE, id)?,
        to: rows::parsed(&row.to_price, TABLE, id)?,
        not_before: instant(row.not_before, TABLE, id)?,
        digest: row.digest,
        planned: count(row.planned)?,
        done: count(row.done)?,
        after: row.after_id,
        actor: row.actor,
        begun_at: instant(row.begun_at, TABLE, id)?,
        finished_at: finished_at.transpose()?,
    })
}

#[derive(Debug, Clone)]
struct Put(price_migration::Model);

#[async_trait]
impl Operation for Put {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        use price_migration::Column;
        let columns = Column::iter().filter(|column| !matches!(column, Column::Id));
        let over = OnConflict::column(Column::Id)
            .update_columns(columns)
            .to_owned();
        let insert = price_migration::Entity::insert(self.0.clone().into_active_model())
            .on_conflict(over)
            .into_query();
        on.execute(&insert).await?;
        Ok(())
    }
}
