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
/// The tests that open every page; that hostile names do no harm there is for nobody to see.
const TESTS: [&str; 3] = [
    "browser::admin::pages_of_the_dashboard",
    "browser::pages::pages_of_buying",
    "browser::portal::pages_of_the_portal",
];

/// Runs the tests that open every page, and keeps what they see.
pub(crate) fn run() -> Outcome<()> {
    let folder = workspace::root().join(PICTURES);
    fs::create_dir_all(&folder).map_err(Failure::doing(format!("make {PICTURES}")))?;
    let mut rig = Rig::without_postgres().with_browser()?;
    remove_old(&folder)?;
    let mut cargo = process::cargo();
    cargo.args(["test", "--package", "billing-server", "--test", "cli"]);
    cargo.args(["--", "--exact"]).args(TESTS);
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
