//! `price_migrations`: from one price to another, and how far they have come.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_migrations")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The price that is left.
    pub from_price: String,
    /// The price that follows.
    pub to_price: String,
    /// Before this, nobody moves.
    pub not_before: DateTimeUtc,
    /// The digest of the plan.
    pub digest: String,
    /// Subscriptions in the plan.
    pub planned: i64,
    /// Those that are done.
    pub done: i64,
    /// The last of them.
    pub after_id: Option<Uuid>,
    /// Who executes it.
    pub actor: Option<String>,
    /// When it was begun.
    pub begun_at: DateTimeUtc,
    /// When it was finished.
    pub finished_at: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
