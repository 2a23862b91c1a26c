//! `cargo xtask bench`: the benchmarks, against a PostgreSQL that cares for its data.

use clap::Args;

use crate::failure::Outcome;
use crate::postgres::Durability;
use crate::process;
use crate::rig::Rig;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run only the benchmarks whose name contains this
    filter: Option<String>,
}

/// Runs the benchmarks with production's settings: without `fsync` the figures would mean nothing.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let mut rig = Rig::with_postgres(Durability::Durable)?;
    let mut cargo = process::cargo();
    cargo.args([
        "bench",
        "--package",
        "billing-tests",
        "--bench",
        "bench",
        "--",
    ]);
    rig.run(cargo.args(&options.filter))
}
