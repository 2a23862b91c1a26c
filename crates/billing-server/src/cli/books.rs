//! The books, opened by a command while no server has them.

use std::path::Path;

use billing_domain::provider::ProviderAccount;
use billing_engine::MANUAL;

use super::failure::Failure;
use crate::config::{Config, Database};
use crate::database::{Versions, look};
use crate::lock::LockError;
use crate::wiring::{Parts, lock};

/// Refuses an account that there is none of here: nothing would be compared, and
/// that must not look as if nothing differed.
pub(super) fn configured(parts: &Parts, account: &ProviderAccount) -> Result<(), Failure> {
    let known = parts.billing.provider_accounts();
    if account.provider().as_str() != MANUAL && known.contains(account) {
        return Ok(());
    }
    let known = known
        .iter()
        .filter(|known| known.provider().as_str() != MANUAL);
    let known: Vec<String> = known.map(ToString::to_string).collect();
    Err(
        Failure::usage(format!("{account} is no provider that is configured here"))
            .with_hint(format!("Configured: {}.", known.join(", "))),
    )
}

/// Opens the books, whose schema is left as it is.
pub(super) async fn open(config: &Config) -> Result<Parts, Failure> {
    if !config.enabled {
        return Err(Failure::usage(
            "billing is switched off: there are no books",
        ));
    }
    let files = [
        match &config.database {
            Database::Sqlite(path) => Some(path.as_path()),
            Database::Postgres(_) => None,
        },
        config.sandbox.as_ref().map(|told| told.database.as_path()),
    ];
    for path in files.into_iter().flatten() {
        there(path)?;
    }
    let locks = lock(config).map_err(in_use)?;
    let (store, Versions { found, needed }) = look(&config.database).await?;
    if found != needed {
        return Err(Failure::failed(format!(
            "the schema is at version {found}, and this program reads {needed}"
        ))
        .with_hint("An older schema is brought up to date by `billing migrate`."));
    }
    let parts = Parts::around(config, "http://127.0.0.1", store, locks).await;
    parts.map_err(Failure::from)
}

fn there(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::failed(format!("{shown} is not there")))
}

fn in_use(error: LockError) -> Failure {
    Failure::from(error).with_hint(
        "Stop what has it, or look into a copy:\n  sqlite3 billing.db '.backup copy.db'\n  \
         BILLING_DATABASE_URL=sqlite:copy.db billing audit",
    )
}
