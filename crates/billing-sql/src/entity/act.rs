//! `acts`: what operators did, kept for ever.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "acts")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When.
    pub at: DateTimeUtc,
    /// Who.
    pub actor: String,
    /// What the actor was called.
    pub name: String,
    /// The method and the path.
    pub request: String,
    /// Why.
    pub reason: Option<String>,
    /// Whom it concerns.
    pub customer_id: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
