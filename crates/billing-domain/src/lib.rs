//! The rules of subscription billing, as pure values and plain functions.
//!
//! Everything that decides lives here: money, calendar, catalog, subscriptions,
//! access, renewals. A decision takes values and `now` and answers with a
//! [`Decision`]: new values, effects to perform, journal to keep.
//!
//! Deliberately knows nothing of stores, providers' wire formats, HTTP, async,
//! the wall clock, randomness or the environment.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::integer_division,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

pub mod access;
pub mod audit;
pub mod catalog;
pub mod change;
pub mod checkout;
pub mod claim;
pub mod customer;
pub mod decide;
pub mod decision;
pub mod digest;
pub mod discount;
pub mod discounted;
pub mod effect;
pub mod entitlement;
pub mod fact;
pub mod forecast;
pub mod grant;
pub mod ids;
pub mod import;
pub mod invoice;
pub mod journal;
pub mod license;
pub mod line;
pub mod migration;
pub mod money;
pub mod negotiated;
pub mod parked;
pub mod proration;
pub mod provider;
pub mod quote;
pub mod report;
pub mod subscription;
pub mod terms;
pub mod time;
pub mod usage;

pub use decision::{Decision, Draft, Unread};
