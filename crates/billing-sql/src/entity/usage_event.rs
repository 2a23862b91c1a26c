//! `usage_events`: the ids of events that were counted.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_events")]
#[expect(clippy::struct_field_names, reason = "the names of the columns")]
pub struct Model {
    /// Of whom it was reported.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// What names it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: String,
    /// The period that it was counted in.
    pub period_id: Uuid,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
