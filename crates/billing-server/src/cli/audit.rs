//! `billing audit`: does everything hold that must, over everybody's whole history?

mod drift;

use std::process::ExitCode;

use billing_domain::provider::ProviderAccount;
use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::books::{configured, open};
use super::failure::Failure;
use super::out::Out;
use super::progress::Progress;
use crate::wiring::Parts;

/// Check every invariant over everybody's whole history: sums, payments, paid
/// time, changes, statuses, the journal; and on request, what the providers say of
/// what is open. Changes nothing, and names each row that offends.
#[derive(Debug, Args)]
#[command(after_help = "\
An SQLite file that a server has open is audited after the server was stopped, or as a copy;
PostgreSQL may be in use. Exit code 1: something was found, or differs; 5: nothing was, and a
provider did not answer for everything.

With --drift, every subscription that a provider runs and every open invoice is read from its
provider, one call each. A difference is told with the side that is right and with what would
be done about it; nothing is.

Examples:
  billing audit
  billing audit --drift
  billing audit --provider stripe/main --json
  BILLING_DATABASE_URL=sqlite:copy.db billing audit --json
  BILLING_DATABASE_URL=postgres://… billing audit")]
pub(crate) struct Audit {
    /// Compare with the books of every provider, too
    #[arg(long)]
    drift: bool,
    /// Compare with the books of this provider account, too
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "drift")]
    provider: Option<ProviderAccount>,
}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let config = context.config()?;
        let parts = open(&config).await?;
        if let Some(account) = &self.provider {
            configured(&parts, account)?;
        }
        let out = context.out;
        let audited = sound(out, &parts).await?;
        let compared = if self.drift || self.provider.is_some() {
            Some(drift::compare(out, &parts, self.provider.as_ref()).await?)
        } else {
            None
        };
        if out.is_json() {
            let mut told = json!({ "customers": audited.customers, "findings": audited.found });
            if let (Some(told), Some(compared)) = (told.as_object_mut(), &compared) {
                told.insert("drift".to_owned(), compared.view());
            }
            out.value(&told);
        }
        let code = match &compared {
            _ if audited.findings > 0 => FOUND,
            Some(compared) => compared.code(),
            None => 0,
        };
        Ok(ExitCode::from(code))
    }
}

/// Something was found.
const FOUND: u8 = 1;

/// What the audit came to.
struct Audited {
    customers: u64,
    findings: u64,
    /// For a program: every finding.
    found: Vec<Value>,
}

/// Audits, and tells every finding; a program is told them at the end.
async fn sound(out: Out, parts: &Parts) -> Result<Audited, Failure> {
    let mut found = Vec::new();
    let progress = Progress::uncounted(out, "auditing");
    let audited = parts
        .billing
        .audit(|customer, finding| {
            let (code, row, words) = (finding.code.as_str(), &finding.row, &finding.words);
            if out.is_json() {
                found.push(json!({
                    "code": code,
                    "customer": customer.to_string(),
                    "row": row,
                    "words": words,
                }));
            } else {
                progress.line(&format!("{code}  {customer}  {row}  {words}"));
            }
        })
        .await;
    progress.end();
    let audited = audited.map_err(|error| Failure::new("audit", &error))?;
    let (customers, findings) = (audited.customers, audited.findings);
    if !out.is_json() {
        if findings == 0 {
            out.line(&format!("{customers} customers: everything holds."));
        } else {
            out.line(&format!("{customers} customers, {findings} findings."));
        }
    }
    Ok(Audited {
        customers,
        findings,
        found,
    })
}
