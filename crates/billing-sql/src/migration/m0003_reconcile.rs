//! Version 3: how far reading providers' own books has come.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use super::table::Kind::{Instant, Text};
use super::table::table;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_reconcile"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature hides it, and async_trait needs them alike"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, schema: &SchemaManager) -> Result<(), DbErr> {
        let bookmarks = table(
            "bookmarks",
            &["account", "book"],
            &[
                ("account", Text),
                ("book", Text),
                ("since", Instant),
                ("begun_at", Instant),
            ],
            &[("next", Text)],
        );
        schema.create_table(bookmarks).await
    }
}
