//! The project's own commands: `cargo xtask test`, `tidy`, `bench`, `openapi`, `ci`, `postgres`.
//!
//! Knows cargo, PostgreSQL's programs and the layout of this repository. Knows nothing of billing:
//! it depends on no room of the workspace, so that it builds in seconds and can judge them all.

mod failure;
mod postgres;
mod process;
#[cfg(test)]
mod scratch;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Outcome;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a private PostgreSQL, print its URL, stop it when stdin closes or on Ctrl-C
    Postgres,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Outcome<()> {
    match command {
        Command::Postgres => postgres::serve(),
    }
}
