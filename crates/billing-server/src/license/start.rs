//! Which keys a server signs with: those of its key file, which the first start
//! makes. A file that was lost is not quietly made anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use billing_domain::catalog::Catalog;
use billing_engine::{Billing, EngineError};
use billing_ports::store::{PageAsk, Store, StoreError};
use billing_ports::{IdSource, LicenseSigner};

use super::file::{KeyFileError, look, make};
use super::ring::KeyRing;
use super::watched::FileSigner;
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

/// What to do where the key that signs is of another kind than is configured.
pub(crate) const ANOTHER_ALGORITHM: &str = "\
licenses are signed with another algorithm than license.algorithm names, until \
`billing license-keys rotate`";

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
    let Some((path, keys)) = keys(config, billing, ids).await? else {
        return Ok(None);
    };
    let audience = config.license.audience.as_deref().unwrap_or(public_url);
    let (wanted, signs) = (config.license.algorithm, keys.algorithm());
    tracing::info!(kid = keys.kid(), file = %path.display(), "license keys");
    if signs != wanted {
        tracing::warn!(%wanted, %signs, "{ANOTHER_ALGORITHM}");
    }
    let signer = FileSigner::new(path, keys, public_url, audience);
    Ok(Some(Arc::new(signer)))
}

/// Makes the keys of a server that never started, before the first license is given. Where
/// there are licenses, whoever gave the first has them.
///
/// # Errors
///
/// [`StartError`] when licenses could not be signed.
pub(crate) async fn prepare(
    config: &Config,
    billing: &Billing,
    ids: &dyn IdSource,
) -> Result<(), StartError> {
    let Some(store) = billing.store() else {
        return Ok(());
    };
    let revision = billing.catalog().await?;
    if licensed(&revision.catalog).is_none() || any_license(store.as_ref()).await? {
        return Ok(());
    }
    keys(config, billing, ids).await.map(drop)
}

/// The keys and their file, made where there never were any. `None`: as of [`signer`].
async fn keys(
    config: &Config,
    billing: &Billing,
    ids: &dyn IdSource,
) -> Result<Option<(PathBuf, KeyRing)>, StartError> {
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
        None => {
            let clock = billing.clock().ok_or(EngineError::Disabled)?;
            make(&path, config.license.algorithm, ids, clock.now())?
        }
    };
    Ok(Some((path, keys)))
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
    any_license(store).await
}

async fn any_license(store: &dyn Store) -> Result<bool, StoreError> {
    let first = PageAsk {
        after: None,
        limit: 1,
    };
    let page = store.list_licenses(None, first).await?;
    Ok(!page.rows.is_empty())
}

#[cfg(test)]
mod tests {
    use billing_domain::catalog::LicenseRule;
    use billing_domain::money::{Currency, Money};
    use billing_testkit::{ManualClock, MemoryStore, SeededIds, fixtures};

    use super::*;
    use crate::config::Environment;

    const PUBLIC: &str = "https://billing.example.com";

    fn told(variables: &[(&str, &str)]) -> Config {
        let owned = variables.iter();
        let owned = owned.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(None, &Environment::of(owned)).unwrap()
    }

    async fn sells(license: Option<LicenseRule>) -> Billing {
        let clock = Arc::new(ManualClock::new(fixtures::start()));
        let store = Arc::new(MemoryStore::new());
        let billing = Billing::builder(store, clock, Arc::new(SeededIds::new(1)));
        let billing = billing.build().unwrap();
        let catalog = Catalog::builder("Harbor", Currency::USD).plan("deck", "Deck", |plan| {
            plan.monthly("deck-monthly", Money::zero(Currency::USD))
                .edit(|plan| plan.license = license)
        });
        let applied = billing.apply_catalog(&catalog.build().unwrap()).await;
        applied.unwrap();
        billing
    }

    #[tokio::test]
    async fn with_postgresql_a_plan_that_gives_licenses_needs_a_file_that_is_named() {
        let ids = SeededIds::new(2);
        let url = (
            "BILLING_DATABASE_URL",
            "postgres://billing:pass@127.0.0.1/billing",
        );
        let config = told(&[url]);
        assert_eq!(key_file(&config), None);
        let licensed = sells(Some(LicenseRule { max_machines: 3 })).await;
        let started = signer(&config, &licensed, &ids, PUBLIC).await;
        let error = started.map(|made| made.is_some()).unwrap_err();
        let words = "the plan \"deck\" gives a license, and no license key file is named";
        assert_eq!(error.to_string(), words);
        assert!(error.hint().contains("BILLING_LICENSE_KEY_FILE="));
        // Where none is given, none is needed.
        let plain = sells(None).await;
        let started = signer(&config, &plain, &ids, PUBLIC).await;
        assert!(started.unwrap().is_none());
        let off = signer(&config, &Billing::disabled(), &ids, PUBLIC).await;
        assert!(off.unwrap().is_none());
        // Named, it is made there.
        let name = format!("billing-named-{}.license-key", std::process::id());
        let path = std::env::temp_dir().join(name);
        let named = told(&[url, ("BILLING_LICENSE_KEY_FILE", path.to_str().unwrap())]);
        let started = signer(&named, &licensed, &ids, PUBLIC).await;
        let first = started.unwrap().unwrap().jwks();
        let started = signer(&named, &licensed, &ids, PUBLIC).await;
        assert_eq!(started.unwrap().unwrap().jwks(), first);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn with_sqlite_it_lies_beside_the_books() {
        let config = told(&[(
            "BILLING_DATABASE_URL",
            "sqlite:///var/lib/billing/billing.db",
        )]);
        let beside = Path::new("/var/lib/billing/billing.db.license-key");
        assert_eq!(key_file(&config).as_deref(), Some(beside));
    }
}
