//! `billing catalog`: plan files, checked, compared and applied.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use billing_catalog::read_plan_file;
use billing_domain::catalog::{Catalog as Plans, Holdings, diff, monthly_revenue_effect};
use billing_engine::{ApplyOutcome, Billing, CatalogError};
use billing_ports::store::Holding;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Context;
use super::failure::Failure;
use super::out::{Color, Out};
use super::remote::Remote;
use super::target::{ServerArg, Target};
use crate::wiring::Parts;

/// Check, compare and apply plan files.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Tell every mistake of a plan file, with its line and column
    #[command(after_help = "Example:\n  billing catalog check plans.yaml")]
    Check {
        /// The plan file [default: the configured one]
        file: Option<PathBuf>,
    },
    /// Show what applying a plan file would change, who holds what, and the effect on revenue
    #[command(after_help = "Example:\n  billing catalog diff plans.yaml")]
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
struct PlanFile {
    text: String,
    plans: Plans,
}

fn check(context: &Context, file: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let path = chosen(context, file)?;
    let read = read(&path)?;
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

fn read(path: &Path) -> Result<PlanFile, Failure> {
    let shown = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| Failure::new(&format!("read {shown}"), &error))?;
    let plans = read_plan_file(&shown, &bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(PlanFile { text, plans })
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

/// What applying would do.
struct Difference {
    changes: Vec<String>,
    /// Who holds what. `None`: the server that was asked does not tell.
    holdings: Option<Vec<String>>,
    /// By currency. `None`: likewise.
    revenue: Option<Vec<String>>,
    refusals: Vec<String>,
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
    let edits: String = edits.iter().map(|edit| format!("\n  {edit}")).collect();
    Failure::refused(format!(
        "the plan file breaks what somebody was promised:{edits}"
    ))
}

impl Difference {
    async fn of(billing: &Billing, new: &Plans) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::new("compare the catalogs", error);
        let (_, refusals) = billing
            .diff_catalog(new)
            .await
            .map_err(|error| failed(&error))?;
        let store = billing.store();
        let store = store.ok_or_else(|| Failure::failed("billing is switched off"))?;
        let current = store.current_catalog().await;
        let current = current.map_err(|error| failed(&error))?;
        let current = current.map(|revision| revision.catalog);
        let rows = store.holdings().await.map_err(|error| failed(&error))?;
        let changes = diff(current.as_ref(), new).changes;
        let revenue = match &current {
            Some(current) => monthly_revenue_effect(current, new, &gathered(&rows)),
            None => Ok(BTreeMap::new()),
        };
        let revenue = revenue.map_err(|error| failed(&error))?;
        Ok(Self {
            changes: changes.iter().map(ToString::to_string).collect(),
            holdings: Some(rows.iter().map(held).collect()),
            revenue: Some(revenue.values().map(ToString::to_string).collect()),
            refusals,
        })
    }

    /// What a server told.
    fn told(said: &Value) -> Self {
        let list = |field: &str| said.get(field).and_then(Value::as_array);
        let lines = |field: &str| {
            let texts = list(field)?.iter().filter_map(Value::as_str);
            Some(texts.map(str::to_owned).collect())
        };
        let changes = list("changes").into_iter().flatten().map(change);
        Self {
            changes: changes.collect(),
            holdings: lines("holdings"),
            revenue: lines("monthly_revenue_effect"),
            refusals: lines("refusals").unwrap_or_default(),
        }
    }

    fn show(&self, out: Out) {
        if out.is_json() {
            return out.value(&json!({
                "changes": self.changes,
                "holdings": self.holdings,
                "monthly_revenue_effect": self.revenue,
                "refusals": self.refusals,
            }));
        }
        if self.changes.is_empty() {
            return out.line("No changes: this is what is in force.");
        }
        out.line(&out.paint(Color::Bold, "Changes"));
        for change in &self.changes {
            let color = match change.chars().next() {
                Some('+') => Color::Green,
                Some('-') => Color::Red,
                _ => Color::Yellow,
            };
            out.line(&format!("  {}", out.paint(color, change)));
        }
        let revenue = "Monthly revenue, once every lock that can end has ended";
        section(
            out,
            "Held now",
            self.holdings.as_deref(),
            "nobody holds anything",
        );
        section(out, revenue, self.revenue.as_deref(), "unchanged");
    }

    fn refused(&self) -> Option<Failure> {
        (!self.refusals.is_empty()).then(|| refused(&self.refusals))
    }
}

/// One change as a server tells it.
fn change(told: &Value) -> String {
    let text = |field: &str| told.get(field).and_then(Value::as_str);
    let at = text("at").unwrap_or_default();
    match (text("from"), text("to")) {
        (Some(from), Some(to)) => format!("~ {at}: {from} -> {to}"),
        (None, Some(to)) => format!("+ {at}: {to}"),
        (Some(from), None) => format!("- {at}: {from}"),
        (None, None) => at.to_owned(),
    }
}

fn section(out: Out, title: &str, lines: Option<&[String]>, nothing: &str) {
    let Some(lines) = lines else {
        return;
    };
    out.line(&out.paint(Color::Bold, title));
    if lines.is_empty() {
        out.line(&format!("  {nothing}"));
    }
    for line in lines {
        out.line(&format!("  {line}"));
    }
}

fn held(row: &Holding) -> String {
    let what = match &row.price {
        Some(price) => format!("{} at {price}", row.plan),
        None => format!("{} without a price", row.plan),
    };
    format!("{what}: {}", row.holders)
}

fn gathered(rows: &[Holding]) -> Holdings {
    let mut holdings = Holdings::default();
    for row in rows {
        let of_plan = holdings.plans.entry(row.plan.clone()).or_insert(0);
        *of_plan = of_plan.saturating_add(row.holders);
        if let Some(price) = &row.price {
            let of_price = holdings.prices.entry(price.clone()).or_insert(0);
            *of_price = of_price.saturating_add(row.holders);
        }
    }
    holdings
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
    if !difference.changes.is_empty() && !yes && !confirmed()? {
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

/// Asks on the terminal.
fn confirmed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to be asked").with_hint("Say --yes to apply."));
    }
    let failed = |error: io::Error| Failure::new("ask", &error);
    let mut prompt = io::stderr().lock();
    write!(prompt, "Apply? [y/N] ").map_err(failed)?;
    prompt.flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
