//! `changes`: accepted quotes on their way.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// What is changed.
    pub subscription_id: Uuid,
    /// What was accepted; unique.
    pub quote_id: Uuid,
    /// The word for its state.
    pub state: String,
    /// When it takes effect.
    pub effective_at: DateTimeUtc,
    /// The change.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
