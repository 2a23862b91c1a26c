//! The door to the database: small, and deciding nothing.
//!
//! Ten traits by who uses them: [`Ring`] for the engine's ring, [`ReadModels`]
//! for lists and pages, [`Catalogs`] for plan revisions, [`Quotes`] for what a
//! change would cost, [`Codes`] for discount codes, [`Migrations`] for price
//! migrations, [`Bookmarks`] for reading a provider's own books, [`Endpoints`] for
//! receivers of events, [`Credentials`] for keys, sessions and idempotency, [`Acts`] for
//! what operators did, [`Usages`] for metered use. A store implements them all.
//!
//! Laws common to all: "not found" MUST be `Ok(None)`; a row that cannot be read
//! MUST be [`StoreError::Corrupt`] naming table and row; every update MUST check
//! how many rows it changed; every call MUST end within [`STORE_TIMEOUT`].

mod acts;
mod bookmarks;
mod catalogs;
mod codes;
mod commit;
mod credentials;
mod endpoints;
mod error;
mod migrations;
mod queues;
mod quotes;
mod reads;
mod ring;
mod usage;

use std::time::Duration;

pub use acts::*;
pub use bookmarks::*;
pub use catalogs::*;
pub use codes::*;
pub use commit::*;
pub use credentials::*;
pub use endpoints::*;
pub use error::*;
pub use migrations::*;
pub use queues::*;
pub use quotes::*;
pub use reads::*;
pub use ring::*;
pub use usage::*;

/// A store that does not answer within this is gone: requests are answered
/// "unavailable" within five seconds, which leaves a second for the rest.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(4);

/// Everything that a database must do.
pub trait Store:
    Ring
    + ReadModels
    + Catalogs
    + Quotes
    + Codes
    + Migrations
    + Bookmarks
    + Endpoints
    + Credentials
    + Acts
    + Usages
{
}

impl<T> Store for T where
    T: Ring
        + ReadModels
        + Catalogs
        + Quotes
        + Codes
        + Migrations
        + Bookmarks
        + Endpoints
        + Credentials
        + Acts
        + Usages
{
}
