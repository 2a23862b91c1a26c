//! The repository's own texts, read once for all checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome};

/// Directories that hold nothing of ours: version control, build results, mails of the sandbox.
const NOT_OURS: [&str; 3] = [".git", "target", "outbox"];

/// Text by path from the root of the workspace, with `/` between its parts.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// Every text under `root`; what is not UTF-8 is no text.
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        let mut sources = Self::default();
        sources.descend(root, "")?;
        Ok(sources)
    }

    /// The text at `path`, `None` when there is no such file.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Every text with its path, in the order of paths.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust source with its path.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(path, _)| {
            Path::new(path)
                .extension()
                .is_some_and(|extension| extension == "rs")
        })
    }

    fn descend(&mut self, directory: &Path, prefix: &str) -> Outcome<()> {
        let reading = || Failure::doing(format!("read {}", directory.display()));
        for entry in fs::read_dir(directory).map_err(reading())? {
            let entry = entry.map_err(reading())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(reading())?;
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    self.descend(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                self.0.insert(path, text);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Sources {
    fn from(texts: [(&str, &str); N]) -> Self {
        Self(
            texts
                .map(|(path, text)| (path.to_owned(), text.to_owned()))
                .into(),
        )
    }
}

/// Whether the file at `path` is a test rather than code that ships.
pub(crate) fn is_test(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn texts_of_the_repository_are_read_and_build_results_are_not() {
        let scratch = Scratch::new();
        scratch.write("crates/a/src/lib.rs", "//! A.");
        scratch.write("target/debug/out.rs", "generated");
        scratch.write(".ci/run", "#!/bin/sh");
        fs::write(scratch.path().join("picture.png"), [0xff, 0xfe]).unwrap();
        let sources = Sources::read(scratch.path()).unwrap();
        let paths: Vec<_> = sources.all().map(|(path, _)| path).collect();
        assert_eq!(paths, [".ci/run", "crates/a/src/lib.rs"]);
    }

    #[test]
    fn tests_are_told_by_their_place() {
        assert!(is_test("tests/stories/main.rs"));
        assert!(is_test("crates/a/src/money/tests.rs"));
        assert!(!is_test("crates/a/src/contests.rs"));
    }
}
