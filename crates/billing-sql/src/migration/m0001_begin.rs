//! Version 1: all tables.
//!
//! Queues have a partial index on `ready_at` over the rows that wait, so that a
//! claim costs the same with a million settled rows. What grows with customers
//! is indexed by customer first.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use super::table::Kind::{Bool, Bytes, Id, Instant, Int, Json, Long, Text};
use super::table::{index, table, unique};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_begin"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait's own signature hides it, and async_trait needs them alike"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, schema: &SchemaManager) -> Result<(), DbErr> {
        for table in account_tables()
            .into_iter()
            .chain(history_tables())
            .chain(flow_tables())
            .chain(side_tables())
        {
            schema.create_table(table).await?;
        }
        for index in account_indexes()
            .into_iter()
            .chain(flow_indexes())
            .chain(side_indexes())
        {
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
            "customers",
            &["id"],
            &[
                ("id", Id),
                ("joined_at", Instant),
                ("body", Json),
                ("revision", Long),
                ("held", Bool),
                ("fence", Long),
            ],
            &[
                ("external_ref", Text),
                ("email", Text),
                ("wake_at", Instant),
                ("busy_until", Instant),
                ("ready_at", Instant),
            ],
        ),
        table(
            "subscriptions",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("status", Text),
                ("plan", Text),
                ("body", Json),
            ],
            &[
                ("price", Text),
                ("paid_through", Instant),
                ("due_at", Instant),
                ("next_attempt_at", Instant),
                ("grace_ends_at", Instant),
            ],
        ),
        table(
            "grants",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("plan", Text),
                ("starts_at", Instant),
                ("body", Json),
            ],
            &[("ends_at", Instant)],
        ),
        table(
            "checkouts",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("invoice_id", Id),
                ("open", Bool),
                ("body", Json),
            ],
            &[],
        ),
        table(
            "invoices",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("purpose", Text),
                ("state", Text),
                ("body", Json),
            ],
            &[
                ("subscription_id", Id),
                ("cycle", Long),
                ("account", Text),
                ("reference", Text),
            ],
        ),
    ]
}

fn history_tables() -> Tables {
    vec![
        table(
            "provider_refs",
            &["account", "kind", "reference"],
            &[
                ("account", Text),
                ("kind", Text),
                ("reference", Text),
                ("customer_id", Id),
            ],
            &[],
        ),
        table(
            "journal",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("event", Text),
                ("at", Instant),
                ("body", Json),
            ],
            &[],
        ),
    ]
}

fn account_indexes() -> Indexes {
    vec![
        unique("customers", "customers_external_ref", &["external_ref"], ""),
        index(
            "customers",
            "customers_ready",
            &["ready_at", "id"],
            "ready_at is not null",
        ),
        index(
            "subscriptions",
            "subscriptions_customer",
            &["customer_id", "id"],
            "",
        ),
        index("subscriptions", "subscriptions_plan", &["plan", "id"], ""),
        index(
            "subscriptions",
            "subscriptions_status",
            &["status", "id"],
            "",
        ),
        index("grants", "grants_customer", &["customer_id", "id"], ""),
        index(
            "checkouts",
            "checkouts_customer",
            &["customer_id", "id"],
            "",
        ),
        index("checkouts", "checkouts_open", &["customer_id"], "open"),
        index("invoices", "invoices_customer", &["customer_id", "id"], ""),
        index(
            "invoices",
            "invoices_open",
            &["customer_id"],
            "state = 'open'",
        ),
        index("invoices", "invoices_open_id", &["id"], "state = 'open'"),
        index(
            "invoices",
            "invoices_subscription",
            &["subscription_id", "id"],
            "subscription_id is not null",
        ),
        unique(
            "invoices",
            "invoices_one_open",
            &["subscription_id", "purpose"],
            "state = 'open' and subscription_id is not null and cycle is not null",
        ),
        unique(
            "invoices",
            "invoices_one_credit",
            &["subscription_id", "cycle"],
            "state = 'settled' and purpose = 'renewal' and subscription_id is not null and cycle is not null",
        ),
        index("journal", "journal_customer", &["customer_id", "id"], ""),
    ]
}

