//! The HTTP API over a store in memory and the sandbox: every route, and every
//! way in which it refuses.

mod auth;
mod canary;
mod catalog;
mod checkouts;
mod customers;
mod document;
mod drain;
mod gates;
mod gone;
mod hostile;
mod idempotency;
mod me;
mod operation;
mod outage;
mod pages;
mod plans;
mod refusals;
mod rig;
mod routes;
mod socket;
mod webhooks;
mod wire;
