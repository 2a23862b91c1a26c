//! `billing catalog`: plan files, checked, compared and applied.

mod difference;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use billing_catalog::{PlanFileErrors, read_plan_file};
use billing_domain::catalog::Catalog as Plans;
use billing_engine::{ApplyOutcome, CatalogError};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::difference::Difference;
use super::Context;
use super::confirm::confirmed;
use super::failure::{Failure, REFUSED};
use super::remote::Remote;
use super::target::{ServerArg, Target};
use crate::wiring::Parts;

/// Check, compare and apply plan files.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Tell every mistake of a plan file, with its line and column
    #[command(after_help = "Examples:\n  billing catalog check plans.yaml")]
    Check {
        /// The plan file [default: the configured one]
        file: Option<PathBuf>,
    },
    /// Show what applying a plan file would change, who holds what, and the effect on revenue
    #[command(after_help = "Examples:\n  billing catalog diff plans.yaml")]
    Diff(Compare),
    /// Put a plan file in force, after showing what changes
    #[command(after_help = "\
What somebody has bought stays as it was: a changed price is refused, with the edit that works.

Examples:
  billing catalog apply plans.yaml
  billing catalog apply plans.yaml --yes --server http://127.0.0.1:8080")]
    Apply {
        #[command(flatten)]
        compare: Compare,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which file, compared with what.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The plan file [default: the configured one]
    file: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArg,
}

impl Catalog {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Check { file } => check(context, file),
            Self::Diff(compare) => {
                let (text, target) = compare.open(context).await?;
                let difference = target.compare(&text).await?;
                difference.show(context.out);
                difference.refused().map_or(Ok(ExitCode::SUCCESS), Err)
            }
            Self::Apply { compare, yes } => {
                let (text, target) = compare.open(context).await?;
                apply(context, &text, &target, yes).await
            }
        }
    }
}

/// A plan file, read and found sound.
pub(super) struct PlanFile {
    text: String,
    plans: Plans,
}

fn check(context: &Context, file: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let path = chosen(context, file)?;
    let read = match read_file(&path)? {
        Ok(read) => read,
        Err(errors) if context.out.is_json() => {
            context.out.value(&mistakes(&errors));
            return Ok(ExitCode::from(REFUSED));
        }
        Err(errors) => return Err(errors.into()),
    };
    let plans = read.plans.plans().len();
    let prices = read.plans.prices().count();
    if context.out.is_json() {
        let sound = json!({ "sound": true, "plans": plans, "prices": prices });
        context.out.value(&sound);
    } else {
        let shown = path.display();
        let line = format!("{shown}: sound, {plans} plans with {prices} prices");
        context.out.line(&line);
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(context: &Context, file: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(file) = file {
        return Ok(file);
    }
    context.config()?.plans.ok_or_else(|| {
        Failure::usage("no plan file is named")
            .with_hint("Name it after the command, or configure it: BILLING_PLANS=plans.yaml")
    })
}

/// Every mistake, for programs.
fn mistakes(errors: &PlanFileErrors) -> Value {
    let mistakes: Vec<Value> = errors
        .errors
        .iter()
        .map(|error| {
            json!({
                "path": error.path.to_string(),
                "line": error.line,
                "column": error.column,
                "found": error.found,
                "expected": error.expected,
            })
        })
        .collect();
    json!({ "sound": false, "errors": mistakes })
}

/// Reads a plan file that has to be sound.
pub(super) fn read(path: &Path) -> Result<PlanFile, Failure> {
    Ok(read_file(path)??)
}

/// Reads a plan file; inner: every mistake in it.
fn read_file(path: &Path) -> Result<Result<PlanFile, PlanFileErrors>, Failure> {
    let shown = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| Failure::new(&format!("read {shown}"), &error))?;
    Ok(read_plan_file(&shown, &bytes).map(|plans| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        PlanFile { text, plans }
    }))
}

impl Compare {
    async fn open(self, context: &Context) -> Result<(PlanFile, Subject), Failure> {
        let file = read(&chosen(context, self.file)?)?;
        let subject = match self.server.target(context).await? {
            Target::Server(remote) => Subject::Server(remote),
            Target::Books(parts) => Subject::Books(parts),
        };
        Ok((file, subject))
    }
}

/// What a plan file is compared with.
enum Subject {
    Server(Remote),
    Books(Box<Parts>),
}

impl Subject {
    async fn compare(&self, file: &PlanFile) -> Result<Difference, Failure> {
        match self {
            Self::Server(remote) => {
                let said = remote.post_yaml("/v1/catalog/diff", &file.text).await?;
                Ok(Difference::told(&said))
            }
            Self::Books(parts) => Difference::of(&parts.billing, &file.plans).await,
        }
    }

    async fn apply(&self, file: &PlanFile) -> Result<ApplyOutcome, Failure> {
        match self {
            Self::Server(remote) => {
                let said = remote.post_yaml("/v1/catalog/apply", &file.text).await?;
                let number = said.get("revision").and_then(Value::as_u64);
                let number =
                    number.ok_or_else(|| Failure::server("the answer names no revision"))?;
                let applied = said.get("changed").and_then(Value::as_bool);
                Ok(if applied == Some(false) {
                    ApplyOutcome::Unchanged(number)
                } else {
                    ApplyOutcome::Applied(number)
                })
            }
            Self::Books(parts) => {
                let applied = parts.billing.apply_catalog(&file.plans).await;
                applied.map_err(not_applied)
            }
        }
    }
}

/// Why a catalog was not applied, with the edits that work.
pub(crate) fn not_applied(error: CatalogError) -> Failure {
    match error {
        CatalogError::Refused(edits) => refused(&edits),
        CatalogError::Overtaken => Failure::failed(format!("failed to apply: {error}"))
            .with_hint("Compare again, and apply if it is still what you want."),
        CatalogError::Engine(error) => Failure::new("apply the plan file", &error),
    }
}

fn refused(edits: &[String]) -> Failure {
    let mut message = String::from("the plan file breaks what somebody was promised:");
    for edit in edits {
        message.extend(["\n  ", edit]);
    }
    Failure::refused(message)
}

async fn apply(
    context: &Context,
    file: &PlanFile,
    subject: &Subject,
    yes: bool,
) -> Result<ExitCode, Failure> {
    let difference = subject.compare(file).await?;
    if !context.out.is_json() {
        difference.show(context.out);
    }
    if let Some(refused) = difference.refused() {
        return Err(refused);
    }
    if !difference.changes.is_empty() && !yes && !confirmed("Apply?", "Say --yes to apply.")? {
        return Err(Failure::failed("nothing was applied"));
    }
    let (revision, applied) = match subject.apply(file).await? {
        ApplyOutcome::Applied(revision) => (revision, true),
        ApplyOutcome::Unchanged(revision) => (revision, false),
    };
    if context.out.is_json() {
        let said = json!({ "revision": revision, "applied": applied });
        context.out.value(&said);
    } else if applied {
        context
            .out
            .line(&format!("Applied as revision {revision}."));
    }
    Ok(ExitCode::SUCCESS)
}
