//! Help: every command says what it does and shows how.

use crate::rig::Folder;

/// Every command there is, as it is typed.
const COMMANDS: [&str; 34] = [
    "",
    "serve",
    "migrate",
    "catalog",
    "catalog check",
    "catalog diff",
    "catalog apply",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "license-keys",
    "license-keys list",
    "license-keys prepare",
    "license-keys rotate",
    "license-keys retire",
    "clock",
    "clock show",
    "clock advance",
    "clock set",
    "doctor",
    "audit",
    "reconcile",
    "replay",
    "resend",
    "import",
    "import csv",
    "import stripe",
    "forecast",
    "migrate-prices",
    "migrate-prices plan",
    "migrate-prices execute",
    "prorate",
    "openapi",
];

#[test]
fn every_command_has_help_with_examples_of_itself() {
    let folder = Folder::new("help");
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let ran = folder.billing(&words);
        ran.exits(0).tells(&["Usage: billing", "Examples:\n  "]);
        let (_, examples) = ran.out.split_once("Examples:\n").unwrap();
        let shown = format!("billing {command}");
        assert!(examples.contains(shown.trim_end()), "{ran}");
    }
    assert!(folder.files().is_empty(), "help leaves nothing behind");
}

#[test]
fn every_command_that_is_listed_is_tried_here() {
    let folder = Folder::new("listed");
    for group in [
        "",
        "catalog",
        "keys",
        "license-keys",
        "clock",
        "import",
        "migrate-prices",
    ] {
        let mut words: Vec<&str> = group.split_whitespace().collect();
        words.push("--help");
        let ran = folder.billing(&words);
        let (_, listed) = ran.out.split_once("Commands:\n").unwrap();
        let (listed, _) = listed.split_once("\n\n").unwrap();
        let names = listed
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        for name in names.filter(|name| *name != "help") {
            let command = format!("{group} {name}");
            assert!(COMMANDS.contains(&command.trim()), "{command}");
        }
    }
}

#[test]
fn the_exit_codes_are_listed_and_wrong_usage_is_2() {
    let folder = Folder::new("usage");
    folder
        .billing(&["--help"])
        .tells(&["Subscription billing in one program", "Exit codes:"]);
    for wrong in [
        &["sell"][..],
        &["clock", "advance"],
        &["keys", "revoke", "x"],
    ] {
        let ran = folder.billing(wrong);
        ran.exits(2).complains(&["error:"]);
    }
}

#[test]
fn the_api_is_described_without_a_server() {
    let folder = Folder::new("openapi");
    let document = folder.billing(&["openapi"]);
    assert!(document.exits(0).json()["paths"]["/v1/plans"].is_object());
    assert!(folder.files().is_empty());
}
