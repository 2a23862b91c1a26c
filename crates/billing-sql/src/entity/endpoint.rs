//! `webhook_endpoints`: receivers of events.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Where events are posted.
    pub url: String,
    /// The names of those that it wants; empty: all.
    #[sea_orm(column_type = "JsonBinary")]
    pub events: Json,
    /// What they are signed with.
    pub secret: Vec<u8>,
    /// What they were signed with before.
    pub old_secret: Option<Vec<u8>>,
    /// Until when they are signed with that too.
    pub old_until: Option<DateTimeUtc>,
    /// Since when nothing has been taken.
    pub failing_since: Option<DateTimeUtc>,
    /// Since when nothing is sent.
    pub disabled_at: Option<DateTimeUtc>,
    /// Why nothing is sent.
    pub disabled_why: Option<String>,
    /// When it was made.
    pub created_at: DateTimeUtc,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
