//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Each check is a module and a plain function from texts to findings. A document that is missing
//! is a finding like any other.

mod edges;
mod example;
mod forbidden;
mod graph;
mod heads;
mod length;
mod openapi;
mod scenarios;
mod sources;

use crate::failure::{Failure, Outcome};
use crate::workspace;
use sources::Sources;

/// One broken rule: where, and what to do about it.
pub(crate) type Finding = String;

/// Runs every check, tells every finding, and fails if there is one.
pub(crate) fn run() -> Outcome<()> {
    let sources = Sources::read(&workspace::root())?;
    let checks = [
        ("rooms", edges::check(&graph::read()?)),
        ("module heads", heads::check(&sources)),
        ("length", length::check(&sources)),
        ("forbidden text", forbidden::check(&sources)),
        ("README examples", example::check(&sources)),
        ("scenarios", scenarios::check(&sources)),
        ("openapi", openapi::check(&sources, crate::openapi::printed)),
    ];
    let mut count = 0_u32;
    for (name, findings) in checks {
        let verdict = if findings.is_empty() { "ok" } else { "FAILED" };
        eprintln!("tidy: {name}: {verdict}");
        for finding in findings {
            eprintln!("  {finding}");
            count = count.saturating_add(1);
        }
    }
    match count {
        0 => Ok(()),
        count => Err(Failure::new(format!("tidy: {count} findings"))),
    }
}
