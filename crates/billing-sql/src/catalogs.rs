//! Catalog revisions: immutable, the newest is current.

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision, PriceKey};
use billing_domain::time::Timestamp;
use billing_ports::store::{Catalogs, StoreError};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{CaseStatement, Expr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::database::{Database, Operation, Shape};
use crate::entity::{catalog_revision, customer, subscription};
use crate::fault::Fault;
use crate::reads::OVER;
use crate::rows;
use crate::store::SqlStore;
use crate::time::{column, instant};

#[async_trait]
impl<D: Database> Catalogs for SqlStore<D> {
    async fn current_catalog(&self) -> Result<Option<CatalogRevision>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| newest(on)).await?)
    }

    async fn apply_catalog(
        &self,
        catalog: &Catalog,
        after: u64,
        now: Timestamp,
    ) -> Result<Option<CatalogRevision>, StoreError> {
        let revision = CatalogRevision {
            number: after.saturating_add(1),
            catalog: catalog.clone(),
            applied_at: now,
        };
        let apply = Apply {
            revision: revision.clone(),
            after,
        };
        match self.record(apply, None, |()| true).await {
            Ok(()) => {
                self.database().wake();
                Ok(Some(revision))
            }
            Err(fault) if fault.is_unique() || fault.is_unmet() => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn wake_holders(&self, prices: &[PriceKey], now: Timestamp) -> Result<u64, StoreError> {
        let wake = Wake {
            prices: prices.iter().map(|key| key.as_str().to_owned()).collect(),
            now: column(now),
        };
        let woken = self.write(wake).await?;
        if woken > 0 {
            self.database().wake();
        }
        Ok(woken)
    }
}

async fn newest<C: ConnectionTrait>(on: &C) -> Result<Option<CatalogRevision>, Fault> {
    let newest = catalog_revision::Entity::find()
        .order_by_desc(catalog_revision::Column::Number)
        .one(on)
        .await?;
    let Some(row) = newest else {
        return Ok(None);
    };
    let table = "catalog_revisions";
    let number = row.number;
    Ok(Some(CatalogRevision {
        number: u64::try_from(number).map_err(|error| rows::corrupt(table, number, error))?,
        catalog: rows::read(row.body, table, number)?,
        applied_at: instant(row.applied_at, table, number)?,
    }))
}

#[derive(Debug)]
struct Apply {
    revision: CatalogRevision,
    after: u64,
}

#[async_trait]
impl Operation for Apply {
    type Output = ();

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Transaction
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<(), Fault> {
        let newest = newest(on).await?.map_or(0, |held| held.number);
        if newest != self.after {
            return Err(Fault::Unmet);
        }
        let number = i64::try_from(self.revision.number).map_err(|_too_many| Fault::Unmet)?;
        // Whoever is second at the same number meets the primary key.
        let row = catalog_revision::Model {
            number,
            body: rows::stored(&self.revision.catalog)?,
            applied_at: column(self.revision.applied_at),
        };
        catalog_revision::Entity::insert(row.into_active_model())
            .exec_without_returning(on)
            .await?;
        Ok(())
    }
}

#[derive(Debug, Clone)]
struct Wake {
    prices: Vec<String>,
    now: DateTimeUtc,
}

#[async_trait]
impl Operation for Wake {
    type Output = u64;

    fn shape(&self, _merges: bool) -> Shape {
        Shape::Statement
    }

    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<u64, Fault> {
        use customer::Column::{BusyUntil, Id, ReadyAt, WakeAt};
        if self.prices.is_empty() {
            return Ok(0);
        }
        let holders = subscription::Entity::find()
            .select_only()
            .column(subscription::Column::CustomerId)
            .filter(subscription::Column::Price.is_in(&self.prices))
            .filter(subscription::Column::Status.is_not_in(OVER))
            .into_query();
        // Who is due already stays due since then, and a lease is waited for.
        let wake_at = || sooner(Expr::col(WakeAt), self.now);
        let ready_at = CaseStatement::new()
            .case(Expr::col(BusyUntil).gt(wake_at()), Expr::col(BusyUntil))
            .finally(wake_at());
        let woken = customer::Entity::update_many()
            .col_expr(WakeAt, wake_at())
            .col_expr(ReadyAt, ready_at.into())
            .filter(Id.in_subquery(holders))
            .exec(on)
            .await?;
        Ok(woken.rows_affected)
    }
}

/// The sooner of a column, which may be null, and an instant.
fn sooner(held: Expr, now: DateTimeUtc) -> Expr {
    let case = CaseStatement::new().case(held.clone().lt(now), held);
    case.finally(now).into()
}
