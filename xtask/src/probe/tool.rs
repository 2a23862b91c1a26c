//! The tool: a Python program in an environment of its own, installed once, in the versions
//! that `xtask/schemathesis.txt` names.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::apt;
use crate::failure::{Failure, Outcome};
use crate::process;
use crate::workspace;

/// What is installed, from the root of the workspace.
const REQUIRED: &str = "xtask/schemathesis.txt";

/// The copy of it that says what is there already.
const INSTALLED: &str = "installed.txt";

/// What Debian leaves out of its Python.
const PACKAGES: [&str; 1] = ["python3-venv"];
const ADVICE: &str =
    "no Python with venv here: install it (Debian: `apt-get install python3-venv`)";

/// Seconds that the package index may take to answer, and how often it is asked again: without a
/// network that is known soon.
const INDEX_ANSWERS_WITHIN: &str = "15";
const INDEX_RETRIES: &str = "1";

/// Where that index is, and how long is waited for it to be reached.
const INDEX: &str = "pypi.org:443";
const REACHED_WITHIN: Duration = Duration::from_secs(5);

/// The tool, ready to run.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Where it is kept, and may keep what it is given.
    pub(crate) place: PathBuf,
}

/// Why the tool is not at hand.
#[derive(Debug)]
pub(crate) enum Missing {
    /// It cannot be had on this machine: there is no Python, or no package index is reached.
    Here(Failure),
    /// It could be, and is not: something is wrong with what is installed.
    Wrong(Failure),
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Here(failure) | Missing::Wrong(failure) => failure,
        }
    }
}

impl From<Failure> for Missing {
    fn from(failure: Failure) -> Self {
        Self::Wrong(failure)
    }
}

impl Tool {
    /// The tool, installed where it is not there yet.
    pub(crate) fn installed() -> Result<Self, Missing> {
        Self::at(&place()?)
    }

    fn at(place: &Path) -> Result<Self, Missing> {
        let required = fs::read_to_string(workspace::root().join(REQUIRED))
            .map_err(Failure::doing(format!("read {REQUIRED}")))?;
        let tool = Self {
            place: place.to_owned(),
        };
        let installed = place.join(INSTALLED);
        if fs::read_to_string(&installed).is_ok_and(|there| there == required) {
            return Ok(tool);
        }
        if !process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
            apt::install(&PACKAGES, ADVICE).map_err(Missing::Here)?;
        }
        eprintln!("xtask: installing schemathesis");
        fs::create_dir_all(place).map_err(Failure::doing("make a folder"))?;
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(tool.venv());
        process::read(&mut venv)?;
        let mut pip = Command::new(tool.venv().join("bin/pip"));
        // Built packages alone: building one would run what it brings along.
        pip.args(["install", "--quiet", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "--no-deps"])
            .args([
                "--timeout",
                INDEX_ANSWERS_WITHIN,
                "--retries",
                INDEX_RETRIES,
            ])
            .arg("--requirement")
            .arg(workspace::root().join(REQUIRED));
        process::read(&mut pip).map_err(|failure| {
            if reaches_index() {
                Missing::Wrong(failure)
            } else {
                Missing::Here(failure)
            }
        })?;
        fs::write(&installed, required).map_err(Failure::doing("note what is installed"))?;
        Ok(tool)
    }

    fn venv(&self) -> PathBuf {
        self.place.join("venv")
    }

    /// The tool, at work in `folder`, where it keeps what it remembers.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(self.venv().join("bin/schemathesis"));
        command.current_dir(folder);
        command
    }
}

/// Whether the package index answers at all.
fn reaches_index() -> bool {
    let addresses = INDEX.to_socket_addrs().into_iter().flatten();
    let mut reached = addresses.map(|at| TcpStream::connect_timeout(&at, REACHED_WITHIN));
    reached.any(|reached| reached.is_ok())
}

/// Where the tool is kept: in cargo's target directory, in which this program was built.
fn place() -> Outcome<PathBuf> {
    let own = std::env::current_exe().map_err(Failure::doing("find this program"))?;
    let target = own.parent().and_then(Path::parent);
    let target = target.ok_or_else(|| Failure::new("this program was built nowhere"))?;
    Ok(target.join("probe"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_is_installed_already_is_not_installed_again() {
        let scratch = Scratch::new();
        let required = fs::read_to_string(workspace::root().join(REQUIRED)).unwrap();
        scratch.write(INSTALLED, &required);
        let tool = Tool::at(scratch.path()).unwrap();
        assert!(!tool.venv().exists());
    }

    #[test]
    fn every_version_is_named() {
        let required = fs::read_to_string(workspace::root().join(REQUIRED)).unwrap();
        let mut lines = required.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.all(|line| line.contains("==")), "{required}");
        assert!(required.contains("schemathesis=="));
    }
}
