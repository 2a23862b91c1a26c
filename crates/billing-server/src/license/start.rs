//! Which keys a server signs with: those of its key file, which the first start
//! makes. A file that was lost is not quietly made anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use billing_domain::catalog::Catalog;
use billing_engine::{Billing, EngineError};
use billing_ports::store::{PageAsk, Store, StoreError};
use billing_ports::{IdSource, LicenseSigner};

use super::file::{KeyFileError, look, make};
use super::signer::TokenSigner;
use crate::config::{Config, Database};

/// What is put behind the name of an SQLite file.
const SUFFIX: &str = ".license-key";

/// Why a server cannot sign the licenses that it gives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The key file cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// There are licenses, and their keys are gone.
    #[error("{} is not there, and licenses were signed with it", path.display())]
    Lost {
        /// The key file.
        path: PathBuf,
    },
    /// Plans give licenses, and nothing says where their keys are kept.
    #[error("the plan {plan:?} gives a license, and no license key file is named")]
    Unnamed {
        /// One of the plans.
        plan: String,
    },
    /// The catalog could not be read.
    #[error("read the catalog")]
    Catalog(#[from] EngineError),
    /// Nobody knows whether there are licenses.
    #[error("look for licenses")]
    Store(#[from] StoreError),
}

impl StartError {
    /// What helps.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::File(error) => error.hint(),
            Self::Lost { path } => format!(
                "Put its copy back. To begin anew, which ends every license key and token handed \
                 out: install -m 600 /dev/null {}",
                path.display()
            ),
            Self::Unnamed { .. } => UNNAMED.to_owned(),
            Self::Catalog(_) | Self::Store(_) => String::new(),
        }
    }
}

/// What to do where plans give licenses and no file is named.
pub(crate) const UNNAMED: &str = "\
Name one with BILLING_LICENSE_KEY_FILE, as in \
BILLING_LICENSE_KEY_FILE=/var/lib/billing/license-keys: the first start makes it. Every server \
of one database needs the same file.";

/// Where the license keys are kept: where the configuration says, or else beside
/// the SQLite file. `None`: nothing says where.
pub(crate) fn key_file(config: &Config) -> Option<PathBuf> {
    match (&config.license.key_file, &config.database) {
        (Some(path), _) => Some(path.clone()),
        (None, Database::Sqlite(path)) => {
            let mut name = path.as_os_str().to_owned();
            name.push(SUFFIX);
            Some(PathBuf::from(name))
        }
        (None, Database::Postgres(_)) => None,
    }
}

/// What signs the licenses of the server at `public_url`, with keys made where
/// there never were any. `None`: billing is off, or no plan gives licenses and no
/// file is named.
///
/// # Errors
///
/// [`StartError`] when licenses could not be signed.
pub(crate) async fn signer(
    config: &Config,
    billing: &Billing,
    ids: &dyn IdSource,
    public_url: &str,
) -> Result<Option<Arc<dyn LicenseSigner>>, StartError> {
    let Some(store) = billing.store() else {
        return Ok(None);
    };
    let Some(path) = key_file(config) else {
        let revision = billing.catalog().await?;
        return match licensed(&revision.catalog) {
            Some(plan) => Err(StartError::Unnamed { plan }),
            None => Ok(None),
        };
    };
    let keys = match look(&path)? {
        Some(keys) => keys,
        None if is_lost(&path, store.as_ref()).await? => return Err(StartError::Lost { path }),
        None => make(&path, ids)?,
    };
    let audience = config.license.audience.as_deref().unwrap_or(public_url);
    let signer = TokenSigner::new(&keys.seed, &keys.secret, public_url, audience);
    tracing::info!(kid = signer.kid(), file = %path.display(), "license keys");
    Ok(Some(Arc::new(signer)))
}

/// A plan that gives licenses. `None`: none does.
pub(crate) fn licensed(catalog: &Catalog) -> Option<String> {
    let mut plans = catalog.plans().iter();
    let plan = plans.find(|plan| plan.license.is_some())?;
    Some(plan.key.to_string())
}

/// Whether licenses were given whose keys are gone. An empty file in their place
/// says that they are given up.
pub(crate) async fn is_lost(path: &Path, store: &dyn Store) -> Result<bool, StoreError> {
    if path.exists() {
        return Ok(false);
    }
    let first = PageAsk {
        after: None,
        limit: 1,
    };
    let page = store.list_licenses(None, first).await?;
    Ok(!page.rows.is_empty())
}
