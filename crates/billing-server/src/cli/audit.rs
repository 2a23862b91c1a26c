//! `billing audit`: does everything hold that must, over everybody's whole history?

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use super::progress::Progress;
use crate::config::{Config, Database};
use crate::database::{Versions, look};
use crate::lock::LockError;
use crate::wiring::{Parts, lock};

/// Check every invariant over everybody's whole history: sums, payments, paid
/// time, changes, statuses. Changes nothing, and names each row that offends.
#[derive(Debug, Args)]
#[command(after_help = "\
An SQLite file that a server has open is audited after the server was stopped, or as a copy;
PostgreSQL may be in use. Exit code 1: something was found.

Examples:
  billing audit
  BILLING_DATABASE_URL=sqlite:copy.db billing audit --json
  BILLING_DATABASE_URL=postgres://… billing audit")]
pub(crate) struct Audit {}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let parts = open(&config).await?;
        let out = context.out;
        let mut found = Vec::new();
        let progress = Progress::uncounted(out, "auditing");
        let audited = parts
            .billing
            .audit(|customer, finding| {
                let (code, row, words) = (finding.code.as_str(), &finding.row, &finding.words);
                if out.is_json() {
                    found.push(json!({
                        "code": code,
                        "customer": customer.to_string(),
                        "row": row,
                        "words": words,
                    }));
                } else {
                    progress.line(&format!("{code}  {customer}  {row}  {words}"));
                }
            })
            .await;
        progress.end();
        let audited = audited.map_err(|error| Failure::new("audit", &error))?;
        let (customers, findings) = (audited.customers, audited.findings);
        if out.is_json() {
            out.value(&json!({ "customers": customers, "findings": found }));
        } else if findings == 0 {
            out.line(&format!("{customers} customers: everything holds."));
        } else {
            out.line(&format!("{customers} customers, {findings} findings."));
        }
        Ok(ExitCode::from(u8::from(findings > 0)))
    }
}

/// Opens the books and leaves them as they are.
async fn open(config: &Config) -> Result<Parts, Failure> {
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
        "Stop what has it, or audit a copy:\n  sqlite3 billing.db '.backup copy.db'\n  \
         BILLING_DATABASE_URL=sqlite:copy.db billing audit",
    )
}
