//! `provider_refs`: providers' objects, and whose they are.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_refs")]
pub struct Model {
    /// The provider account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    /// The kind of object.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The provider's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    /// Whose.
    pub customer_id: Uuid,
    /// Whether a second customer has named it too. Null: none has.
    pub shared: Option<bool>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
