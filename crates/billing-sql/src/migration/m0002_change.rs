//! Version 2: changes of plan, with their quotes, licenses, discount codes and
//! price migrations.
//!
//! What is to come of a customer's changes has a partial index, so that loading
//! costs the same with a long history.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use super::table::Kind::{Id, Instant, Json, Long, Text};
use super::table::{column, index, table, unique};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_change"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature hides it, and async_trait needs them alike"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, schema: &SchemaManager) -> Result<(), DbErr> {
        for table in account_tables().into_iter().chain(side_tables()) {
            schema.create_table(table).await?;
        }
        schema
            .alter_table(column("invoices", "change_id", Id))
            .await?;
        for index in account_indexes().into_iter().chain(side_indexes()) {
            schema.create_index(index).await?;
        }
        Ok(())
    }
}

type Tables = Vec<sea_orm::sea_query::TableCreateStatement>;
type Indexes = Vec<sea_orm::sea_query::IndexCreateStatement>;

fn account_tables() -> Tables {
    vec![
        table(
            "changes",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("subscription_id", Id),
                ("quote_id", Id),
                ("state", Text),
                ("effective_at", Instant),
                ("body", Json),
            ],
            &[],
        ),
        table(
            "licenses",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("subscription_id", Id),
                ("body", Json),
            ],
            &[],
        ),
        table(
            "quotes",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("expires_at", Instant),
                ("body", Json),
            ],
            &[],
        ),
    ]
}

fn account_indexes() -> Indexes {
    vec![
        index("changes", "changes_customer", &["customer_id", "id"], ""),
        index(
            "changes",
            "changes_to_come",
            &["customer_id"],
            "state in ('awaiting_payment', 'scheduled')",
        ),
        index(
            "changes",
            "changes_subscription",
            &["subscription_id", "id"],
            "",
        ),
        unique("changes", "changes_quote", &["quote_id"], ""),
        index("licenses", "licenses_customer", &["customer_id", "id"], ""),
        unique(
            "licenses",
            "licenses_subscription",
            &["subscription_id"],
            "",
        ),
        index("quotes", "quotes_customer", &["customer_id", "id"], ""),
        index("quotes", "quotes_expiry", &["expires_at"], ""),
        unique(
            "invoices",
            "invoices_one_change",
            &["subscription_id"],
            // A provider's own name no change, and are open side by side.
            "state = 'open' and purpose = 'change' and subscription_id is not null and change_id is not null",
        ),
        index("subscriptions", "subscriptions_price", &["price", "id"], ""),
    ]
}

fn side_tables() -> Tables {
    vec![
        table(
            "discount_codes",
            &["id"],
            &[("id", Id), ("code", Text), ("body", Json)],
            &[("max_uses", Long), ("retired_at", Instant)],
        ),
        table(
            "discount_uses",
            &["code_id", "checkout_id"],
            &[("code_id", Id), ("checkout_id", Id), ("state", Text)],
            &[("reserved_until", Instant)],
        ),
        table(
            "price_migrations",
            &["id"],
            &[
                ("id", Id),
                ("from_price", Text),
                ("to_price", Text),
                ("not_before", Instant),
                ("digest", Text),
                ("planned", Long),
                ("done", Long),
                ("begun_at", Instant),
            ],
            &[("after_id", Id), ("actor", Text), ("finished_at", Instant)],
        ),
    ]
}

fn side_indexes() -> Indexes {
    vec![unique(
        "discount_codes",
        "discount_codes_code",
        &["code"],
        "retired_at is null",
    )]
}
