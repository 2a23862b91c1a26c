//! `customers`: customers, each the head of all that is decided with it.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The host's name; unique.
    pub external_ref: Option<String>,
    /// Where mail goes.
    pub email: Option<String>,
    /// The name of the mailbox by which it is found.
    pub mailbox: Option<String>,
    /// When it joined the host.
    pub joined_at: DateTimeUtc,
    /// The customer.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
    /// Commits so far.
    pub revision: i64,
    /// When something next falls due.
    pub wake_at: Option<DateTimeUtc>,
    /// The end of a lease or of a delay.
    pub busy_until: Option<DateTimeUtc>,
    /// The later of the two: when it may be claimed.
    pub ready_at: Option<DateTimeUtc>,
    /// Whether a claim stands.
    pub held: bool,
    /// Claims so far.
    pub fence: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
