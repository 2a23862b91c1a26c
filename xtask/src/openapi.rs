//! `cargo xtask openapi`: writes down the document that the server itself prints.

use std::fs;

use crate::failure::{Failure, Outcome};
use crate::process;
use crate::workspace;

/// Where the document lies, from the root of the workspace.
pub(crate) const DOCUMENT: &str = "docs/openapi.json";

/// Regenerates the document.
pub(crate) fn run() -> Outcome<()> {
    let path = workspace::root().join(DOCUMENT);
    fs::write(path, printed()?).map_err(Failure::doing(format!("write {DOCUMENT}")))?;
    eprintln!("xtask: wrote {DOCUMENT}");
    Ok(())
}

/// What `billing openapi` prints, built from the code as it is.
pub(crate) fn printed() -> Outcome<String> {
    let mut cargo = process::cargo();
    process::read(cargo.args([
        "run",
        "--quiet",
        "--package",
        "billing-server",
        "--",
        "openapi",
    ]))
}
