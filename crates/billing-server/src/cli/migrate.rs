//! `billing migrate`: the schema, brought up to date.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use crate::database::{self, Versions};
use crate::wiring::lock;

/// Bring the database's schema up to date. The server does so by itself when it starts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  billing migrate
  BILLING_DATABASE_URL=postgres://… billing migrate")]
pub(crate) struct Migrate {}

impl Migrate {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let _ours = lock(&config)?;
        let (_store, versions) = database::open(&config.database).await?;
        let Versions { found, needed } = versions;
        if context.out.is_json() {
            let said = json!({ "from": found, "to": needed, "migrated": found != needed });
            context.out.value(&said);
        } else if found == needed {
            let line = format!("The schema is up to date, at version {needed}.");
            context.out.line(&line);
        } else {
            let line = format!("The schema went from version {found} to {needed}.");
            context.out.line(&line);
        }
        Ok(ExitCode::SUCCESS)
    }
}
