//! What differs between databases: how a read and a write are run, and how
//! others are told. Knows nothing of billing.

use std::path::Path;

use async_trait::async_trait;
use billing_ports::store::StoreError;
use sea_orm::{ConnectionTrait, DatabaseConnection};

use crate::entity::inbox;
use crate::fault::Fault;
use crate::ring::receive::InsertDeliveries;

/// How many statements an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One, which is all or nothing by itself.
    Statement,
    /// Several, which need a transaction around them.
    Transaction,
}

/// Something to be written: all of it or nothing. It may be run again when the
/// database asks for that.
#[async_trait]
pub trait Operation: Send + Sync + 'static {
    /// What it gives.
    type Output: Send + 'static;

    /// How many statements it is. `merges`: the database runs many parts as one
    /// statement ([`sea_orm::DbBackend::Postgres`]).
    fn shape(&self, merges: bool) -> Shape;

    /// Runs it on a connection, or within a transaction that the caller commits
    /// when this succeeds.
    ///
    /// # Errors
    ///
    /// Any [`Fault`]; the caller takes back what was written.
    async fn run<C: ConnectionTrait>(&self, on: &C) -> Result<Self::Output, Fault>;
}

/// Deliveries to be stored together.
pub type Deliveries = Vec<inbox::Model>;

/// A database that runs operations.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Where reads go. What they see is committed.
    fn reader(&self) -> &DatabaseConnection;

    /// Writes all of `operation`, durably, or nothing. Retries what is
    /// transient, at most [`crate::TRANSIENT_TRIES`] times.
    ///
    /// # Errors
    ///
    /// The operation's own [`Fault`], or the database's.
    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Fault>;

    /// Stores a delivery. `false`: it is known. A database may write several
    /// that wait together as one.
    ///
    /// # Errors
    ///
    /// The database's [`Fault`].
    async fn receive(&self, delivery: inbox::Model) -> Result<bool, Fault> {
        let id = delivery.id;
        let stored = self.write(InsertDeliveries(vec![delivery])).await?;
        Ok(stored.contains(&id))
    }

    /// Brings the schema up to date, one process at a time, all or nothing.
    ///
    /// # Errors
    ///
    /// The database's [`Fault`].
    async fn migrate(&self) -> Result<(), Fault>;

    /// Tells whoever waits in [`Self::changed`], here and in other processes.
    fn wake(&self);

    /// Waits until somebody has written work; a hint.
    async fn changed(&self);
}

/// A database in a file, opened by [`crate::SqlStore::open`].
#[async_trait]
pub trait FileDatabase: Database + Sized {
    /// How it is opened.
    type Options: Default + Send + Sync;

    /// Opens the file, making it when there is none. `None`: in memory, gone with the store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be opened.
    async fn open(path: Option<&Path>, options: Self::Options) -> Result<Self, StoreError>;
}

/// A database behind a server, reached by [`crate::SqlStore::connect`].
#[async_trait]
pub trait ServerDatabase: Database + Sized {
    /// How it is reached.
    type Options: Default + Send + Sync;

    /// Connects to the database at `url`, which may hold a password and is never shown.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when nothing answers there.
    async fn connect(url: &str, options: Self::Options) -> Result<Self, StoreError>;

    /// Makes a database named `name` beside the one at `url`; gives its URL.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] for a name that is not of lower-case letters,
    /// digits and `_`, or when the server refuses.
    async fn create_database(url: &str, name: &str) -> Result<String, StoreError>;
}
