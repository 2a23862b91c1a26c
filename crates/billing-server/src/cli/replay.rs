//! `billing replay`: does all that the providers told lead to what is stored?

use std::process::ExitCode;

use billing_domain::audit::Mismatch;
use billing_domain::ids::CustomerId;
use billing_domain::provider::ProviderAccount;
use billing_engine::{ReplayAsk, ReplayFinding, Replayed};
use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::books::{configured, open};
use super::failure::Failure;
use super::out::Out;
use super::progress::Progress;
use crate::wiring::Parts;

/// Rebuild what providers run from all that they told, and compare it with what is
/// stored. Asks no provider, changes nothing, and names each row that differs.
#[derive(Debug, Args)]
#[command(after_help = "\
Replayed are the rows of the inbox that were decided: what webhooks told, and what was answered
and read. Compared are, of each subscription whose schedule a provider runs, how it stands, its plan,
price and pieces, until when it is paid, when it ends, and the paid time that is withheld; of each of
the provider's own invoices what it is for, its amount, how it stands, what was paid and what went
back of it; and of each checkout there whether it is complete.

Not compared is what is decided here and not told: customers and claims, grants, licenses and their
machines, balances, what is scheduled or promised, and all that the engine runs itself, purchases for
ever among it. `billing audit` looks at that.

Rows that wait, or are set aside, are named and left out. An SQLite file that a server has open
is read after the server was stopped, or as a copy; PostgreSQL may be in use. Exit code 1:
something differs; 5: nothing does, and something could not be compared.

Examples:
  billing replay
  billing replay --provider stripe/main --json
  billing replay --customer cus_01J9ZQ2V7M8N3P4R5S6T7V8W9X")]
pub(crate) struct Replay {
    /// What this provider account told only
    #[arg(long, value_name = "ACCOUNT")]
    provider: Option<ProviderAccount>,
    /// This customer only
    #[arg(long, value_name = "ID")]
    customer: Option<CustomerId>,
}

/// Something differs.
const DIFFERS: u8 = 1;

/// Nothing differs of what was compared, and not everything was.
const UNJUDGED: u8 = 5;

impl Replay {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let parts = open(&config).await?;
        if let Some(account) = &self.provider {
            configured(&parts, account)?;
        }
        let (out, asked) = (context.out, self.customer);
        let ask = ReplayAsk {
            provider: self.provider,
            customer: self.customer,
        };
        let (done, found) = replay(out, &parts, &ask).await?;
        if let (0, Some(customer)) = (done.customers, asked) {
            return Err(Failure::failed(format!("there is no customer {customer}")));
        }
        if out.is_json() {
            out.value(&json!({
                "customers": done.customers,
                "rows": done.rows,
                "differences": found.differences,
                "not_compared": found.not_compared,
                "left_out": found.left_out,
            }));
        } else {
            out.line(&told(&done));
        }
        let code = match (done.mismatches, done.unjudged) {
            (0, 0) => 0,
            // That nothing differs is not known of what was not compared.
            (0, _) => UNJUDGED,
            _ => DIFFERS,
        };
        Ok(ExitCode::from(code))
    }
}

/// For a program: every finding.
#[derive(Default)]
struct Found {
    differences: Vec<Value>,
    not_compared: Vec<Value>,
    left_out: Vec<Value>,
}

/// Replays, and tells every finding; a program is told them at the end.
async fn replay(out: Out, parts: &Parts, ask: &ReplayAsk) -> Result<(Replayed, Found), Failure> {
    let mut found = Found::default();
    let progress = Progress::uncounted(out, "replaying");
    let each = |customer: Option<CustomerId>, finding: &ReplayFinding| {
        if out.is_json() {
            found.take(customer, finding);
        } else {
            progress.line(&line(customer, finding));
        }
    };
    let done = parts.billing.replay(ask, each).await;
    progress.end();
    let done = done.map_err(|error| Failure::new("replay", &error))?;
    Ok((done, found))
}

impl Found {
    fn take(&mut self, customer: Option<CustomerId>, finding: &ReplayFinding) {
        let customer = customer.map(|customer| customer.to_string());
        match finding {
            ReplayFinding::Mismatch(Mismatch {
                code,
                object,
                row,
                stored,
                told,
            }) => self.differences.push(json!({
                "code": code.as_str(),
                "customer": customer,
                "row": row,
                "provider": object.account.to_string(),
                "kind": object.kind.as_str(),
                "object": object.id,
                "stored": stored,
                "told": told,
            })),
            ReplayFinding::Unjudged(unjudged) => self.not_compared.push(json!({
                "customer": customer,
                "provider": unjudged.object.account.to_string(),
                "kind": unjudged.object.kind.as_str(),
                "object": unjudged.object.id,
                "why": unjudged.why,
            })),
            ReplayFinding::Moved => self.not_compared.push(json!({
                "customer": customer,
                "why": MOVED,
            })),
            ReplayFinding::LeftOut(row) => self.left_out.push(json!({
                "customer": customer,
                "row": row.inbox.to_string(),
                "provider": row.account.to_string(),
                "event": row.event_id,
                "why": row.why,
            })),
        }
    }
}

const MOVED: &str = "it was changed meanwhile";

fn line(customer: Option<CustomerId>, finding: &ReplayFinding) -> String {
    let customer = customer.map_or_else(|| "-".to_owned(), |customer| customer.to_string());
    match finding {
        ReplayFinding::Mismatch(told) => {
            let (code, object) = (told.code.as_str(), &told.object);
            let row = told.row.as_deref().unwrap_or("-");
            format!(
                "{code}  {customer}  {row}  {} {} {}: stored {}, told {}",
                object.account,
                object.kind.as_str(),
                object.id,
                told.stored,
                told.told
            )
        }
        ReplayFinding::Unjudged(unjudged) => {
            let object = &unjudged.object;
            let (account, kind) = (&object.account, object.kind.as_str());
            let (id, why) = (&object.id, &unjudged.why);
            format!("not_compared  {customer}  -  {account} {kind} {id}: {why}")
        }
        ReplayFinding::Moved => format!("not_compared  {customer}  -  {MOVED}"),
        ReplayFinding::LeftOut(row) => {
            let (id, account, event) = (row.inbox, &row.account, &row.event_id);
            format!(
                "left_out  {customer}  {id}  {account} event {event}: {}",
                row.why
            )
        }
    }
}

fn told(done: &Replayed) -> String {
    let (customers, rows) = (done.customers, done.rows);
    let mut told = vec![format!("{customers} customers, {rows} rows applied again")];
    told.push(match (done.mismatches, done.unjudged) {
        (0, 0) => "nothing differs".to_owned(),
        (0, unjudged) => format!("{unjudged} not compared; of the rest, nothing differs"),
        (mismatches, 0) => format!("{mismatches} differences"),
        (mismatches, unjudged) => format!("{mismatches} differences, {unjudged} not compared"),
    });
    if done.left_out > 0 {
        told.push(format!("{} rows left out", done.left_out));
    }
    format!("{}.", told.join("; "))
}
