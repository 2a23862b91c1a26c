//! `cargo xtask openapi`: writes down the document that the server itself prints.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::process;
use crate::workspace;

/// Where the document lies, from the root of the workspace.
pub(crate) const DOCUMENT: &str = "docs/openapi.json";

/// Regenerates the document.
pub(crate) fn run() -> Outcome<()> {
    // The server alone: tests may well not compile while its routes change.
    let mut server = process::cargo();
    server.args([
        "run",
        "--quiet",
        "--package",
        "billing-server",
        "--",
        "openapi",
    ]);
    let document = process::read(&mut server)?;
    fs::write(workspace::root().join(DOCUMENT), document)
        .map_err(Failure::doing(format!("write {DOCUMENT}")))?;
    eprintln!("xtask: wrote {DOCUMENT}");
    Ok(())
}

/// What cargo is asked to build so that the tests find their work done: the features of
/// dependencies then are theirs. Building the server alone would compile most of them twice.
pub(crate) const EVERYTHING: [&str; 4] = ["--workspace", "--bins", "--tests", "--examples"];

/// What `billing openapi` prints, built from the code as it is.
pub(crate) fn printed() -> Outcome<String> {
    let server = program(&EVERYTHING)?;
    process::read(
        Command::new(server)
            .arg("openapi")
            .current_dir(workspace::root()),
    )
}

/// The server's program, built from the code as it is with all that `selection` has cargo build.
pub(crate) fn program(selection: &[&str]) -> Outcome<PathBuf> {
    let mut build = process::cargo();
    build.args(["build", "--quiet"]).args(selection);
    build.arg("--message-format=json-render-diagnostics");
    let messages = process::read(&mut build)?;
    executable(&messages, "billing")
        .map(PathBuf::from)
        .ok_or_else(|| Failure::new("the build made no program called billing"))
}

/// The path of the program `name` in what a build tells as JSON, one message a line.
fn executable(messages: &str, name: &str) -> Option<String> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let target = &message["target"];
        let is_program = target["kind"][0] == "bin" && message["profile"]["test"] == false;
        let path = message["executable"].as_str()?;
        (is_program && target["name"] == name).then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_told_from_its_tests_and_from_others() {
        let message = |name: &str, kind: &str, test: bool, path: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "target": { "name": name, "kind": [kind] },
                "profile": { "test": test },
                "executable": path,
            })
            .to_string()
        };
        let messages = [
            "not a message".to_owned(),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            message("billing", "bin", true, "/t/deps/billing-1"),
            message("billing", "example", false, "/t/examples/billing"),
            message("xtask", "bin", false, "/t/xtask"),
            message("billing", "bin", false, "/t/billing"),
        ];
        assert_eq!(
            executable(&messages.join("\n"), "billing").as_deref(),
            Some("/t/billing")
        );
        assert_eq!(executable(&messages[..5].join("\n"), "billing"), None);
    }
}
