//! The example that a newcomer copies, as it stands.

use std::path::PathBuf;
use std::process::Command;

/// Lines that a newcomer should have to read.
const MAX_LINES: usize = 40;

/// Where the examples are built: beside the folder that this test lies in.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    profile.join("examples").join(example)
}

/// E-01: at most forty lines from a plan file to a gated feature, and they run.
/// E-02: what a host tests with is an example too, and the runner runs its tests.
#[test]
fn e_01_one_dependency_one_object() {
    let text = include_str!("../../crates/billing/examples/gated_feature.rs");
    assert!(text.lines().count() <= MAX_LINES);
    let program = built("gated_feature");
    let ran = Command::new(&program)
        .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `cargo xtask test` builds it",
                program.display()
            )
        });
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(said, "ana may sign in by SSO\n");
    assert!(ran.status.success());
}
