//! `cargo xtask test`: every test of the workspace, with a private PostgreSQL and a browser.
//!
//! Examples are tests here, and so is documentation. The runner's own summary comes last.

use std::io::{self, Write};
use std::process::Command;

use clap::Args;

use crate::failure::{Failure, Outcome};
use crate::postgres::Durability;
use crate::process;
use crate::rig::Rig;
use crate::tally::Tally;

/// The fakes of providers are tested as well. Other rooms' tests switch them on besides, since they
/// stand in front of them; that is no reason to lean on it.
const FAKES: [&str; 2] = ["--features", "billing-testkit/fakes"];

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Skip the tests that need PostgreSQL, and say so
    #[arg(long)]
    no_postgres: bool,
    /// Skip the tests that open the pages in a browser, and say so
    #[arg(long)]
    no_browser: bool,
    /// Use `cargo test` even where cargo-nextest is installed
    #[arg(long)]
    plain: bool,
    /// Run only the tests whose name contains one of these
    filters: Vec<String>,
}

/// Runs the tests of the documentation, then all others.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let rig = if options.no_postgres {
        Rig::without_postgres()
    } else {
        Rig::with_postgres(Durability::Scratch)?
    };
    let mut rig = if options.no_browser {
        eprintln!("xtask: SKIPPING every test in a browser, as asked by --no-browser");
        rig
    } else {
        rig.with_browser()?
    };
    // Examples are run as the programs that they are, too; the runners below build only their tests.
    let mut examples = process::cargo();
    rig.run(examples.args(["build", "--workspace", "--examples"]))?;
    if options.plain || !process::succeeds(process::cargo().args(["nextest", "--version"])) {
        return plainly(&mut rig, &options.filters);
    }
    // Documentation first, so that the summary of the greater run is the last thing said.
    let documentation = rig.run(&mut cargo_test(&["--doc"], &options.filters));
    let mut nextest = process::cargo();
    nextest.args([
        "nextest",
        "run",
        "--workspace",
        "--tests",
        "--examples",
        "--no-fail-fast",
    ]);
    nextest.args(FAKES);
    let others = rig.run(nextest.arg("--").args(&options.filters));
    documentation.and(others)
}

/// `cargo test`, twice, with one closing line for both.
fn plainly(rig: &mut Rig, filters: &[String]) -> Outcome<()> {
    let mut tally = Tally::default();
    let documentation = rig.count(&mut cargo_test(&["--doc"], filters), &mut tally);
    let others = rig.count(
        &mut cargo_test(&["--tests", "--examples"], filters),
        &mut tally,
    );
    writeln!(io::stdout(), "\n{tally}").map_err(Failure::doing("print the summary"))?;
    documentation.and(others)
}

fn cargo_test(targets: &[&str], filters: &[String]) -> Command {
    let mut command = process::cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command.args(FAKES);
    command.args(targets).arg("--").args(filters);
    command
}
