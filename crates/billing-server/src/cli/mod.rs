//! The command line: one file a command, one exit code a kind of failure.
//!
//! Commands act on the books directly, or ask the running server that has them.

mod audit;
mod books;
mod catalog;
mod clock;
mod confirm;
mod difference;
mod doctor;
mod failure;
mod forecast;
mod import;
mod keys;
mod license_keys;
mod loops;
mod migrate;
mod migrate_prices;
mod openapi;
mod out;
mod progress;
mod prorate;
mod reconcile;
mod remote;
mod replay;
mod resend;
mod serve;
mod target;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::failure::Failure;
use self::out::Out;
use crate::config::{Config, Environment};

/// Subscription billing in one program.
#[derive(Debug, Parser)]
#[command(name = "billing", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    /// The configuration file [default: billing.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "BILLING_CONFIG")]
    config: Option<PathBuf>,

    /// Print JSON, for programs
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  billing serve                       try it: a pricing page, a sandbox to pay at
  billing catalog check plans.yaml    every mistake of a plan file, with its line
  billing doctor                      is everything as it should be?

Exit codes:
  0  done
  1  failed; doctor: something is bad; audit: something was found, or differs; reconcile,
     replay: something differs
  2  wrong usage, or a configuration that cannot be used
  3  refused: a plan file with mistakes, or one that breaks a promise; a migration that
     cannot be, or is not what was planned; a notification that there is none of; a file that
     is none of an import's, or a row of it
  4  a running server has the books, or the server that was asked said no
  5  audit, import, reconcile, resend: a provider did not answer for everything; replay: something
     could not be compared";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Bring the database's schema up to date
    Migrate(migrate::Migrate),
    /// Check, compare and apply plan files
    #[command(
        subcommand,
        after_help = "Examples:\n  billing catalog check plans.yaml\n  billing catalog apply plans.yaml"
    )]
    Catalog(catalog::Catalog),
    /// Make, list and revoke operator keys
    #[command(
        subcommand,
        after_help = "Examples:\n  billing keys create deploy --scope write\n  billing keys list"
    )]
    Keys(keys::Keys),
    /// Rotate, list and retire the keys that sign licenses
    #[command(
        subcommand,
        after_help = "Examples:\n  billing license-keys list\n  billing license-keys rotate"
    )]
    LicenseKeys(license_keys::LicenseKeys),
    /// Look at the sandbox's clock, and move it ahead
    #[command(
        subcommand,
        after_help = "Examples:\n  billing clock advance 31d\n  billing clock show"
    )]
    Clock(clock::Clock),
    /// Look at everything that the server needs
    Doctor(doctor::Doctor),
    /// Check every invariant over everybody's whole history
    Audit(audit::Audit),
    /// Read a provider's own books, and receive what no webhook told
    Reconcile(reconcile::Reconcile),
    /// Rebuild what providers run from all that they told, and compare
    Replay(replay::Replay),
    /// Have a provider send webhooks again, by the ids of their notifications
    Resend(resend::Resend),
    /// Bring over what was sold elsewhere, tried before it is done
    #[command(
        subcommand,
        after_help = "Examples:\n  billing import csv customers.csv\n  billing import csv customers.csv --apply --reason 'moved here'"
    )]
    Import(import::Import),
    /// Tell the next invoices of a subscription
    Forecast(forecast::Forecast),
    /// Move holders from one price to another, planned before it is done
    #[command(
        subcommand,
        after_help = "Examples:\n  billing migrate-prices plan --from pro-2024 --to pro-2026"
    )]
    MigratePrices(Box<migrate_prices::MigratePrices>),
    /// Work out what a change in the middle of a period costs
    Prorate(Box<prorate::Prorate>),
    /// Print the description of the HTTP API
    Openapi(openapi::Openapi),
}

/// What every command is given.
pub(crate) struct Context {
    config_file: Option<PathBuf>,
    environment: Environment,
    out: Out,
}

impl Context {
    /// The configuration.
    fn config(&self) -> Result<Config, Failure> {
        let config = Config::load(self.config_file.as_deref(), &self.environment)?;
        Ok(config)
    }
}

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    // The databases' drivers take the process's choice; there is one choice here.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider was chosen before");
    }
    let cli = Cli::parse();
    let environment = Environment::of_process();
    let context = Context {
        config_file: cli.config,
        out: Out::new(cli.json, environment.no_color()),
        environment,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli.command, &context)),
        Err(error) => Err(Failure::new("start the runtime", &error)),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            context.out.failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

async fn dispatch(command: Command, context: &Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(command) => Box::pin(command.run(context)).await,
        Command::Migrate(command) => Box::pin(command.run(context)).await,
        Command::Catalog(command) => Box::pin(command.run(context)).await,
        Command::Keys(command) => Box::pin(command.run(context)).await,
        Command::LicenseKeys(command) => command.run(context),
        Command::Clock(command) => Box::pin(command.run(context)).await,
        Command::Doctor(command) => Box::pin(command.run(context)).await,
        Command::Audit(command) => Box::pin(command.run(context)).await,
        Command::Reconcile(command) => Box::pin(command.run(context)).await,
        Command::Replay(command) => Box::pin(command.run(context)).await,
        Command::Resend(command) => Box::pin(command.run(context)).await,
        Command::Import(command) => Box::pin(command.run(context)).await,
        Command::Forecast(command) => Box::pin(command.run(context)).await,
        Command::MigratePrices(command) => Box::pin(command.run(context)).await,
        Command::Prorate(command) => command.run(context),
        Command::Openapi(openapi::Openapi {}) => openapi::run(context),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
