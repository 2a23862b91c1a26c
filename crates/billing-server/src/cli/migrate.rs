//! `billing migrate`: the schema, brought up to date.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use crate::wiring::{lock, open_store};

/// Bring the database's schema up to date. The server does so by itself when it starts.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  BILLING_DATABASE_URL=postgres://… billing migrate")]
pub(crate) struct Migrate {}

impl Migrate {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let _ours = lock(&config)?;
        let store = open_store(&config.database).await?;
        let answers = store.ping().await;
        answers.map_err(|error| Failure::new("reach the database", &error))?;
        if context.out.is_json() {
            context.out.value(&json!({ "migrated": true }));
        } else {
            context.out.line("The schema is up to date.");
        }
        Ok(ExitCode::SUCCESS)
    }
}
