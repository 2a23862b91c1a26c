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
    /// Measure a tenth and less, to see that all of it runs
    #[arg(long)]
    quick: bool,
    /// Measure a clean build of everything as well, which takes minutes
    #[arg(long)]
    build: bool,
}

impl Options {
    /// What the benchmarks are told.
    fn arguments(&self) -> Vec<&str> {
        let flags = [(self.quick, "--quick"), (self.build, "--build")];
        let given = flags.into_iter().filter(|(given, _)| *given);
        let filter = self.filter.as_deref();
        given.map(|(_, flag)| flag).chain(filter).collect()
    }
}

/// Runs the benchmarks with production's settings: without `fsync` the figures would mean nothing.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    // The program is measured too, as it is installed.
    let mut program = process::cargo();
    process::run(program.args(["build", "--release", "--package", "billing-server"]))?;
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
    rig.run(cargo.args(options.arguments()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmarks_are_told_what_was_asked_for() {
        let all = Options {
            filter: Some("gate".to_owned()),
            quick: true,
            build: true,
        };
        assert_eq!(all.arguments(), ["--quick", "--build", "gate"]);
        let none = Options {
            filter: None,
            quick: false,
            build: false,
        };
        assert!(none.arguments().is_empty());
    }
}
