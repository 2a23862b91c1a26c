//! `discount_codes`: what buyers type.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "discount_codes")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What is typed; unique among those that are not retired.
    pub code: String,
    /// How often it may be used.
    pub max_uses: Option<i64>,
    /// Since when it is ended; what the body says of that is what it began with.
    pub retired_at: Option<DateTimeUtc>,
    /// The code.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
