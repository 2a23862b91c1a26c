//! One process a SQLite file: a lock on a file beside it, which ends with the
//! process, however it ends. A server notes its address in that file, so that
//! commands find whom to ask.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A database file that is this process's until the value is dropped.
#[derive(Debug)]
pub(crate) struct DataLock {
    held: File,
}

/// Bytes of an address that are read: one of this machine, with room to spare.
const MAX_ADDRESS: u64 = 256;

/// Why a database file is not this process's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process has it.
    #[error("{} is in use by a running server or command", path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
        /// The address of the server that has it. `None`: a command has it, or
        /// the server has not come so far.
        server: Option<String>,
    },
    /// The lock file cannot be made or locked.
    #[error("lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataLock {
    /// Takes the database file at `path`, without waiting.
    ///
    /// # Errors
    ///
    /// [`LockError`] when it is in use, or cannot be locked.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock_path = PathBuf::from(name);
        let failed = |source| LockError::Io {
            path: lock_path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        private(&mut options);
        let file = options.open(&lock_path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                // What an earlier server noted is no longer true.
                file.set_len(0).map_err(failed)?;
                Ok(Self { held: file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::InUse {
                path: path.to_owned(),
                server: noted(&file),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Notes where the server that has the database file is reached from this
    /// machine.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn note(&self, address: &str) -> io::Result<()> {
        (&self.held).write_all(address.as_bytes())
    }
}

/// What the holder of the lock noted. `None`: nothing, or it cannot be read,
/// as where a lock keeps readers away.
fn noted(file: &File) -> Option<String> {
    let mut address = String::new();
    file.take(MAX_ADDRESS).read_to_string(&mut address).ok()?;
    (!address.is_empty()).then_some(address)
}

/// Makes an empty file at `path` that its owner alone may read, where there is
/// none. SQLite gives the files beside it the same mode.
///
/// # Errors
///
/// When the file cannot be made.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    private(&mut options);
    match options.open(path) {
        Ok(_made) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Lets nobody but its owner read a file that is made.
#[cfg(unix)]
pub(crate) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

/// Lets nobody but its owner read a file that is made.
#[cfg(not(unix))]
pub(crate) fn private(_options: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_holders_and_tells_where_that_one_is() {
        let name = format!("billing-lock-{}.db", std::process::id());
        let path = std::env::temp_dir().join(name);
        let held = DataLock::take(&path).unwrap();
        let told = |path: &Path| match DataLock::take(path) {
            Err(LockError::InUse { server, .. }) => server,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&path), None);
        held.note("http://127.0.0.1:8081").unwrap();
        assert_eq!(told(&path).as_deref(), Some("http://127.0.0.1:8081"));
        drop(held);
        let next = DataLock::take(&path).unwrap();
        assert_eq!(told(&path), None, "an address of old");
        drop(next);
        std::fs::remove_file(path.with_extension("db.lock")).unwrap();
    }
}
