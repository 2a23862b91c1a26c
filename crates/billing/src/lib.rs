//! Subscription billing for Rust applications: one dependency, one object.
//!
//! [`Billing`] sells plans, renews them, and answers "may this customer use
//! this feature?". Give it a store, a clock and at least one provider; run its
//! worker; ask its gate. The examples of this crate show a whole application
//! and how to test one.
//!
//! Every provider and every store is a feature, and none is needed: `sqlite` and
//! `sandbox` are on by default; `postgres`, `stripe`, `paddle`, `btcpay` and `rates`
//! bring their adapters as the modules of these names, and `http` with the client
//! that those of providers take. `gating` brings gates before routes and handlers of the
//! host's own, `poem` and `tower` their middleware for these:
//!
//! ```toml
//! billing = { version = "0.1", features = ["postgres", "stripe"] }
//! ```
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

/// BTCPay Server: collects bitcoin, one invoice at a time, for a schedule that the
/// engine runs. Takes [`rates`] and a client of [`http`].
#[cfg(feature = "btcpay")]
pub use billing_btcpay as btcpay;
/// Gates before a host's own routes and handlers of messages.
#[cfg(feature = "gating")]
pub use billing_gating as gating;
/// The HTTP client of the adapters, and signatures of webhooks.
#[cfg(feature = "http")]
pub use billing_http as http;
/// Events sent out, to receivers that a host or the server's routes make.
#[cfg(feature = "notify")]
pub use billing_notify as notify;
/// Paddle, which runs the schedule itself. Takes a client of [`http`].
#[cfg(feature = "paddle")]
pub use billing_paddle as paddle;
/// What a bitcoin costs: pins and public sources.
#[cfg(feature = "rates")]
pub use billing_rates as rates;
/// Stripe, which runs the schedule itself. Takes a client of [`http`].
#[cfg(feature = "stripe")]
pub use billing_stripe as stripe;

/// The store for many servers on one database.
#[cfg(feature = "postgres")]
pub use billing_postgres as postgres;
/// The embedded store.
#[cfg(feature = "sqlite")]
pub use billing_sqlite as sqlite;
