//! Who acts under whose plan.

use billing_domain::decide::act_under;
use billing_domain::ids::CustomerId;

use crate::billing::{Billing, Parts};
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// Why a customer does not act under another's plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// There is no such owner, or it is the customer itself.
    #[error("no such owner")]
    NoSuchOwner,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Lets `of` act under the plan of `owner` from now on, besides what it holds itself;
    /// `None`: under its own alone. What the owner holds by another is not handed on.
    /// `false`: it does so already.
    ///
    /// # Errors
    ///
    /// [`MemberError`], and nothing is written.
    pub async fn act_under(
        &self,
        of: &CustomerRef,
        owner: Option<&CustomerRef>,
        actor: Option<&str>,
    ) -> Result<bool, MemberError> {
        let parts = self.parts()?;
        let customer = parts.found(of).await?.ok_or(MemberError::NoSuchCustomer)?;
        let owner = match owner {
            Some(owner) => {
                let found = parts.found(owner).await?;
                let another = found.filter(|owner| *owner != customer);
                Some(another.ok_or(MemberError::NoSuchOwner)?)
            }
            None => None,
        };
        let deciding = Deciding::about(customer).by(actor);
        let decided = parts
            .decide(&deciding, |draft, _catalog| {
                Ok::<_, MemberError>(act_under(draft, owner))
            })
            .await?;
        Ok(decided.said)
    }
}

impl Parts {
    async fn found(&self, of: &CustomerRef) -> Result<Option<CustomerId>, EngineError> {
        Ok(self.store.find(&of.locator()).await?)
    }
}
