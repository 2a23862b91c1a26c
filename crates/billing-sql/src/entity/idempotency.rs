//! `idempotency`: requests under an idempotency key, and their answers.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// Who called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The request's hash.
    pub request: Vec<u8>,
    /// Until when it is somebody's.
    pub reserved_until: DateTimeUtc,
    /// When it was begun.
    pub created_at: DateTimeUtc,
    /// The answer's status.
    pub status: Option<i32>,
    /// The answer's body.
    pub body: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
