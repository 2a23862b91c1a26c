//! The browser that looks at the pages: Chromium and the driver through which tests speak to it.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::apt;
use crate::failure::{Failure, Outcome};

/// Where the tests find the driver, or that tests in a browser are to be skipped on purpose.
/// Without the variable they fail.
pub(crate) const DRIVER_VARIABLE: &str = "BILLING_TEST_CHROMEDRIVER";

/// Debian's names of both; the driver is of the browser's version.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";
const ADVICE: &str = "no Chromium with its driver here: install both (Debian: `apt-get install \
                      chromium chromium-driver`), or run the tests with --no-browser";

/// The driver's program, installing it and its browser where we may.
pub(crate) fn driver() -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = find(&path) {
        return Ok(found);
    }
    apt::install(&PACKAGES, ADVICE)?;
    find(&path).ok_or_else(|| {
        Failure::new("the packages of Chromium are installed, but it is not on the path")
    })
}

/// The driver, if its browser is there too.
fn find(path: &OsStr) -> Option<PathBuf> {
    let program = |name: &str| {
        let mut folders = std::env::split_paths(path);
        folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
    };
    program(BROWSER).and_then(|_| program(DRIVER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_driver_without_its_browser_will_not_do() {
        let scratch = Scratch::new();
        scratch.write("alone/chromedriver", "");
        scratch.write("browser/chromium", "");
        let alone = scratch.path().join("alone");
        assert_eq!(find(alone.as_os_str()), None);
        let both = std::env::join_paths([scratch.path().join("browser"), alone.clone()]).unwrap();
        assert_eq!(find(&both), Some(alone.join("chromedriver")));
    }
}
