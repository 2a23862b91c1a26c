//! The store over any [`Database`]; the ports are implemented in the modules
//! that are named after them. Knows nothing of what differs between databases.

use std::path::Path;
use std::sync::Arc;

use billing_domain::ids::CustomerId;
use billing_ports::store::{Act, StoreError};

use crate::acts::WithAct;
use crate::bound::bounded;
use crate::database::{Database, FileDatabase, Operation, ServerDatabase};
use crate::fault::Fault;
use crate::migration::schema_version;

/// A store in an SQL database.
#[derive(Debug)]
pub struct SqlStore<D> {
    database: Arc<D>,
    /// What is kept with the first thing that is written. `None`: nobody acts.
    act: Option<Arc<Act>>,
}

impl<D: Database> SqlStore<D> {
    /// A store in `database`, whose schema is current.
    pub fn new(database: D) -> Self {
        Self {
            database: Arc::new(database),
            act: None,
        }
    }

    /// The same store, which keeps `act`.
    pub(crate) fn with_act(&self, act: Act) -> Self {
        Self {
            database: Arc::clone(&self.database),
            act: Some(Arc::new(act)),
        }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Brings the schema up to date: one process at a time, all or nothing. Not
    /// bounded in time, since a later version may have much to move.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database fails; the schema is as it was.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(self.database.migrate().await?)
    }

    /// The schema's version: how many migrations have been applied.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database fails.
    pub async fn schema_version(&self) -> Result<u32, StoreError> {
        let on = self.database.reader();
        Ok(self.read(|| schema_version(on)).await?)
    }

    /// Runs a write within the bounds.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Fault> {
        bounded(self.database.write(operation)).await
    }

    /// Runs a write within the bounds, and keeps with it what an operator does, if one acts.
    /// `customer` is whom it is about; `wrote` says of what the write gave whether anything
    /// was written.
    pub(crate) async fn record<O: Operation>(
        &self,
        operation: O,
        customer: Option<CustomerId>,
        wrote: fn(&O::Output) -> bool,
    ) -> Result<O::Output, Fault> {
        match &self.act {
            None => self.write(operation).await,
            Some(act) => {
                let with_act = WithAct::new(operation, act, customer, wrote);
                self.write(with_act).await
            }
        }
    }

    /// Runs a read within the bounds; once more when the connection turned out
    /// to be gone, since a pool learns of that only by using it.
    pub(crate) async fn read<T, F, R>(&self, read: F) -> Result<T, Fault>
    where
        F: Fn() -> R + Send + Sync,
        R: Future<Output = Result<T, Fault>> + Send,
        T: Send,
    {
        bounded(async {
            match read().await {
                Err(fault) if fault.is_connection() || fault.is_transient() => read().await,
                result => result,
            }
        })
        .await
    }
}

impl<D: FileDatabase> SqlStore<D> {
    /// Opens the database file at `path`, making it when there is none. Its
    /// schema is as it was: see [`Self::migrate`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be opened.
    pub async fn open(
        path: impl AsRef<Path> + Send,
        options: D::Options,
    ) -> Result<Self, StoreError> {
        Ok(Self::new(D::open(Some(path.as_ref()), options).await?))
    }

    /// A store in memory, migrated, gone when it is dropped.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database library fails.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let store = Self::new(D::open(None, D::Options::default()).await?);
        store.migrate().await?;
        Ok(store)
    }
}

impl<D: ServerDatabase> SqlStore<D> {
    /// Connects to the database at `url`, which may hold a password and is
    /// never shown. Its schema is as it was: see [`Self::migrate`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when nothing answers there.
    pub async fn connect(url: &str, options: D::Options) -> Result<Self, StoreError> {
        Ok(Self::new(D::connect(url, options).await?))
    }

    /// Makes a database named `name` beside the one at `url`; gives its URL.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`] for a name that is not of lower-case letters,
    /// digits and `_`, or when the server refuses.
    pub async fn create_database(url: &str, name: &str) -> Result<String, StoreError> {
        D::create_database(url, name).await
    }
}
