//! `licenses`: what stands for a subscription elsewhere.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "licenses")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// The subscription that it shows; unique.
    pub subscription_id: Uuid,
    /// The license.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
