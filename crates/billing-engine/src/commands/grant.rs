//! Granting a plan, and taking a grant back.

use billing_domain::catalog::PlanKey;
use billing_domain::decide::{add_grant, end_grant};
use billing_domain::grant::{Grant, GrantReason};
use billing_domain::ids::GrantId;
use billing_domain::time::Timestamp;

use crate::billing::Billing;
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Why a grant was not added or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// The catalog has no such plan.
    #[error("no such plan")]
    NoSuchPlan,
    /// The customer has no such grant that is live.
    #[error("no such live grant")]
    NoSuchGrant,
    /// It would end before it begins.
    #[error("a grant ends after it begins")]
    EndsBeforeItBegins,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Grants `plan` from now until `ends_at` (`None`: for ever).
    ///
    /// # Errors
    ///
    /// [`GrantError`], and nothing is written.
    pub async fn grant(
        &self,
        of: &CustomerRef,
        plan: &PlanKey,
        reason: GrantReason,
        ends_at: Option<Timestamp>,
        actor: Option<&str>,
    ) -> Result<Grant, GrantError> {
        let parts = self.parts()?;
        let found = parts
            .store
            .find(&of.locator())
            .await
            .map_err(EngineError::from)?;
        let customer = found.ok_or(GrantError::NoSuchCustomer)?;
        let deciding = Deciding::about(customer).by(actor);
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                if catalog.catalog.plan(plan.as_str()).is_none() {
                    return Err(GrantError::NoSuchPlan);
                }
                if ends_at.is_some_and(|end| end <= draft.now()) {
                    return Err(GrantError::EndsBeforeItBegins);
                }
                let id = add_grant(draft, plan.clone(), reason, ends_at);
                let added = draft.account.grants.iter().find(|grant| grant.id == id);
                added.cloned().ok_or(GrantError::NoSuchGrant)
            })
            .await?;
        Ok(decided.said)
    }

    /// Ends a grant now.
    ///
    /// # Errors
    ///
    /// [`GrantError`], and nothing is written.
    pub async fn end_grant(
        &self,
        of: &CustomerRef,
        grant: GrantId,
        actor: Option<&str>,
    ) -> Result<(), GrantError> {
        let parts = self.parts()?;
        let found = parts
            .store
            .find(&of.locator())
            .await
            .map_err(EngineError::from)?;
        let customer = found.ok_or(GrantError::NoSuchCustomer)?;
        let deciding = Deciding::about(customer).by(actor);
        parts
            .decide(&deciding, |draft, _| {
                if end_grant(draft, grant) {
                    Ok(())
                } else {
                    Err(GrantError::NoSuchGrant)
                }
            })
            .await?;
        Ok(())
    }
}
