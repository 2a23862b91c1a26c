//! The HTTP API over a store in memory and the sandbox: every route, and every
//! way in which it refuses.

mod auth;
mod catalog;
mod checkouts;
mod customers;
mod document;
mod gates;
mod hostile;
mod idempotency;
mod me;
mod operation;
mod plans;
mod refusals;
mod rig;
mod socket;
mod webhooks;
mod wire;
