//! `billing license-keys`: the keys that sign licenses, prepared, rotated, listed and
//! retired in their file. Asks no server and no books: servers look at the file.

use std::path::Path;
use std::process::ExitCode;

use billing::system::{SystemClock, SystemIds};
use billing_ports::Clock as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::Context;
use super::confirm::confirmed;
use super::failure::Failure;
use crate::license::{KeyFileError, Listed, UNNAMED, change, key_file, look};

/// Rotate, list and retire the keys that sign licenses.
#[derive(Debug, Subcommand)]
pub(crate) enum LicenseKeys {
    /// List the keys, without their secrets
    #[command(after_help = "Examples:\n  billing license-keys list --json")]
    List,
    /// Show applications a key that will sign after the next rotation
    #[command(after_help = "\
Where servers have copies of the file, or applications keep the public keys for long: prepare, \
give every server the file, wait, and rotate.

Examples:\n  billing license-keys prepare")]
    Prepare,
    /// Sign with the next key, or a new one; the old one verifies until it is retired
    #[command(after_help = "\
Servers that have this very file sign with the new key from the next license on.

Examples:\n  billing license-keys rotate")]
    Rotate,
    /// Believe nothing any more that an old key signed
    #[command(after_help = "\
Applications whose last license it signed are refused until they have another.

Examples:\n  billing license-keys retire kPrK_qmxVWaY… --yes")]
    Retire {
        /// The key, as `billing license-keys list` shows it
        // Names of keys may begin with a dash.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl LicenseKeys {
    pub(crate) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let unnamed = || Failure::usage("no license key file is named").with_hint(UNNAMED);
        let path = key_file(&config).ok_or_else(unnamed)?;
        let algorithm = config.license.algorithm;
        let now = SystemClock.now();
        match self {
            Self::List => {
                let found = look(&path).map_err(|error| failed(&error))?;
                let missing = KeyFileError::Missing { path };
                let keys = found.ok_or_else(|| failed(&missing))?;
                show(context, &keys.list());
            }
            Self::Prepare => {
                let made = change(&path, |keys| keys.prepare(algorithm, &SystemIds, now));
                let kid = made.map_err(|error| failed(&error))?;
                told(
                    context,
                    &kid,
                    "next",
                    "is shown, and signs after a rotation.",
                );
            }
            Self::Rotate => {
                let made = change(&path, |keys| keys.rotate(algorithm, &SystemIds, now));
                let kid = made.map_err(|error| failed(&error))?;
                told(context, &kid, "signs", "signs from now on.");
            }
            Self::Retire { kid, yes } => return retire(context, &path, &kid, yes),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn retire(context: &Context, path: &Path, kid: &str, yes: bool) -> Result<ExitCode, Failure> {
    let question = format!("Refuse every license that {kid} signed?");
    if !yes && !confirmed(&question, "To do it without being asked: --yes")? {
        return Err(Failure::failed("nothing was retired"));
    }
    change(path, |keys| keys.retire(kid)).map_err(|error| failed(&error))?;
    told(context, kid, "retired", "is retired.");
    Ok(ExitCode::SUCCESS)
}

fn failed(error: &KeyFileError) -> Failure {
    let failure = match error {
        KeyFileError::Ring(refused) => Failure::refused(refused.to_string()),
        KeyFileError::Io { .. }
        | KeyFileError::OpenToOthers { .. }
        | KeyFileError::Form { .. }
        | KeyFileError::Missing { .. }
        | KeyFileError::Busy { .. } => Failure::new("have the license keys", error),
    };
    failure.with_hint(error.hint())
}

fn told(context: &Context, kid: &str, is: &str, words: &str) {
    if context.out.is_json() {
        context.out.value(&json!({ "kid": kid, "use": is }));
    } else {
        context.out.line(&format!("{kid} {words}"));
    }
}

fn show(context: &Context, keys: &[Listed]) {
    if context.out.is_json() {
        let data: Vec<Value> = keys.iter().map(view).collect();
        return context.out.value(&json!({ "data": data }));
    }
    let head = ["kid", "algorithm", "use", "since"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(|key| {
        let since = key.since.map_or("-".to_owned(), |at| at.to_string());
        let algorithm = key.algorithm.to_string();
        vec![
            key.kid.clone(),
            algorithm,
            key.usage.as_str().to_owned(),
            since,
        ]
    }));
    context.out.table(&rows);
}

fn view(key: &Listed) -> Value {
    json!({
        "kid": key.kid,
        "algorithm": key.algorithm.as_str(),
        "use": key.usage.as_str(),
        "since": key.since.map(|at| at.to_string()),
    })
}
