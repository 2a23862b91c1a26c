//! `billing doctor`: is everything as it should be?

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use billing_ports::FindingLevel;
use clap::Args;
use serde_json::json;

use super::Context;
use super::failure::Failure;
use super::out::Color;
use crate::config::{Config, Database};
use crate::lock::LockError;
use crate::wiring::{Parts, WiringError};

/// Look at everything that the server needs: the database, the catalog, the
/// providers with their keys, prices and webhooks, the clock, the files.
#[derive(Debug, Args)]
#[command(after_help = "\
Run it where the server runs, with the server's configuration. Exit code 1: something is bad.

Examples:
  billing doctor
  billing doctor --json --config /etc/billing/billing.toml")]
pub(crate) struct Doctor {}

/// One thing that was looked at.
struct Seen {
    what: &'static str,
    level: FindingLevel,
    text: String,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let mut seen = vec![good("configuration", told_by(&config))];
        let served = examine(&config, &mut seen).await;
        seen.push(listen(&config, served));
        seen.extend(files(&config));
        show(context, &seen);
        let bad = seen.iter().any(|seen| seen.level == FindingLevel::Bad);
        Ok(ExitCode::from(u8::from(bad)))
    }
}

fn told_by(config: &Config) -> String {
    match &config.file {
        Some(file) => format!("{} and the environment", file.display()),
        None => "the environment and defaults; there is no file".to_owned(),
    }
}

/// Looks at the parts; says whether a server has them.
async fn examine(config: &Config, seen: &mut Vec<Seen>) -> bool {
    if !config.enabled {
        seen.push(warning(
            "billing",
            "switched off: every gate is open".to_owned(),
        ));
        return false;
    }
    let parts = match Parts::connect(config, "http://127.0.0.1").await {
        Ok(parts) => parts,
        Err(WiringError::Lock(LockError::InUse { path })) => {
            let text = format!(
                "{} is open in a running server; stop it to look inside, or ask its /readyz",
                path.display()
            );
            seen.push(warning("database", text));
            return true;
        }
        Err(error) => {
            let failure = Failure::from(error);
            seen.push(bad("database", failure.message().to_owned()));
            return false;
        }
    };
    database(config, &parts, seen).await;
    if config.sandbox.is_none() && parts.providers.is_empty() {
        let text = "no provider is configured: only free plans can be had".to_owned();
        seen.push(warning("providers", text));
    }
    false
}

async fn database(config: &Config, parts: &Parts, seen: &mut Vec<Seen>) {
    let Some(store) = parts.billing.store() else {
        return;
    };
    let kind = match &config.database {
        Database::Sqlite(path) => format!("SQLite file {}", path.display()),
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    };
    match store.ping().await {
        Ok(()) => seen.push(good(
            "database",
            format!("{kind} answers, schema up to date"),
        )),
        Err(error) => return seen.push(bad("database", format!("{kind}: {error}"))),
    }
    match store.list_keys(1).await {
        Ok(keys) if keys.is_empty() => {
            let text = "none yet; make one with `billing keys create NAME --scope admin`";
            seen.push(warning("keys", text.to_owned()));
        }
        Ok(_) => seen.push(good("keys", "there are operator keys".to_owned())),
        Err(error) => seen.push(bad("keys", error.to_string())),
    }
    if let Some(clock) = parts.billing.clock() {
        let moved = if parts.sandbox.is_some() {
            "the sandbox's"
        } else {
            "the host's"
        };
        seen.push(good("clock", format!("{moved}: {}", clock.now())));
    }
    let revision = match store.current_catalog().await {
        Ok(Some(revision)) => revision,
        Ok(None) => {
            let text = "none in force; the server applies the plan file when it starts";
            return seen.push(warning("catalog", text.to_owned()));
        }
        Err(error) => return seen.push(bad("catalog", error.to_string())),
    };
    let plans = revision.catalog.plans().len();
    let text = format!(
        "revision {} of {}, {plans} plans, applied {}",
        revision.number,
        revision.catalog.product(),
        revision.applied_at
    );
    seen.push(good("catalog", text));
    for provider in &parts.providers {
        for finding in provider.doctor(&revision.catalog).await {
            seen.push(Seen {
                what: "provider",
                level: finding.level,
                text: finding.text,
            });
        }
    }
}

fn listen(config: &Config, served: bool) -> Seen {
    match TcpListener::bind(config.listen) {
        Ok(_free) => good("listen", format!("{} is free", config.listen)),
        Err(error) if served => good(
            "listen",
            format!("{}: {error}, by the server", config.listen),
        ),
        Err(error) => bad(
            "listen",
            format!("{}: {error}; see BILLING_LISTEN", config.listen),
        ),
    }
}

fn files(config: &Config) -> Vec<Seen> {
    let mut paths: Vec<&Path> = Vec::new();
    if let Database::Sqlite(path) = &config.database {
        paths.push(path);
    }
    if let Some(sandbox) = &config.sandbox {
        paths.push(&sandbox.database);
    }
    paths.extend(config.file.as_deref());
    paths
        .into_iter()
        .filter(|path| path.exists())
        .map(file)
        .collect()
}

#[cfg(unix)]
fn file(path: &Path) -> Seen {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(data) => {
            let mode = data.permissions().mode() & 0o777;
            if mode & 0o077 == 0 {
                good("file", format!("{shown} is its owner's alone"))
            } else {
                let text =
                    format!("{shown} can be read by others (mode {mode:o}); chmod 600 {shown}");
                warning("file", text)
            }
        }
        Err(error) => bad("file", format!("{shown}: {error}")),
    }
}

#[cfg(not(unix))]
fn file(path: &Path) -> Seen {
    good("file", format!("{} is there", path.display()))
}

fn show(context: &Context, seen: &[Seen]) {
    let out = context.out;
    if out.is_json() {
        let findings: Vec<_> = seen
            .iter()
            .map(|seen| json!({ "what": seen.what, "level": word(seen.level), "text": seen.text }))
            .collect();
        let healthy = seen.iter().all(|seen| seen.level != FindingLevel::Bad);
        return out.value(&json!({ "healthy": healthy, "findings": findings }));
    }
    for seen in seen {
        let (color, mark) = match seen.level {
            FindingLevel::Good => (Color::Green, "good   "),
            FindingLevel::Warning => (Color::Yellow, "warning"),
            FindingLevel::Bad => (Color::Red, "bad    "),
        };
        let mark = out.paint(color, mark);
        out.line(&format!("{mark}  {:13}  {}", seen.what, seen.text));
    }
}

const fn word(level: FindingLevel) -> &'static str {
    match level {
        FindingLevel::Good => "good",
        FindingLevel::Warning => "warning",
        FindingLevel::Bad => "bad",
    }
}

const fn good(what: &'static str, text: String) -> Seen {
    let level = FindingLevel::Good;
    Seen { what, level, text }
}

const fn warning(what: &'static str, text: String) -> Seen {
    let level = FindingLevel::Warning;
    Seen { what, level, text }
}

const fn bad(what: &'static str, text: String) -> Seen {
    let level = FindingLevel::Bad;
    Seen { what, level, text }
}
