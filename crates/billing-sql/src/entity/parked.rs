//! `parked`: what waits, or waited, for a person.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "parked")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Why.
    pub reason: String,
    /// Whom it concerns.
    pub customer_id: Option<Uuid>,
    /// The inbox row that waits.
    pub inbox_id: Option<Uuid>,
    /// The effect that waits.
    pub effect_id: Option<Uuid>,
    /// The entry.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
    /// When it was set aside.
    pub at: DateTimeUtc,
    /// When it was resolved.
    pub resolved_at: Option<DateTimeUtc>,
    /// How.
    pub resolution: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
