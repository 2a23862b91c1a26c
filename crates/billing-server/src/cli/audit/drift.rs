//! Comparing with the providers' books, and telling each difference.

use billing_domain::provider::ProviderAccount;
use billing_engine::Drifted;
use serde_json::{Value, json};

use super::FOUND;
use crate::cli::difference::{line, view};
use crate::cli::failure::{Failure, UNANSWERED};
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::wiring::Parts;

/// What comparing came to.
pub(super) struct Compared {
    done: Drifted,
    /// For a program: every difference.
    found: Vec<Value>,
}

/// Compares, and tells every difference and who did not answer; a program is told
/// them at the end.
pub(super) async fn compare(
    out: Out,
    parts: &Parts,
    only: Option<&ProviderAccount>,
) -> Result<Compared, Failure> {
    let mut found = Vec::new();
    let progress = Progress::uncounted(out, "comparing");
    let compared = parts
        .billing
        .drift(only, |customer, drift| {
            if out.is_json() {
                found.push(view(Some(customer), drift));
            } else {
                progress.line(&line(Some(customer), drift));
            }
        })
        .await;
    progress.end();
    let done = compared.map_err(|error| Failure::new("compare with the providers", &error))?;
    if !out.is_json() {
        for (account, silent) in &done.unanswered {
            let (objects, error) = (silent.objects, &silent.error);
            out.line(&format!(
                "unanswered  {account}  {objects} objects not compared: {error}"
            ));
        }
        let (read, drifts) = (done.read, done.drifts);
        let told = match (drifts, done.unanswered.is_empty()) {
            (0, true) => format!("{read} objects at providers: nothing differs."),
            (0, false) => format!("{read} objects at providers: of these, nothing differs."),
            _ => format!("{read} objects at providers, {drifts} differences."),
        };
        out.line(&told);
    }
    Ok(Compared { done, found })
}

impl Compared {
    pub(super) fn code(&self) -> u8 {
        match (self.done.drifts, self.done.unanswered.is_empty()) {
            (0, true) => 0,
            (0, false) => UNANSWERED,
            _ => FOUND,
        }
    }

    pub(super) fn view(&self) -> Value {
        let silent = self.done.unanswered.iter().map(|(account, silent)| {
            json!({
                "provider": account.to_string(),
                "objects": silent.objects,
                "error": silent.error,
            })
        });
        json!({
            "read": self.done.read,
            "differences": self.found,
            "unanswered": silent.collect::<Vec<_>>(),
        })
    }
}
