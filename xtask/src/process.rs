//! Running other programs: with their output on the terminal, or read by us.

use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};
use crate::workspace;

/// What `cargo run` tells a program about its own package. Passed on to another cargo it would
/// make build scripts that watch these variables, such as ring's, build anew each time.
const ABOUT_US: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The cargo that started this command.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    for (name, _) in std::env::vars_os() {
        if ABOUT_US
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `command` with its output on the terminal; anything but success is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    let status = command
        .status()
        .map_err(Failure::doing(format!("start {}", name(command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{} ended with {status}",
            line(command)
        )))
    }
}

/// Runs `command` and returns what it wrote to stdout; its stderr is told when it fails.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::doing(format!("start {}", name(command))))?;
    if output.status.success() {
        String::from_utf8(output.stdout)
            .map_err(Failure::doing(format!("read what {} wrote", name(command))))
    } else {
        Err(Failure::new(format!(
            "{} ended with {}: {}",
            name(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }
}

/// Whether `command` can be started and succeeds; says nothing on the terminal.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The program with its arguments, as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy());
    std::iter::once(name(command).into())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The program alone, without its directory.
fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_cargo_learns_nothing_of_our_own_package() {
        // Cargo sets the variable for this test as it does for `cargo run`.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let cargo = cargo();
        let removed = |name: &str| {
            cargo
                .get_envs()
                .any(|(key, value)| key == name && value.is_none())
        };
        assert!(removed("CARGO_PKG_NAME") && removed("CARGO_MANIFEST_DIR"));
        assert!(!removed("CARGO"));
    }

    #[test]
    fn a_failed_command_tells_its_name_and_status() {
        let failure = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(failure.starts_with("false ended with"), "{failure}");
    }

    #[test]
    fn a_failed_reading_tells_what_the_program_complained_of() {
        let failure = read(Command::new("sh").args(["-c", "echo no such thing >&2; exit 3"]));
        let failure = failure.unwrap_err().to_string();
        assert!(failure.contains("no such thing"), "{failure}");
    }

    #[test]
    fn a_command_reads_as_one_types_it() {
        assert_eq!(
            line(Command::new("/usr/bin/cargo").args(["fmt", "--all"])),
            "cargo fmt --all"
        );
    }
}
