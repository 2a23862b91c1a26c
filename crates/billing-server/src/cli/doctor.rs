//! `billing doctor`: is everything as it should be?

mod letters;
mod licenses;
mod mail;
mod seen;

use std::cmp::Ordering;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use billing_ports::FindingLevel;
use clap::Args;
use jiff::SignedDuration;

use self::seen::{Seen, bad, good, show, warning};
use super::Context;
use super::catalog::read;
use super::failure::Failure;
use crate::config::{Config, Database};
use crate::database::{Versions, look};
use crate::lock::LockError;
use crate::wiring::{Parts, WiringError, lock};

/// How far clocks of two machines may be apart before it is worth a word: five
/// minutes, which signatures of webhooks tolerate too.
const MAX_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Look at everything that the server needs: the database, the catalog, the
/// providers with their keys, prices and webhooks, the clock, mail, the files.
#[derive(Debug, Args)]
#[command(after_help = "\
Run it where the server runs, with the server's configuration. Exit code 1: something is bad.

Examples:
  billing doctor
  billing doctor --json --config /etc/billing/billing.toml")]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let mut seen = vec![good("configuration", told_by(&config))];
        seen.extend(config.plans.as_deref().map(plan_file));
        let served = examine(&config, &mut seen).await;
        seen.push(listen(&config, served));
        if config.enabled {
            seen.push(mail::look(config.mail.as_ref()).await);
        }
        seen.extend(letters::look(config.letters.templates.as_deref()));
        seen.extend(files(&config));
        seen.extend(licenses::file(&config));
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

fn plan_file(path: &Path) -> Seen {
    match read(path) {
        Ok(_) => good("plan file", format!("{} is sound", path.display())),
        Err(failure) => bad("plan file", failure.message().to_owned()),
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
    let parts = match open(config, seen).await {
        Ok(Some(parts)) => parts,
        Ok(None) => return false,
        Err(WiringError::Lock(LockError::InUse { path, server })) => {
            let by = match server {
                Some(server) => format!("in the server at {server}; ask its /readyz, or stop it"),
                None => "in another command; wait until it has ended".to_owned(),
            };
            let text = format!("{} is open {by} to look inside", path.display());
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
    seen.extend(address(config));
    if config.sandbox.is_none() && parts.providers.is_empty() {
        let text = "no provider is configured: only free plans can be had".to_owned();
        seen.push(warning("providers", text));
    }
    false
}

/// Opens everything and changes nothing. `None`: there is nothing to look into
/// yet, which is noted.
async fn open(config: &Config, seen: &mut Vec<Seen>) -> Result<Option<Parts>, WiringError> {
    let missing: Vec<&Path> = databases(config).filter(|path| !path.exists()).collect();
    for path in &missing {
        seen.push(absent(path));
    }
    if !missing.is_empty() {
        return Ok(None);
    }
    let locks = lock(config)?;
    let (store, Versions { found, needed }) = look(&config.database).await?;
    let kind = kind(config);
    match found.cmp(&needed) {
        Ordering::Equal => {
            let text = format!("{kind} answers, its schema is up to date");
            seen.push(good("database", text));
        }
        Ordering::Less => {
            let text = format!(
                "{kind} answers, its schema is at version {found} of {needed}; \
                 the server brings it up to date when it starts, or `billing migrate`"
            );
            seen.push(warning("database", text));
            return Ok(None);
        }
        Ordering::Greater => {
            let text = format!(
                "{kind} has a schema of version {found}, and this program knows {needed}: \
                 a newer program has served it"
            );
            seen.push(bad("database", text));
            return Ok(None);
        }
    }
    let public_url = match &config.public_url {
        Some(url) => url.to_string(),
        None => format!("http://{}", config.listen),
    };
    let parts = Parts::around(config, &public_url, store, locks).await?;
    Ok(Some(parts))
}

fn absent(path: &Path) -> Seen {
    let shown = path.display();
    if has_folder(path) {
        let text = format!("{shown} is not there; the server makes it when it starts");
        warning("database", text)
    } else {
        let text = format!("{shown} cannot be made: its folder is not there");
        bad("database", text)
    }
}

/// Whether the folder that `path` is in is there.
fn has_folder(path: &Path) -> bool {
    // The folder of a bare name is the working directory, which is there.
    path.parent()
        .is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
}

/// Whether providers that are somewhere else can reach this server. `None`: there are
/// none, or they can be told where.
fn address(config: &Config) -> Option<Seen> {
    let called = config.stripe.is_some() || config.paddle.is_some() || config.btcpay.is_some();
    (called && config.public_url.is_none()).then(|| {
        let text = format!(
            "not set: webhooks and returning buyers are expected at http://{}, which is \
             reached from this machine alone; set BILLING_PUBLIC_URL to what others see",
            config.listen
        );
        warning("public address", text)
    })
}

fn kind(config: &Config) -> String {
    match &config.database {
        Database::Sqlite(path) => format!("SQLite file {}", path.display()),
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    }
}

/// The database files of this configuration.
fn databases(config: &Config) -> impl Iterator<Item = &Path> {
    let books = match &config.database {
        Database::Sqlite(path) => Some(path.as_path()),
        Database::Postgres(_) => None,
    };
    let sandbox = config.sandbox.as_ref().map(|told| told.database.as_path());
    books.into_iter().chain(sandbox)
}

async fn database(config: &Config, parts: &Parts, seen: &mut Vec<Seen>) {
    let (Some(store), Some(clock)) = (parts.billing.store(), parts.billing.clock()) else {
        return;
    };
    match store.list_keys(1).await {
        Ok(keys) if keys.is_empty() => {
            let text = "none yet; make one with `billing keys create NAME --scope admin`";
            seen.push(warning("keys", text.to_owned()));
        }
        Ok(_) => seen.push(good("keys", "there are operator keys".to_owned())),
        Err(error) => seen.push(bad("keys", error.to_string())),
    }
    let moved = if parts.sandbox.is_some() {
        "the sandbox's"
    } else {
        "the host's"
    };
    let now = clock.now();
    let revision = match store.current_catalog().await {
        Ok(Some(revision)) => revision,
        Ok(None) => {
            let text = "none in force; the server applies the plan file when it starts";
            seen.push(good("clock", format!("{moved}: {now}")));
            return seen.push(warning("catalog", text.to_owned()));
        }
        Err(error) => return seen.push(bad("catalog", error.to_string())),
    };
    let applied_at = revision.applied_at;
    if now.duration_until(applied_at) > MAX_SLACK {
        let text = format!(
            "{moved}: {now}, before {applied_at}, when the catalog was applied; \
             nothing falls due until then. Set the clock right"
        );
        seen.push(bad("clock", text));
    } else {
        seen.push(good("clock", format!("{moved}: {now}")));
    }
    let plans = revision.catalog.plans().len();
    let text = format!(
        "revision {} of {}, {plans} plans, applied {}",
        revision.number,
        revision.catalog.product(),
        applied_at
    );
    seen.push(good("catalog", text));
    seen.extend(licenses::books(config, store.as_ref(), &revision.catalog).await);
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
    databases(config)
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
            let of_others = mode & 0o077;
            if of_others == 0 {
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
