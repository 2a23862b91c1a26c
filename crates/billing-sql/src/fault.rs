//! What goes wrong inside an operation, and what the ports call it.
//!
//! Knows both databases' error codes. Never shows a statement's parameters.

use billing_ports::store::{CommitError, StoreError, Taken};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why an operation wrote nothing.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The database refused or failed.
    Database(DbErr),
    /// A row could not be read, or was asked for what it cannot be.
    Store(StoreError),
    /// A row was not as it had to be, so that all was taken back.
    Unmet,
}

impl From<DbErr> for Fault {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// PostgreSQL: serialization failure, deadlock, lock not available. SQLite:
/// busy, busy recovering the log, busy with a stale snapshot.
const TRANSIENT: [&str; 6] = ["40001", "40P01", "55P03", "5", "261", "517"];
/// PostgreSQL: shutting down, crashed, cannot connect now, statement timeout,
/// too many connections, idle session ended.
const GONE: [&str; 6] = ["57P01", "57P02", "57P03", "57014", "53300", "57P05"];
/// PostgreSQL: connection exceptions share this class.
const GONE_CLASS: &str = "08";
/// PostgreSQL: division by zero, which is how a statement's guard says no.
const GUARD: &str = "22012";

impl Fault {
    /// Whether the same again may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.code()
            .is_some_and(|code| TRANSIENT.contains(&code.as_str()))
    }

    /// Whether the connection, rather than the statement, is what failed.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        if let Self::Database(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) = self {
            return true;
        }
        let by_code = || {
            self.code().is_some_and(|code| {
                GONE.contains(&code.as_str()) || (code.len() == 5 && code.starts_with(GONE_CLASS))
            })
        };
        let by_kind = |cause: &sqlx::Error| {
            matches!(
                cause,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            )
        };
        self.cause().is_some_and(by_kind) || by_code()
    }

    /// Whether a guard of the statement said no.
    #[must_use]
    pub fn is_unmet(&self) -> bool {
        matches!(self, Self::Unmet) || self.code().is_some_and(|code| code == GUARD)
    }

    /// The unique name that was taken. `None`: none was; the customer's own id
    /// counts as none, since that is a conflict.
    pub(crate) fn taken(&self) -> Option<Taken> {
        let Self::Database(error) = self else {
            return None;
        };
        let SqlErr::UniqueConstraintViolation(words) = error.sql_err()? else {
            return None;
        };
        // PostgreSQL names the index, SQLite the columns.
        [
            ("external_ref", Taken::ExternalRef),
            ("provider_refs", Taken::ProviderRef),
            ("outbox", Taken::EffectKey),
            ("invoices", Taken::Invoice),
            ("inbox", Taken::Delivery),
        ]
        .into_iter()
        .find(|(name, _)| words.contains(name))
        .map(|(_, taken)| taken)
    }

    /// Whether any unique name was taken.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Database(error)
            if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }

    /// The database's code for the failure.
    fn code(&self) -> Option<String> {
        let error = self.cause()?.as_database_error()?;
        error.code().map(std::borrow::Cow::into_owned)
    }

    fn cause(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database(error) => cause(error),
            Self::Store(_) | Self::Unmet => None,
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let gone = fault.is_connection() || fault.is_transient();
        match fault {
            Fault::Store(error) => error,
            Fault::Unmet => Self::Failed("a row was not as it had to be".to_owned()),
            Fault::Database(error) if gone => Self::Unavailable(words(&error)),
            Fault::Database(error) => Self::Failed(words(&error)),
        }
    }
}

impl From<Fault> for CommitError {
    fn from(fault: Fault) -> Self {
        if let Some(what) = fault.taken() {
            return Self::Taken { what };
        }
        if fault.is_unmet() || fault.is_unique() {
            return Self::Conflict;
        }
        Self::Store(fault.into())
    }
}

/// The error in words, without the values that a detail line would quote.
fn words(error: &DbErr) -> String {
    let Some(cause) = cause(error) else {
        return error.to_string();
    };
    let Some(database) = cause.as_database_error() else {
        return cause.to_string();
    };
    match database.code() {
        Some(code) => format!("{} (code {code})", database.message()),
        None => database.message().to_owned(),
    }
}

fn cause(error: &DbErr) -> Option<&sqlx::Error> {
    if let DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))
    | DbErr::Conn(RuntimeErr::SqlxError(cause)) = error
    {
        Some(cause)
    } else {
        None
    }
}
