//! Version 3: how far reading providers' own books has come, the name of a
//! customer's mailbox, by which a guest's purchase finds its account, the provider's
//! subscription that an invoice was made for, which customers of providers stand
//! for several of ours, receivers of events with what is on its way to them, what operators
//! did, their sessions, until when a rotated key works, and metered use.

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use super::table::Kind::{Bool, Bytes, Id, Instant, Int, Json, Long, Text};
use super::table::{column, index, table, unique};

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
        schema.create_table(bookmarks).await?;
        schema
            .alter_table(column("customers", "mailbox", Text))
            .await?;
        let on = schema.get_connection();
        on.execute_unprepared(&known_mailboxes(schema)).await?;
        let mailboxes = index(
            "customers",
            "customers_mailbox",
            &["mailbox", "id"],
            "mailbox is not null",
        );
        schema.create_index(mailboxes).await?;
        schema
            .alter_table(column("invoices", "subscription_ref", Text))
            .await?;
        // Nothing is to be marked in books that old: the providers of version 2, the
        // sandbox and those that know no customers, have one of their own for each of
        // ours.
        schema
            .alter_table(column("provider_refs", "shared", Bool))
            .await?;
        let untied = index(
            "invoices",
            "invoices_untied",
            &["customer_id"],
            "subscription_id is null and subscription_ref is not null",
        );
        schema.create_index(untied).await?;
        events_out(schema).await?;
        operators(schema).await?;
        metered_use(schema).await
    }
}

/// Receivers of events, and what is on its way to them.
async fn events_out(schema: &SchemaManager<'_>) -> Result<(), DbErr> {
    let endpoints = table(
        "webhook_endpoints",
        &["id"],
        &[
            ("id", Id),
            ("url", Text),
            ("events", Json),
            ("secret", Bytes),
            ("created_at", Instant),
        ],
        &[
            ("old_secret", Bytes),
            ("old_until", Instant),
            ("failing_since", Instant),
            ("disabled_at", Instant),
            ("disabled_why", Text),
        ],
    );
    schema.create_table(endpoints).await?;
    let deliveries = table(
        "webhook_deliveries",
        &["id"],
        &[
            ("id", Id),
            ("endpoint_id", Id),
            ("customer_id", Id),
            ("event", Text),
            ("body", Text),
            ("state", Text),
            ("ready_at", Instant),
            ("fence", Long),
            ("attempts", Int),
            ("created_at", Instant),
        ],
        &[("tried_at", Instant), ("status", Int), ("problem", Text)],
    );
    schema.create_table(deliveries).await?;
    let ready = index(
        "webhook_deliveries",
        "webhook_deliveries_ready",
        &["endpoint_id", "ready_at", "id"],
        "state = 'pending'",
    );
    schema.create_index(ready).await?;
    let of_endpoint = index(
        "webhook_deliveries",
        "webhook_deliveries_endpoint",
        &["endpoint_id", "id"],
        "",
    );
    schema.create_index(of_endpoint).await?;
    let dead = index(
        "webhook_deliveries",
        "webhook_deliveries_dead",
        &["id"],
        "state = 'dead'",
    );
    schema.create_index(dead).await
}

/// What operators did, keys that end by themselves, and the journal by event.
async fn operators(schema: &SchemaManager<'_>) -> Result<(), DbErr> {
    let acts = table(
        "acts",
        &["id"],
        &[
            ("id", Id),
            ("at", Instant),
            ("actor", Text),
            ("name", Text),
            ("request", Text),
        ],
        &[("reason", Text), ("customer_id", Id)],
    );
    schema.create_table(acts).await?;
    let of_customer = index(
        "acts",
        "acts_customer",
        &["customer_id", "id"],
        "customer_id is not null",
    );
    schema.create_index(of_customer).await?;
    let of_actor = index("acts", "acts_actor", &["actor", "id"], "");
    schema.create_index(of_actor).await?;
    let sessions = table(
        "operator_sessions",
        &["id"],
        &[
            ("id", Id),
            ("key_id", Id),
            ("expires_at", Instant),
            ("token_hash", Bytes),
        ],
        &[],
    );
    schema.create_table(sessions).await?;
    let by_token = unique(
        "operator_sessions",
        "operator_sessions_token",
        &["token_hash"],
        "",
    );
    schema.create_index(by_token).await?;
    let by_end = index(
        "operator_sessions",
        "operator_sessions_expiry",
        &["expires_at"],
        "",
    );
    schema.create_index(by_end).await?;
    let ends = column("operator_keys", "expires_at", Instant);
    schema.alter_table(ends).await?;
    let of_event = index("journal", "journal_event", &["event", "id"], "");
    schema.create_index(of_event).await
}

/// Ids of events, and names, tell one from another until their period is sealed and
/// swept; figures stay.
async fn metered_use(schema: &SchemaManager<'_>) -> Result<(), DbErr> {
    let periods = table(
        "usage_periods",
        &["id"],
        &[("id", Id), ("customer_id", Id)],
        &[("sealed_at", Instant), ("swept_at", Instant)],
    );
    let figures = table(
        "usage_figures",
        &["period_id", "feature"],
        &[("period_id", Id), ("feature", Text), ("quantity", Long)],
        &[],
    );
    let events = table(
        "usage_events",
        &["customer_id", "event_id"],
        &[("customer_id", Id), ("event_id", Text), ("period_id", Id)],
        &[],
    );
    let names = table(
        "usage_names",
        &["period_id", "feature", "name"],
        &[("period_id", Id), ("feature", Text), ("name", Text)],
        &[],
    );
    for table in [periods, figures, events, names] {
        schema.create_table(table).await?;
    }
    let of_period = index("usage_events", "usage_events_period", &["period_id"], "");
    schema.create_index(of_period).await?;
    let sealed = index(
        "usage_periods",
        "usage_periods_sealed",
        &["sealed_at"],
        "sealed_at is not null and swept_at is null",
    );
    schema.create_index(sealed).await
}

/// Names the mailboxes on file, of those whom a host has named: what a guest of
/// an earlier version has typed is nobody's. Only ASCII letters lose their case,
/// which is all that SQLite knows of, and what the collation says to PostgreSQL.
fn known_mailboxes(schema: &SchemaManager<'_>) -> String {
    let email = if schema.get_database_backend() == DatabaseBackend::Postgres {
        "email collate \"C\""
    } else {
        "email"
    };
    format!(
        "update customers set mailbox = lower({email}) \
         where email is not null and external_ref is not null"
    )
}
