//! Migrations: additive, numbered, never edited once released.
//!
//! Knows how to bring any older schema up to date; the databases know how to
//! keep two processes from doing that at the same time.

mod m0001_begin;
mod m0002_change;
mod m0003_reconcile;
mod table;

use sea_orm::sea_query::{Alias, IntoIden, Query};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DynIden, ExprTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};

use crate::fault::Fault;

/// The number of PostgreSQL's advisory lock that guards migrations: the first
/// bytes of "billing", so that no other application's number meets it.
pub const SCHEMA_LOCK: i64 = 0x62_69_6c_6c_69_6e_67;

/// Where the applied migrations are noted; its own name, so that a host may
/// migrate its own tables in the same database.
const APPLIED: &str = "billing_migrations";

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_begin::Migration),
            Box::new(m0002_change::Migration),
            Box::new(m0003_reconcile::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        Alias::new(APPLIED).into_iden()
    }
}

/// Brings the schema up to date within a transaction that keeps others out.
///
/// # Errors
///
/// The database's [`Fault`]; nothing is changed once the caller rolls back.
pub async fn migrate(on: &DatabaseTransaction) -> Result<(), Fault> {
    Migrator::up(on, None).await.map_err(Fault::from)
}

/// How many migrations have been applied: the schema's version, 0 when it is empty.
///
/// # Errors
///
/// The database's [`Fault`].
pub async fn schema_version(on: &DatabaseConnection) -> Result<u32, Fault> {
    if !SchemaManager::new(on).has_table(APPLIED).await? {
        return Ok(0);
    }
    let count = Query::select()
        .expr_as(
            sea_orm::sea_query::Expr::col(Alias::new("version")).count(),
            "applied",
        )
        .from(APPLIED)
        .take();
    let row = on.query_one(&count).await?;
    let applied: i64 = row.map_or(Ok(0), |row| row.try_get("", "applied"))?;
    Ok(u32::try_from(applied).unwrap_or(u32::MAX))
}
