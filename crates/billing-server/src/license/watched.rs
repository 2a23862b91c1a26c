//! A signer that follows its key file: what is rotated or retired by command counts
//! from the next license on, without a restart.
//!
//! Looks at the file's name whenever it is used, which costs microseconds, and reads
//! it only when it is another. One that cannot be used changes nothing.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use billing_ports::{LicenseClaims, LicenseSigner, SignError};
use uuid::Uuid;

use super::file::{KeyFileError, look};
use super::ring::KeyRing;
use super::signer::TokenSigner;

/// Signs with the keys that are in a file now.
pub(super) struct FileSigner {
    path: PathBuf,
    issuer: String,
    audience: String,
    held: RwLock<Held>,
}

struct Held {
    mark: Mark,
    signer: Arc<TokenSigner>,
}

/// By what a file is known to be another. `None`: it cannot be looked at.
type Mark = Option<(u64, u64, Touched)>;

impl FileSigner {
    /// Signs with `ring`, which was read from `path`, and with what is there later.
    pub(super) fn new(path: PathBuf, ring: KeyRing, issuer: &str, audience: &str) -> Self {
        let held = Held {
            // Not known yet: what is there is looked at once more.
            mark: None,
            signer: Arc::new(TokenSigner::of(ring, issuer, audience)),
        };
        Self {
            path,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            held: RwLock::new(held),
        }
    }

    fn now(&self) -> Arc<TokenSigner> {
        let mark = self.mark();
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if held.mark == mark || mark.is_none() {
                return Arc::clone(&held.signer);
            }
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.mark != mark {
            match self.read() {
                Ok(Some(signer)) => held.signer = Arc::new(signer),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the license keys stay as they were"),
            }
            held.mark = mark;
        }
        Arc::clone(&held.signer)
    }

    fn read(&self) -> Result<Option<TokenSigner>, KeyFileError> {
        let ring = look(&self.path)?;
        Ok(ring.map(|ring| {
            let keys = ring.list().len();
            tracing::info!(kid = ring.kid(), keys, "license keys");
            TokenSigner::of(ring, &self.issuer, &self.audience)
        }))
    }

    fn mark(&self) -> Mark {
        let data = std::fs::metadata(&self.path).ok()?;
        Some((which(&data), data.len(), touched(&data)))
    }
}

/// Every replacement is another file, however fast it follows.
#[cfg(unix)]
fn which(data: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(data)
}

/// When its content or its permissions were changed: one that others could read is
/// looked at again once they cannot.
#[cfg(unix)]
type Touched = (i64, i64);

#[cfg(unix)]
fn touched(data: &std::fs::Metadata) -> Touched {
    use std::os::unix::fs::MetadataExt as _;
    (data.ctime(), data.ctime_nsec())
}

#[cfg(not(unix))]
type Touched = Option<std::time::SystemTime>;

#[cfg(not(unix))]
fn touched(data: &std::fs::Metadata) -> Touched {
    data.modified().ok()
}

#[cfg(not(unix))]
fn which(_data: &std::fs::Metadata) -> u64 {
    0
}

impl LicenseSigner for FileSigner {
    fn sign(&self, claims: &LicenseClaims) -> Result<String, SignError> {
        self.now().sign(claims)
    }

    fn key_of(&self, license: Uuid) -> String {
        self.now().key_of(license)
    }

    fn id_of(&self, key_text: &str) -> Option<Uuid> {
        self.now().id_of(key_text)
    }

    fn jwks(&self) -> String {
        self.now().jwks()
    }
}
