//! The audit and the replay, as a test asks for them: every finding in words, with
//! whose it is.

use billing::{Billing, EngineError, ReplayAsk, ReplayFinding};

use super::Rig;

/// Everything that does not hold, and that was told otherwise. Empty: all of it does,
/// and nothing was.
pub(crate) async fn findings(billing: &Billing) -> Result<Vec<String>, EngineError> {
    let mut found = Vec::new();
    billing
        .audit(|customer, finding| {
            let (code, row, words) = (finding.code.as_str(), &finding.row, &finding.words);
            found.push(format!("{code} at {row} of {customer}: {words}"));
        })
        .await?;
    let everybody = ReplayAsk::default();
    let replayed = billing.replay(&everybody, |customer, finding| {
        // A story's clock stands still: which of two readings came later is not always
        // known, and what is not decided is none of what is stored.
        if let ReplayFinding::Mismatch(_) = finding {
            found.push(format!("replay of {customer:?}: {finding:?}"));
        }
    });
    replayed.await?;
    Ok(found)
}

impl Rig {
    /// Refuses books that an audit finds fault with.
    pub(crate) async fn assert_sound(&self) {
        let found = findings(&self.billing).await.unwrap();
        assert!(found.is_empty(), "the audit found {found:#?}");
    }
}
