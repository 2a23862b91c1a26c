//! `cargo xtask ci`: everything a change must pass, cheapest first, the tests last.
//!
//! The tests come last so that their summary ends the output.

use std::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::probe::{self, Missing, Tool};
use crate::process;
use crate::tidy;

/// Runs every step, stopping at the first that fails.
pub(crate) fn run() -> Outcome<()> {
    step("format", || {
        process::run(process::cargo().args(["fmt", "--all", "--check"]))
    })?;
    step("lints", || {
        let mut clippy = process::cargo();
        clippy.args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]);
        process::run(&mut clippy)
    })?;
    step("features", features)?;
    step("documentation", || {
        let mut doc = process::cargo();
        doc.args(["doc", "--workspace", "--no-deps"]);
        process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step("tidy", tidy::run)?;
    if process::succeeds(process::cargo().args(["deny", "--version"])) {
        step("dependencies", dependencies)?;
    } else {
        eprintln!("xtask ci: dependencies: SKIPPED: cargo-deny is not installed");
    }
    match Tool::installed() {
        Ok(tool) => step("probe", || probe::step(&tool))?,
        Err(Missing::Here(failure)) => eprintln!("xtask ci: probe: SKIPPED: {failure}"),
        Err(Missing::Wrong(failure)) => return Err(failed("probe")(failure)),
    }
    announce("tests");
    // The very command of the README. Nothing may be printed after it.
    process::run(process::cargo().args(["xtask", "test"])).map_err(failed("tests"))
}

/// The rooms that can be built with less, and the features of which each is tried: each alone,
/// since what is used nowhere shows best where there is least; and of the server all that sell for
/// real, and one of them beside the sandbox. With everything on they are built by the other steps.
const LEANER: [(&str, &[&str]); 3] = [
    (
        "billing-server",
        &[
            "btcpay",
            "paddle",
            "sandbox",
            "stripe",
            "sandbox,stripe",
            "btcpay,paddle,stripe",
        ],
    ),
    (
        "billing",
        &[
            "btcpay",
            "http",
            "mock",
            "paddle",
            "postgres",
            "rates",
            "sandbox",
            "sqlite",
            "stripe",
            "btcpay,paddle,stripe",
        ],
    ),
    ("billing-testkit", &["fakes"]),
];

/// Every room builds without its features, and with each of these. Linted rather than checked,
/// as that denies warnings without building the dependencies anew.
fn features() -> Outcome<()> {
    for (room, built) in LEANER {
        lean(&["--package", room, "--all-targets"])?;
        for features in built {
            lean(&["--package", room, "--features", features])?;
        }
    }
    Ok(())
}

fn lean(which: &[&str]) -> Outcome<()> {
    let mut clippy = process::cargo();
    clippy.args(["clippy", "--no-default-features"]).args(which);
    process::run(clippy.args(["--", "-D", "warnings"]))
}

/// Licenses, bans and sources. Advisories need the network, so they are not part of this.
fn dependencies() -> Outcome<()> {
    let mut deny = process::cargo();
    deny.args([
        "deny",
        "--config",
        "deny.toml",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    process::run(&mut deny)
}

fn step(name: &str, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    announce(name);
    let start = now();
    work().map_err(failed(name))?;
    eprintln!(
        "xtask ci: {name}: passed in {:.1} s",
        start.elapsed().as_secs_f32()
    );
    Ok(())
}

fn announce(name: &str) {
    eprintln!("xtask ci: {name}");
}

fn failed(name: &str) -> impl FnOnce(Failure) -> Failure {
    move |failure| Failure::new(format!("ci: {name}: FAILED: {failure}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch for the person who waits"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_under_its_name() {
        let failure = step("lints", || Err(Failure::new("a warning"))).unwrap_err();
        assert_eq!(failure.to_string(), "ci: lints: FAILED: a warning");
    }
}
