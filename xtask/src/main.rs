//! The project's own commands: `cargo xtask test`, `tidy`, `bench`, `openapi`,
//! `pictures`, `probe`, `ci`, `postgres`.
//!
//! Knows cargo, PostgreSQL's programs, Chromium's, schemathesis and the layout of this repository. Knows nothing of billing:
//! it depends on no room of the workspace, so that it builds in seconds and can judge them all.

mod apt;
mod bench;
mod browser;
mod ci;
mod failure;
mod openapi;
mod pictures;
mod postgres;
mod probe;
mod process;
mod rig;
#[cfg(test)]
mod scratch;
mod tally;
mod test;
mod tidy;
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
    /// Run every test, examples and documentation included, with a private PostgreSQL
    Test(test::Options),
    /// Check the house rules: rooms and their dependencies, documents that match the code
    Tidy,
    /// Write docs/openapi.json anew from the server
    Openapi,
    /// Take the pictures of the pages under docs/images anew
    Pictures,
    /// Run the benchmarks, with a private PostgreSQL under production's settings
    Bench(bench::Options),
    /// Ask a server of its own what the OpenAPI document makes up, with schemathesis
    Probe(probe::Options),
    /// Run everything that a change must pass; the tests come last
    Ci,
    /// Start a private PostgreSQL, print its URL, stop it when stdin closes or on Ctrl-C
    Postgres,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                eprintln!("xtask: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Outcome<()> {
    match command {
        Command::Test(options) => test::run(options),
        Command::Tidy => tidy::run(),
        Command::Openapi => openapi::run(),
        Command::Pictures => pictures::run(),
        Command::Bench(options) => bench::run(options),
        Command::Probe(options) => probe::run(options),
        Command::Ci => ci::run(),
        Command::Postgres => postgres::serve(),
    }
}
