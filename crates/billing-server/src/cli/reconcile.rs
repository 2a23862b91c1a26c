//! `billing reconcile`: what a provider's own books say that no webhook told.

use std::process::ExitCode;

use billing_domain::provider::ProviderAccount;
use billing_engine::{Difference, LostEvent, Reread, RereadError};
use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::books::{configured, open};
use super::difference::{line, view};
use super::failure::{Failure, UNANSWERED};
use super::out::Out;
use super::progress::Progress;
use crate::wiring::Parts;

/// Read a provider's events since they were last read, and all its subscriptions.
/// What is new is received as if its webhook had come, and decided by the server's
/// worker.
#[derive(Debug, Args)]
#[command(after_help = "\
The worker does the same by itself, events every hour and subscriptions every day. A go is
bounded and goes on where the one before ended. A difference is told with the side that is right
and with what is done about it.

An SQLite file that a server has open is read after the server was stopped; PostgreSQL may be in
use. Exit code 1: something differs; 5: the provider did not answer for everything.

Examples:
  billing reconcile --provider stripe/main --dry-run
  billing reconcile --provider paddle/main --json")]
pub(crate) struct Reconcile {
    /// Whose books to read
    #[arg(long, value_name = "ACCOUNT")]
    provider: ProviderAccount,
    /// Look for what had not come and compare the subscriptions, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Something differs.
const DIFFERS: u8 = 1;

impl Reconcile {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let parts = open(&config).await?;
        configured(&parts, &self.provider)?;
        let out = context.out;
        let (done, found) = self.read(out, &parts).await;
        let done = match done {
            Ok(done) => done,
            Err(RereadError::Provider(error)) => {
                if out.is_json() {
                    out.value(&json!({ "differences": found, "finished": false }));
                }
                out.failure(&Failure::new("read the provider's books", &error));
                return Ok(ExitCode::from(UNANSWERED));
            }
            Err(error) => return Err(Failure::new("reconcile", &error)),
        };
        if out.is_json() {
            out.value(&json!({
                "provider": self.provider.to_string(),
                "dry_run": self.dry_run,
                "events": done.events,
                "lost": done.lost,
                "unreadable": done.unreadable.iter().map(event).collect::<Vec<_>>(),
                "subscriptions": done.subscriptions,
                "differences": found,
                "unread": done.unread,
                "foreign": done.foreign,
                "finished": done.finished,
            }));
        } else {
            for LostEvent { event, kind } in &done.unreadable {
                out.line(&format!(
                    "event_unreadable  {event} ({kind}) had not come; the provider is right: \
                     it is set aside for a person"
                ));
            }
            out.line(&self.told(&done));
        }
        let code = if done.drifts > 0 || done.lost > 0 || done.unread > 0 {
            DIFFERS
        } else if done.finished {
            0
        } else {
            // That nothing differs is not known of what was not read.
            UNANSWERED
        };
        Ok(ExitCode::from(code))
    }

    async fn read(&self, out: Out, parts: &Parts) -> (Result<Reread, RereadError>, Vec<Value>) {
        let mut found = Vec::new();
        let progress = Progress::uncounted(out, "reading");
        let each = |difference: &Difference| {
            let Difference { customer, drift } = difference;
            if out.is_json() {
                found.push(view(*customer, drift));
            } else {
                progress.line(&line(*customer, drift));
            }
        };
        let done = if self.dry_run {
            parts.billing.reread_dry(&self.provider, each).await
        } else {
            parts.billing.reread(&self.provider, each).await
        };
        progress.end();
        (done, found)
    }

    fn told(&self, done: &Reread) -> String {
        let read = done.subscriptions;
        let mut told = vec![match done.drifts {
            0 => format!("{read} subscriptions read: nothing differs"),
            drifts => format!("{read} subscriptions read: {drifts} differences"),
        }];
        if done.unread > 0 {
            told.push(format!("{} could not be read", done.unread));
        }
        if done.foreign > 0 {
            told.push(format!("{} are somebody else's", done.foreign));
        }
        let (events, lost) = (done.events, done.lost);
        told.push(format!(
            "{events} events read, of which {lost} had not come"
        ));
        match (done.finished, self.dry_run) {
            (true, _) => {}
            (false, true) => told.push("more was left than a dry run reads".to_owned()),
            (false, false) => {
                told.push("more is left, and the next go goes on from here".to_owned());
            }
        }
        format!("{}.", told.join("; "))
    }
}

fn event(lost: &LostEvent) -> Value {
    json!({ "event": lost.event, "kind": lost.kind })
}
