//! `sessions`: billing sessions, and links that become one.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// When it ends.
    pub expires_at: DateTimeUtc,
    /// The token's hash, once it has one; unique.
    pub token_hash: Option<Vec<u8>>,
    /// The link's hash, until it is opened; unique.
    pub link_hash: Option<Vec<u8>>,
    /// Until when the link opens.
    pub link_expires_at: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
