//! The audit, as a test asks for it: every finding in words, with whose it is.

use billing::{Billing, EngineError};

use super::{Rig, assert_told_as_documented};

/// Everything that does not hold. Empty: all of it does.
pub(crate) async fn findings(billing: &Billing) -> Result<Vec<String>, EngineError> {
    let mut found = Vec::new();
    billing
        .audit(|customer, finding| {
            let (code, row, words) = (finding.code.as_str(), &finding.row, &finding.words);
            found.push(format!("{code} at {row} of {customer}: {words}"));
        })
        .await?;
    Ok(found)
}

impl Rig {
    /// Refuses books that an audit finds fault with, and what was told otherwise than is
    /// documented.
    pub(crate) async fn assert_sound(&self) {
        assert_told_as_documented(&self.notifier);
        let found = findings(&self.billing).await.unwrap();
        assert!(found.is_empty(), "the audit found {found:#?}");
    }
}
