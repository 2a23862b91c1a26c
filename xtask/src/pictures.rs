//! `cargo xtask pictures`: every page, as a buyer and an operator see it, into `docs/images`.

use std::fs;

use crate::failure::{Failure, Outcome};
use crate::process;
use crate::rig::Rig;
use crate::workspace;

/// Where the test that looks at every page keeps what it sees. Without it, it keeps nothing.
const PICTURES_VARIABLE: &str = "BILLING_TEST_PICTURES";
const PICTURES: &str = "docs/images";
/// The test that opens every page.
const TEST: &str = "browser::pages::";

/// Runs the test that opens every page, and keeps what it sees.
pub(crate) fn run() -> Outcome<()> {
    let folder = workspace::root().join(PICTURES);
    fs::create_dir_all(&folder).map_err(Failure::doing(format!("make {PICTURES}")))?;
    let mut rig = Rig::without_postgres().with_browser()?;
    let mut cargo = process::cargo();
    cargo.args(["test", "--package", "billing-server", "--test", "cli"]);
    cargo.args(["--", TEST]).env(PICTURES_VARIABLE, folder);
    rig.run(&mut cargo)
}
