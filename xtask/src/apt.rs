//! Installing a package where that is ours to do: on Debian and its kin, as root.

use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process;

/// Installs `packages`. Fails with `advice` where they are a person's to install, or did not
/// install.
pub(crate) fn install(packages: &[&str], advice: &str) -> Outcome<()> {
    let root = process::read(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0");
    let apt = process::succeeds(Command::new("apt-get").arg("--version"));
    if !(root && apt) {
        return Err(Failure::new(advice));
    }
    eprintln!("xtask: installing {}", packages.join(" "));
    // A failed update is no reason to stop: the lists at hand may do.
    if process::read(apt_get().args(["-q", "update"])).is_err() {
        eprintln!("xtask: apt-get update failed, going on with the lists at hand");
    }
    let mut install = apt_get();
    install.args(["-qq", "-y", "--no-install-recommends", "install"]);
    match process::read(install.args(packages)) {
        Ok(_) => Ok(()),
        Err(failure) => Err(Failure::new(format!("{failure}; {advice}"))),
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
