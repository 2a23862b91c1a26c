//! The door to the database: small, and deciding nothing.
//!
//! Four traits by who uses them: [`Ring`] for the engine's ring, [`ReadModels`]
//! for lists and pages, [`Catalogs`] for plan revisions, [`Credentials`] for
//! keys, sessions and idempotency. A store implements all four.
//!
//! Laws common to all: "not found" MUST be `Ok(None)`; a row that cannot be read
//! MUST be [`StoreError::Corrupt`] naming table and row; every update MUST check
//! how many rows it changed; every call MUST end within [`STORE_TIMEOUT`].

mod catalogs;
mod commit;
mod credentials;
mod error;
mod queues;
mod reads;
mod ring;

use std::time::Duration;

pub use catalogs::*;
pub use commit::*;
pub use credentials::*;
pub use error::*;
pub use queues::*;
pub use reads::*;
pub use ring::*;

/// A store that does not answer within this is gone: requests are answered
/// "unavailable" within five seconds, which leaves a second for the rest.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(4);

/// Everything that a database must do.
pub trait Store: Ring + ReadModels + Catalogs + Credentials {}

impl<T: Ring + ReadModels + Catalogs + Credentials> Store for T {}
