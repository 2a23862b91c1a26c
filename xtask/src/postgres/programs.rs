//! PostgreSQL's programs on this machine, or the way to get them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::apt;
use crate::failure::{Failure, Outcome};

/// Where Debian and its kin put each major version, outside PATH.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What must lie in one directory for it to serve: a client package alone has only the last.
const NEEDED: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];
/// What to do where we may not install it.
const ADVICE: &str = "no PostgreSQL here: install it (Debian: `apt-get install postgresql`), \
                      or run the tests with --no-postgres";

/// The directory with PostgreSQL's programs, installing them where we may.
pub(super) fn directory() -> Outcome<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(&["postgresql"], ADVICE)?;
    find().ok_or_else(|| {
        Failure::new("the package postgresql is installed, but its programs are not found")
    })
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest_first = numbered(Path::new(DEBIAN));
    on_path(&path).or_else(|| newest_first.into_iter().find(|bin| complete(bin)))
}

/// The first directory of `path` with every program, behind any link: the programs look for each
/// other beside themselves.
fn on_path(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).find_map(|entry| {
        let real = fs::canonicalize(entry.join("initdb")).ok()?;
        let bin = real.parent()?.to_path_buf();
        complete(&bin).then_some(bin)
    })
}

/// `parent/<number>/bin`, the greatest number first.
fn numbered(parent: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .into_iter()
        .map(|version| parent.join(version.to_string()).join("bin"))
        .collect()
}

fn complete(bin: &Path) -> bool {
    NEEDED.iter().all(|program| bin.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn put(scratch: &Scratch, directory: &str, programs: &[&str]) -> PathBuf {
        for program in programs {
            scratch.write(&format!("{directory}/{program}"), "");
        }
        scratch.path().join(directory)
    }

    #[test]
    fn the_newest_version_comes_first_by_number() {
        let scratch = Scratch::new();
        for version in ["9", "15", "common"] {
            put(&scratch, &format!("{version}/bin"), &NEEDED);
        }
        let expected = ["15/bin", "9/bin"].map(|bin| scratch.path().join(bin));
        assert_eq!(numbered(scratch.path()), expected);
    }

    #[test]
    fn a_directory_without_the_server_is_passed_over() {
        let scratch = Scratch::new();
        let client = put(&scratch, "client", &["initdb", "psql"]);
        let whole = put(&scratch, "whole", &NEEDED);
        let path = std::env::join_paths([&client, &whole]).unwrap();
        assert_eq!(on_path(&path), Some(fs::canonicalize(whole).unwrap()));
        assert_eq!(on_path(client.as_os_str()), None);
    }
}
