//! `inbox`: what arrived from the world; ids are kept for ever.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The provider account; unique with the event.
    pub account: String,
    /// The provider's id of the event.
    pub event_id: String,
    /// The provider's word for its kind.
    pub kind: String,
    /// What it means. None: unreadable.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub facts: Option<Json>,
    /// Why it could not be read.
    pub unreadable: Option<String>,
    /// When it was sent, if unreadable.
    pub sent_at: Option<DateTimeUtc>,
    /// The bytes. None: there were none, or they have been swept.
    pub body: Option<Vec<u8>>,
    /// See `state`.
    pub state: String,
    /// The customer it was linked to by hand.
    pub linked: Option<Uuid>,
    /// When it arrived.
    pub received_at: DateTimeUtc,
    /// When it may be claimed: the end of a lease or of a delay.
    pub ready_at: DateTimeUtc,
    /// Whether a claim stands.
    pub held: bool,
    /// Claims so far.
    pub fence: i64,
    /// Releases so far.
    pub attempts: i32,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
