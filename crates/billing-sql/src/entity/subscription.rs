//! `subscriptions`: paid agreements.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriptions")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// The word for its state.
    pub status: String,
    /// The plan.
    pub plan: String,
    /// The price.
    pub price: Option<String>,
    /// Until when it is paid.
    pub paid_through: Option<DateTimeUtc>,
    /// When the open cycle is due.
    pub due_at: Option<DateTimeUtc>,
    /// When the engine next acts.
    pub next_attempt_at: Option<DateTimeUtc>,
    /// When it lapses unpaid.
    pub grace_ends_at: Option<DateTimeUtc>,
    /// The subscription.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
