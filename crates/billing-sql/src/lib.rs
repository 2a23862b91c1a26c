//! The store's tables, and every query on them, written once for both databases.
//!
//! [`SqlStore`] implements the ports over a [`Database`]: what differs between
//! PostgreSQL and SQLite, and nothing else. Deliberately decides nothing, and
//! knows neither how to connect nor how to be told of other processes' work.
//!
//! No foreign keys: the customer is the unit, its row is changed by every commit
//! before any other, and no statement spans two customers.

mod acts;
mod bookmarks;
mod bound;
mod catalogs;
mod codes;
mod credentials;
mod database;
mod endpoints;
mod entity;
mod fault;
mod migration;
mod outgoing;
mod price_migrations;
mod quotes;
mod reads;
mod ring;
mod rows;
mod store;
mod time;
mod usages;

pub use bound::{TRANSIENT_TRIES, bounded};
pub use database::{Database, Deliveries, FileDatabase, Operation, ServerDatabase, Shape};
pub use entity::inbox::Model as InboxRow;
pub use fault::Fault;
pub use migration::{SCHEMA_LOCK, migrate, schema_version};
pub use ring::receive::InsertDeliveries;
pub use store::SqlStore;
