//! `webhook_deliveries`: events on their way to receivers.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// To whom.
    pub endpoint_id: Uuid,
    /// Whom it happened to.
    pub customer_id: Uuid,
    /// What happened.
    pub event: String,
    /// What is sent.
    pub body: String,
    /// See `state`.
    pub state: String,
    /// When it may be claimed: the end of a lease or of a delay.
    pub ready_at: DateTimeUtc,
    /// Claims so far.
    pub fence: i64,
    /// Tries so far.
    pub attempts: i32,
    /// When it came to be.
    pub created_at: DateTimeUtc,
    /// When it was last tried.
    pub tried_at: Option<DateTimeUtc>,
    /// The status of the last answer.
    pub status: Option<i32>,
    /// Why there was no answer.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
