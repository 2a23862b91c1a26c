//! `bookmarks`: how far reading a provider's own books has come.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bookmarks")]
pub struct Model {
    /// The provider account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    /// Which of its books.
    #[sea_orm(primary_key, auto_increment = false)]
    pub book: String,
    /// What leads to the next page.
    pub next: Option<String>,
    /// What happened before is no part of it.
    pub since: DateTimeUtc,
    /// When it was begun.
    pub begun_at: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
