//! Colors are for terminals.
#![cfg(target_os = "linux")]

use crate::rig::{Folder, PROGRAM, Ran};

const ESCAPE: char = '\u{1b}';

/// Runs `billing` on a terminal of its own, which `script` makes.
fn on_terminal(folder: &Folder, arguments: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = folder.command("script");
    command
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{PROGRAM} {arguments}"))
        .arg("/dev/null")
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        // Any port: the usual one may be somebody's server.
        .env("BILLING_LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied());
    Ran::of(command, "")
}

#[test]
fn colors_are_shown_on_a_terminal_alone() {
    let folder = Folder::new("colors");
    let doctor = on_terminal(&folder, "doctor", &[]);
    assert!(doctor.exits(0).out.contains("\u{1b}[32mgood"), "{doctor}");
    let failed = on_terminal(&folder, "catalog check", &[]);
    assert!(failed.exits(2).out.contains("\u{1b}[31merror:"), "{failed}");

    let plain = on_terminal(&folder, "doctor", &[("NO_COLOR", "1")]);
    assert!(!plain.exits(0).out.contains(ESCAPE), "{plain}");
    for arguments in [&["doctor"][..], &["--help"], &["catalog", "check"]] {
        let piped = folder.billing(arguments);
        assert!(
            !piped.out.contains(ESCAPE) && !piped.err.contains(ESCAPE),
            "{piped}"
        );
    }
    let json = on_terminal(&folder, "doctor --json", &[]);
    assert!(!json.exits(0).out.contains(ESCAPE), "{json}");
}
