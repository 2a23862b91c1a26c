//! The tables, one module each. Rows are mapped to values where they are used.
#![expect(
    unreachable_pub,
    reason = "the derive writes public items, and rows are not for users of this crate"
)]

pub(crate) mod act;
pub(crate) mod bookmark;
pub(crate) mod catalog_revision;
pub(crate) mod change;
pub(crate) mod checkout;
pub(crate) mod customer;
pub(crate) mod discount_code;
pub(crate) mod discount_use;
pub(crate) mod endpoint;
pub(crate) mod event_delivery;
pub(crate) mod grant;
pub(crate) mod idempotency;
pub mod inbox;
pub(crate) mod inbox_link;
pub(crate) mod invoice;
pub(crate) mod journal;
pub(crate) mod license;
pub(crate) mod operator_key;
pub(crate) mod operator_session;
pub(crate) mod outbox;
pub(crate) mod parked;
pub(crate) mod price_migration;
pub(crate) mod provider_ref;
pub(crate) mod quote;
pub(crate) mod session;
pub(crate) mod subscription;
pub(crate) mod usage_event;
pub(crate) mod usage_figure;
pub(crate) mod usage_name;
pub(crate) mod usage_period;

/// The words for an invoice's purpose that are looked for.
pub(crate) mod purpose {
    /// A cycle that follows another.
    pub(crate) const RENEWAL: &str = "renewal";
}

/// The words in the `state` columns.
pub(crate) mod state {
    /// Inbox: waits to be decided.
    pub(crate) const NEW: &str = "new";
    /// Inbox: set aside for a person.
    pub(crate) const PARKED: &str = "parked";
    /// Inbox, outbox: settled.
    pub(crate) const DONE: &str = "done";
    /// Inbox, outbox: a person decided that nothing is to be done.
    pub(crate) const DISCARDED: &str = "discarded";
    /// Outbox: waits to be performed.
    pub(crate) const PENDING: &str = "pending";
    /// Outbox: given up.
    pub(crate) const DEAD: &str = "dead";
    /// Invoices: owed.
    pub(crate) const OPEN: &str = "open";
    /// Invoices: paid.
    pub(crate) const SETTLED: &str = "settled";
    /// Invoices: no longer owed.
    pub(crate) const VOID: &str = "void";
    /// Changes: in effect.
    pub(crate) const APPLIED: &str = "applied";
    /// Uses of codes: kept for a checkout, for a time.
    pub(crate) const RESERVED: &str = "reserved";
    /// Uses of codes: counted for good.
    pub(crate) const USED: &str = "used";
}
