//! `inbox_links`: what would make a parked inbox row's customer known.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_links")]
pub struct Model {
    /// What would be known.
    #[sea_orm(primary_key, auto_increment = false)]
    pub link: String,
    /// The row that waits for it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub inbox_id: Uuid,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
