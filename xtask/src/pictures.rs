//! `cargo xtask pictures`: every page, as a buyer and an operator see it, into `docs/images`.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::process;
use crate::rig::Rig;
use crate::workspace;

/// Where the tests that look at every page keep what they see. Without it, they keep nothing.
const PICTURES_VARIABLE: &str = "BILLING_TEST_PICTURES";
const PICTURES: &str = "docs/images";
/// How the names of pictures end.
const KIND: &str = "webp";
/// How the names begin of the tests that keep what they see; a test there holds that each page
/// is seen by one.
const TESTS: &str = "::pages_of_";

/// Runs the tests that open every page, and keeps what they see.
pub(crate) fn run() -> Outcome<()> {
    let folder = workspace::root().join(PICTURES);
    fs::create_dir_all(&folder).map_err(Failure::doing(format!("make {PICTURES}")))?;
    let mut rig = Rig::without_postgres().with_browser()?;
    remove_old(&folder)?;
    let mut cargo = process::cargo();
    cargo.args([
        "test",
        "--package",
        "billing-server",
        "--test",
        "cli",
        TESTS,
    ]);
    rig.run(cargo.env(PICTURES_VARIABLE, folder))
}

/// A page that is no more has no picture.
fn remove_old(folder: &Path) -> Outcome<()> {
    let failed = || Failure::doing(format!("clear {PICTURES}"));
    for entry in fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.extension().is_some_and(|kind| kind == KIND) {
            fs::remove_file(path).map_err(failed())?;
        }
    }
    Ok(())
}
