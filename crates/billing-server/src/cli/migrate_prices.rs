//! `billing migrate-prices`: moving holders from one price to another, planned
//! before it is done.

mod all;
mod books;
mod chart;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use billing_domain::catalog::PriceKey;
use billing_domain::migration::MigrationAsk;
use billing_domain::time::{Timestamp, to_micros};
use clap::{Args, Subcommand};
use serde_json::Value;

use self::all::Moves;
use self::books::Subject;
use super::Context;
use super::confirm::confirmed;
use super::failure::Failure;
use super::progress::Progress;
use super::target::ServerArg;
use super::told::{count, text};
use crate::api::migrations::ask;

/// Move holders from one price to another.
#[derive(Debug, Subcommand)]
pub(crate) enum MigratePrices {
    /// Tell who would move, when, and what that does to monthly revenue
    #[command(after_help = "\
Writes nothing. The plan holds for the rest of the day, UTC, unless somebody buys, cancels or
changes meanwhile; its digest is what executing it takes.

Examples:
  billing migrate-prices plan --from pro-2024 --to pro-2026
  billing migrate-prices plan --from pro-2024 --to pro-2026 --not-before 2026-09-01T00:00:00Z --chart
  billing migrate-prices plan --from pro-2024 --to pro-2026 --svg effect.svg --json
  billing migrate-prices plan --from pro-2024 --to pro-2026 --all > moves.txt")]
    Plan {
        #[command(flatten)]
        route: Route,
        /// Name every move, not the first 100 alone; of any number, one is held at a time
        #[arg(long)]
        all: bool,
        /// Draw the effect on monthly revenue as bars
        #[arg(long)]
        chart: bool,
        /// Draw it into this SVG file
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        #[command(flatten)]
        server: ServerArg,
    },
    /// Do what was planned: schedule every move, give every notice that is due
    #[command(after_help = "\
What is broken off goes on when the same is executed again, or when a server starts.

Examples:
  billing migrate-prices execute --from pro-2024 --to pro-2026 --digest 5f0c…
  billing migrate-prices execute --from pro-2024 --to pro-2026 --digest 5f0c… --yes --json")]
    Execute {
        #[command(flatten)]
        route: Route,
        /// The digest of the plan
        #[arg(long)]
        digest: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        server: ServerArg,
    },
}

/// From where to where.
#[derive(Debug, Args)]
pub(crate) struct Route {
    /// The price that is left
    #[arg(long, value_name = "PRICE")]
    from: PriceKey,
    /// The price that follows: sold, in the same currency and interval
    #[arg(long, value_name = "PRICE")]
    to: PriceKey,
    /// Nobody moves before this instant [default: each as soon as its promise allows]
    #[arg(long, value_name = "WHEN")]
    not_before: Option<Timestamp>,
}

impl Route {
    fn ask(&self) -> MigrationAsk {
        let not_before = self.not_before.map(to_micros);
        ask(self.from.clone(), self.to.clone(), not_before)
    }
}

impl MigratePrices {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Plan {
                route,
                all,
                chart,
                svg,
                server,
            } => {
                let subject = Subject::of(server.target(context).await?);
                let plan = if all {
                    let mut moves = Moves::new(context.out);
                    let told = |told: &Value| moves.tell(told);
                    let plan = subject.plan_all(&route.ask(), told).await?;
                    moves.end(&plan);
                    plan
                } else {
                    subject.plan(&route.ask()).await?
                };
                if let Some(path) = svg {
                    draw(&path, &plan)?;
                }
                if context.out.is_json() {
                    if !all {
                        context.out.value(&plan);
                    }
                } else {
                    show::plan(context.out, &plan);
                    if chart {
                        show::bars(context.out, &plan);
                    }
                    show::how_to_execute(context.out, &plan);
                }
            }
            Self::Execute {
                route,
                digest,
                yes,
                server,
            } => {
                let subject = Subject::of(server.target(context).await?);
                let done = execute(context, &subject, &route.ask(), &digest, yes).await?;
                tell(context, &done);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn draw(path: &std::path::Path, plan: &Value) -> Result<(), Failure> {
    let drawn = std::fs::write(path, chart::svg(&show::effects(plan)));
    drawn.map_err(|error| Failure::new(&format!("write {}", path.display()), &error))
}

async fn execute(
    context: &Context,
    subject: &Subject,
    ask: &MigrationAsk,
    digest: &str,
    yes: bool,
) -> Result<Value, Failure> {
    match subject.known(digest).await? {
        Some(begun) if !text(&begun, "finished_at").is_empty() => {
            context.out.remark("It was executed before.");
            return Ok(begun);
        }
        Some(begun) => {
            let (id, done) = (text(&begun, "id"), count(&begun, "done"));
            let planned = count(&begun, "planned");
            let line = format!("Going on with {id}, at {done} of {planned}.");
            context.out.remark(&line);
        }
        None if yes => {}
        None => {
            let plan = subject.plan(ask).await?;
            if text(&plan, "digest") != digest {
                return Err(stale());
            }
            if !context.out.is_json() {
                show::plan(context.out, &plan);
            }
            if !confirmed("Execute?", "Say --yes to execute.")? {
                return Err(Failure::failed("nothing was executed"));
            }
        }
    }
    let mut progress = Progress::new(context.out);
    let done = subject.execute(ask, digest, &mut progress).await;
    progress.end();
    done
}

fn tell(context: &Context, done: &Value) {
    if context.out.is_json() {
        return context.out.value(done);
    }
    let (id, looked_at) = (text(done, "id"), count(done, "done"));
    let line = format!("{id}: executed, {looked_at} subscriptions looked at.");
    context.out.line(&line);
}

/// The world has moved since the plan was made.
fn stale() -> Failure {
    Failure::refused("the plan is not what would be done now").with_hint(
        "Somebody bought, canceled or changed, or the day is over. Plan it again with\n  \
         billing migrate-prices plan",
    )
}
