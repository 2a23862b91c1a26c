//! `billing openapi`: the description of the HTTP API.

use std::process::ExitCode;

use clap::Args;

use super::Context;
use super::failure::Failure;
use crate::openapi_document;

/// Print the description of the HTTP API.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  billing openapi > docs/openapi.json")]
pub(crate) struct Openapi {}

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(crate) fn run(context: &Context) -> Result<ExitCode, Failure> {
    context.out.line(openapi_document().trim_end());
    Ok(ExitCode::SUCCESS)
}
