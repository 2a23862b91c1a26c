//! Short files: what does not fit in a head is split.

use super::Finding;
use super::sources::{Sources, is_test};

/// Lines of a module with its own tests: about 300 of code, as much again of tests.
const MODULE_LINES: usize = 600;
/// Lines of a file of tests alone: stories and tables are long and read in one direction.
const TEST_LINES: usize = 900;

/// Finds Rust files over their limit.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    sources
        .rust()
        .filter_map(|(path, text)| {
            let limit = if is_test(path) {
                TEST_LINES
            } else {
                MODULE_LINES
            };
            let lines = text.lines().count();
            (lines > limit).then(|| format!("{path}: {lines} lines, over {limit}: split it"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_has_its_own_limit() {
        let module = "//\n".repeat(MODULE_LINES);
        let longer = "//\n".repeat(MODULE_LINES + 1);
        let longest = "//\n".repeat(TEST_LINES + 1);
        let sources = Sources::from([
            ("crates/a/src/full.rs", module.as_str()),
            ("crates/a/src/over.rs", longer.as_str()),
            ("tests/stories/over.rs", longer.as_str()),
            ("tests/stories/too_long.rs", longest.as_str()),
            ("docs/guide.md", longest.as_str()),
        ]);
        let expected = [
            "crates/a/src/over.rs: 601 lines, over 600: split it",
            "tests/stories/too_long.rs: 901 lines, over 900: split it",
        ];
        assert_eq!(check(&sources), expected);
    }
}
