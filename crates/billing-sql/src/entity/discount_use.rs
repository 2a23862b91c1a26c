//! `discount_uses`: uses of codes, by checkout.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "discount_uses")]
pub struct Model {
    /// The code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_id: Uuid,
    /// The checkout that uses it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub checkout_id: Uuid,
    /// Whether it is reserved, or counts for good.
    pub state: String,
    /// Until when it is reserved.
    pub reserved_until: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
