//! The sandbox as a payment provider: orders and reads, with faults on demand.

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order, Resuming};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_ports::{
    Answer, Finding, FindingLevel, PaymentProvider, PerformError, Previewed, Refusal,
    ResumePreviewed,
};

use crate::fault::{Fault, Occasion};
use crate::sandbox::Sandbox;
use crate::store::BooksError;
use crate::world::Outcome;

#[async_trait]
impl PaymentProvider for Sandbox {
    fn account(&self) -> &ProviderAccount {
        &self.inner.account
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.mode.capabilities()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let fault = self.faults().take(Occasion::Perform);
        let outcome = match &fault {
            Some(Fault::NotReached) => return Err(not_reached()),
            Some(Fault::TimeOutBefore) => return Err(lost()),
            Some(Fault::Refuse { code }) => {
                self.change(|world, now| world.refuse(effect, key, order, code, now))
                    .await
            }
            _ => {
                self.change(|world, now| world.perform(effect, key, order, now))
                    .await
            }
        };
        let outcome = outcome.map_err(|error| unwritten(&error))??;
        if fault == Some(Fault::LoseAnswer) {
            return Err(lost());
        }
        Ok(match outcome {
            Outcome::Done { facts } => Answer::Done(facts),
            Outcome::Refused { code, message } => Answer::Refused(Refusal { code, message }),
        })
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        self.fail_reading()?;
        if object.account != self.inner.account {
            return Err(PerformError::Misconfigured(format!(
                "an object of {} was asked for at {}",
                object.account, self.inner.account
            )));
        }
        self.change(|world, _now| world.read(object))
            .await
            .map_err(|error| unwritten(&error))
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        self.fail_reading()?;
        let previewed = self
            .change(|world, _now| world.preview(change))
            .await
            .map_err(|error| unwritten(&error))??;
        Ok(match previewed {
            Ok(preview) => Previewed::Costs(preview),
            Err(refusal) => Previewed::Refused(refusal),
        })
    }

    async fn preview_resume(&self, ask: &Resuming) -> Result<ResumePreviewed, PerformError> {
        self.fail_reading()?;
        let previewed = self
            .change(|world, now| world.preview_resume(ask, now))
            .await
            .map_err(|error| unwritten(&error))??;
        Ok(match previewed {
            Ok(resumption) => ResumePreviewed::Costs(resumption),
            Err(refusal) => ResumePreviewed::Refused(refusal),
        })
    }

    async fn doctor(&self, _catalog: &Catalog) -> Vec<Finding> {
        let books = match self.path() {
            Some(path) => format!("books in {}", path.display()),
            None => "books in memory only".to_owned(),
        };
        let text = format!(
            "sandbox {}: {}, {books}; no real money moves here",
            self.inner.account,
            self.inner.mode.as_str()
        );
        vec![Finding {
            level: FindingLevel::Good,
            text,
        }]
    }
}

impl Sandbox {
    /// Fails a call that changes nothing, if it is the turn of a fault.
    fn fail_reading(&self) -> Result<(), PerformError> {
        match self.faults().take(Occasion::Read) {
            Some(Fault::NotReached) => Err(not_reached()),
            Some(Fault::TimeOutBefore | Fault::LoseAnswer) => Err(lost()),
            _ => Ok(()),
        }
    }
}

fn not_reached() -> PerformError {
    PerformError::NotSent("the sandbox was out of reach, on demand".to_owned())
}

fn lost() -> PerformError {
    PerformError::Unknown("the sandbox did not answer in time, on demand".to_owned())
}

/// The change is in the world and may not be on disk: nobody knows until it is asked for again.
fn unwritten(error: &BooksError) -> PerformError {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "sandbox books not written"
    );
    PerformError::Unknown(error.to_string())
}
