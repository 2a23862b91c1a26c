//! How long everything takes to build from nothing, as a developer builds it.

use std::process::Command;

use crate::stores::Folder;
use crate::table::{Row, Verdict, none, now};

/// Seconds.
const WANTED: u64 = 360;

/// Into a folder of its own; what was downloaded before is used.
pub(crate) fn measure() -> Vec<Row> {
    let folder = Folder::fresh();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let began = now();
    let status = Command::new(cargo)
        .args(["build", "--workspace", "--quiet"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("CARGO_TARGET_DIR", folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "the workspace does not build");
    let took = began.elapsed().as_secs();
    vec![Row {
        what: "clean build of everything, dev profile".to_owned(),
        measured: format!("{took} s"),
        floor: none(),
        ratio: none(),
        wanted: format!("< {WANTED} s"),
        verdict: Verdict::of(took < WANTED),
    }]
}
