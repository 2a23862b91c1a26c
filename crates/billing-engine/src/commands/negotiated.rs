//! Terms negotiated with one customer, beside the public catalog.

use billing_domain::catalog::{Billing as Charged, PlanKey, ProviderKey, QuantityRule};
use billing_domain::ids::NegotiatedId;
use billing_domain::journal::Event;
use billing_domain::money::Money;
pub use billing_domain::negotiated::MAX_NEGOTIATED;
use billing_domain::negotiated::Negotiated;
use billing_domain::time::Timestamp;

use crate::billing::Billing;
use crate::commands::CustomerRef;
use crate::error::EngineError;
use crate::ring::Deciding;

/// What was negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTerms {
    /// The plan.
    pub plan: PlanKey,
    /// The price of one piece, per interval or once.
    pub unit: Money,
    /// How often it is charged.
    pub billing: Charged,
    /// The price of one piece in the first cycle, not above `unit`. `None`: the same.
    pub first_cycle: Option<Money>,
    /// The quantities that may be held. `None`: as the plan says.
    pub quantity: Option<QuantityRule>,
    /// Where it is paid. `None`: at the preferred provider.
    pub provider: Option<ProviderKey>,
    /// When it can no longer be taken up. `None`: it stays open.
    pub expires_at: Option<Timestamp>,
}

/// Why terms were not negotiated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiateError {
    /// There is no such customer.
    #[error("no such customer")]
    NoSuchCustomer,
    /// The catalog has no such plan.
    #[error("no such plan")]
    NoSuchPlan,
    /// A price is below zero, in two currencies, or dearer in the first cycle.
    #[error("prices are zero or more, in one currency, and no dearer in the first cycle")]
    BadPrice,
    /// The plan is not sold by the piece, or the bounds allow nothing.
    #[error("bounds are for plans sold by the piece: min from 1, max from min, step from 1")]
    BadQuantity,
    /// No provider of that name is configured, or it charges by itself and so
    /// only what its own prices say.
    #[error("no configured provider charges negotiated prices under that name")]
    NoProvider,
    /// The customer has as many as it may have.
    #[error("a customer has at most {max} negotiated terms", max = MAX_NEGOTIATED)]
    TooMany,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Billing {
    /// Notes what was negotiated with a customer. A checkout that names it buys
    /// under these terms.
    ///
    /// # Errors
    ///
    /// [`NegotiateError`], and nothing is written.
    pub async fn negotiate(
        &self,
        of: &CustomerRef,
        new: NewTerms,
        actor: Option<&str>,
    ) -> Result<Negotiated, NegotiateError> {
        let parts = self.parts()?;
        check_price(&new)?;
        if let Some(provider) = &new.provider {
            let known = parts
                .account_at(provider)
                .and_then(|at| parts.providers.get(at));
            let known = known.ok_or(NegotiateError::NoProvider)?;
            if known.capabilities().owns_schedule {
                return Err(NegotiateError::NoProvider);
            }
        }
        let found = parts.store.find(&of.locator()).await;
        let customer = found
            .map_err(EngineError::from)?
            .ok_or(NegotiateError::NoSuchCustomer)?;
        let deciding = Deciding::about(customer).by(actor);
        let decided = parts
            .decide(&deciding, |draft, catalog| {
                let plan = catalog.catalog.plan(new.plan.as_str());
                let plan = plan.ok_or(NegotiateError::NoSuchPlan)?;
                if let Some(rule) = &new.quantity {
                    let by_the_piece = plan.quantity.as_ref();
                    let same = by_the_piece.is_some_and(|own| own.feature == rule.feature);
                    if !same || rule.min == 0 || rule.step == 0 || rule.max < rule.min {
                        return Err(NegotiateError::BadQuantity);
                    }
                }
                if draft.account.customer.negotiated.len() >= MAX_NEGOTIATED {
                    return Err(NegotiateError::TooMany);
                }
                let id: NegotiatedId = draft.id();
                let agreed = Negotiated {
                    id,
                    plan: new.plan.clone(),
                    unit: new.unit,
                    billing: new.billing,
                    first_cycle: new.first_cycle,
                    quantity: new.quantity.clone(),
                    provider: new.provider.clone(),
                    expires_at: new.expires_at,
                    created_at: draft.now(),
                };
                draft.account.customer.negotiated.push(agreed.clone());
                draft.note(Event::TermsNegotiated, |entry| {
                    entry.money = Some(agreed.unit);
                    entry.note = Some(id.to_string());
                });
                Ok(agreed)
            })
            .await?;
        Ok(decided.said)
    }
}

fn check_price(new: &NewTerms) -> Result<(), NegotiateError> {
    let first = new.first_cycle.unwrap_or(new.unit);
    let one_currency = first.currency == new.unit.currency;
    let fits = one_currency && 0 <= first.amount && first.amount <= new.unit.amount;
    if fits {
        Ok(())
    } else {
        Err(NegotiateError::BadPrice)
    }
}
