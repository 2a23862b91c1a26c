//! `outbox`: what is to be done in the world.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// What makes a repetition the same call; unique.
    pub key: String,
    /// The word for its kind.
    pub kind: String,
    /// The effect.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
    /// See `state`.
    pub state: String,
    /// When it may be claimed: the end of a lease or of a delay.
    pub ready_at: DateTimeUtc,
    /// Whether a claim stands.
    pub held: bool,
    /// Claims so far.
    pub fence: i64,
    /// Tries without an answer.
    pub attempts: i32,
    /// When it was done or discarded.
    pub settled_at: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