fn flow_tables() -> Tables {
    vec![
        table(
            "inbox",
            &["id"],
            &[
                ("id", Id),
                ("account", Text),
                ("event_id", Text),
                ("kind", Text),
                ("state", Text),
                ("received_at", Instant),
                ("ready_at", Instant),
                ("held", Bool),
                ("fence", Long),
                ("attempts", Int),
            ],
            &[
                ("facts", Json),
                ("unreadable", Text),
                ("sent_at", Instant),
                ("body", Bytes),
                ("linked", Id),
            ],
        ),
        table(
            "inbox_links",
            &["link", "inbox_id"],
            &[("link", Text), ("inbox_id", Id)],
            &[],
        ),
        table(
            "outbox",
            &["id"],
            &[
                ("id", Id),
                ("customer_id", Id),
                ("key", Text),
                ("kind", Text),
                ("body", Json),
                ("state", Text),
                ("ready_at", Instant),
                ("held", Bool),
                ("fence", Long),
                ("attempts", Int),
            ],
            &[("settled_at", Instant)],
        ),
        table(
            "parked",
            &["id"],
            &[
                ("id", Id),
                ("reason", Text),
                ("body", Json),
                ("at", Instant),
            ],
            &[
                ("customer_id", Id),
                ("inbox_id", Id),
                ("effect_id", Id),
                ("resolved_at", Instant),
                ("resolution", Text),
            ],
        ),
    ]
}

fn flow_indexes() -> Indexes {
    vec![
        unique("inbox", "inbox_event", &["account", "event_id"], ""),
        index("inbox", "inbox_ready", &["ready_at", "id"], "state = 'new'"),
        index(
            "inbox",
            "inbox_bodies",
            &["received_at"],
            "body is not null and state in ('done', 'discarded')",
        ),
        index("inbox_links", "inbox_links_row", &["inbox_id"], ""),
        unique("outbox", "outbox_key", &["key"], ""),
        index(
            "outbox",
            "outbox_ready",
            &["ready_at", "id"],
            "state = 'pending'",
        ),
        index(
            "outbox",
            "outbox_settled",
            &["settled_at"],
            "state in ('done', 'discarded')",
        ),
        index("parked", "parked_waiting", &["id"], "resolved_at is null"),
        index(
            "parked",
            "parked_reason",
            &["reason", "id"],
            "resolved_at is null",
        ),
        index(
            "parked",
            "parked_inbox",
            &["inbox_id"],
            "resolved_at is null",
        ),
        index(
            "parked",
            "parked_effect",
            &["effect_id"],
            "resolved_at is null",
        ),
    ]
}

fn side_tables() -> Tables {
    vec![
        table(
            "catalog_revisions",
            &["number"],
            &[("number", Long), ("body", Json), ("applied_at", Instant)],
            &[],
        ),
        table(
            "operator_keys",
            &["id"],
            &[
                ("id", Id),
                ("name", Text),
                ("scope", Text),
                ("secret_hash", Bytes),
                ("created_at", Instant),
            ],
            &[("revoked_at", Instant)],
        ),
        table(
            "sessions",
            &["id"],
            &[("id", Id), ("customer_id", Id), ("expires_at", Instant)],
            &[
                ("token_hash", Bytes),
                ("link_hash", Bytes),
                ("link_expires_at", Instant),
            ],
        ),
        table(
            "idempotency",
            &["caller", "key"],
            &[
                ("caller", Text),
                ("key", Text),
                ("request", Bytes),
                ("reserved_until", Instant),
                ("created_at", Instant),
            ],
            &[("status", Int), ("body", Bytes)],
        ),
    ]
}

fn side_indexes() -> Indexes {
    vec![
        unique(
            "operator_keys",
            "operator_keys_secret",
            &["secret_hash"],
            "",
        ),
        unique("sessions", "sessions_token", &["token_hash"], ""),
        unique("sessions", "sessions_link", &["link_hash"], ""),
        index("sessions", "sessions_expiry", &["expires_at"], ""),
        index("idempotency", "idempotency_age", &["created_at"], ""),
    ]
}
