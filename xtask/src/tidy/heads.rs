//! Every module opens by saying what it is.

use super::Finding;
use super::sources::Sources;

/// Where modules must have a head.
const COVERED: [&str; 3] = ["crates/", "tests/", "xtask/"];

/// Finds modules that do not open with `//!`.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    sources
        .rust()
        .filter(|(path, _)| COVERED.iter().any(|place| path.starts_with(place)))
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| format!("{path}: open with `//!`: what the module is, what it leaves out"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_a_head_is_found() {
        let sources = Sources::from([
            ("crates/a/src/lib.rs", "//! A room.\nmod b;"),
            ("crates/a/src/b.rs", "use std::fmt;\n//! Too late."),
            ("README.md", "# No module"),
        ]);
        let findings = check(&sources);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("crates/a/src/b.rs:"));
    }
}
