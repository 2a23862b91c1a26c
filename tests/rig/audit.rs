//! The audit, as a test asks for it: every finding in words, with whose it is.

use billing::{Billing, EngineError};

use super::Rig;

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
    /// Refuses books that an audit finds fault with.
    pub(crate) async fn assert_sound(&self) {
        let found = findings(&self.billing).await.unwrap();
        assert!(found.is_empty(), "the audit found {found:#?}");
    }
}
