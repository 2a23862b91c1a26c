//! Subscription billing for Rust applications: one dependency, one object.
//!
//! [`Billing`] sells plans, renews them, and answers "may this customer use
//! this feature?". Give it a store, a clock and at least one provider; run its
//! worker; ask its gate. The examples of this crate show a whole application
//! and how to test one.
//!
//! This crate re-exports the rooms of the engine. Of its own it has
//! [`system`], the host's clock and randomness, which no other room may touch,
//! and the way of the sandbox's webhooks into an engine of the same process.

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod system;

pub use billing_catalog::{PlanFileErrors, read_plan_file};
pub use billing_domain as domain;
pub use billing_domain::access::{DenyReason, Effective, Gate, Need};
pub use billing_domain::catalog::Catalog;
pub use billing_engine::*;
pub use billing_ports as ports;

/// The store for many servers on one database.
#[cfg(feature = "postgres")]
pub use billing_postgres as postgres;
/// The embedded store.
#[cfg(feature = "sqlite")]
pub use billing_sqlite as sqlite;
