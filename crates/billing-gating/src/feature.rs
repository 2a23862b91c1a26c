//! A feature that something needs, and handlers of messages that need it. Knows no HTTP.

use billing_domain::access::{Gate as Answer, Need};
use billing_engine::{Billing, CustomerRef, GateError};

use crate::gate::Gate;

/// A feature of the catalog, and how much of it is needed.
#[derive(Clone, Debug)]
pub struct Feature {
    billing: Billing,
    name: String,
    need: Needed,
}

/// As [`Need`], owned.
#[derive(Clone, Debug)]
enum Needed {
    Some,
    Amount(u64),
    Level(String),
}

impl Feature {
    /// The feature `name`, as the catalog calls it: that it is there at all.
    #[must_use]
    pub fn new(billing: Billing, name: impl Into<String>) -> Self {
        Self {
            billing,
            name: name.into(),
            need: Needed::Some,
        }
    }

    /// At least so much of it, in pieces or bytes.
    #[must_use]
    pub fn amount(mut self, amount: u64) -> Self {
        self.need = Needed::Amount(amount);
        self
    }

    /// At least this level of it, as the catalog calls it.
    #[must_use]
    pub fn level(mut self, level: impl Into<String>) -> Self {
        self.need = Needed::Level(level.into());
        self
    }

    /// The feature, as the catalog calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A gate for pages: who lacks the feature is led to `plans_page`, an address of the
    /// host's or a path, with `reason`, `feature` and the `plan` that it takes.
    #[must_use]
    pub fn page(self, plans_page: impl Into<String>) -> Gate {
        Gate::page(self, plans_page.into())
    }

    /// A gate for API routes: who lacks the feature is refused with a problem that names it,
    /// the plan held, the plan that it takes, and `upgrade_url`.
    #[must_use]
    pub fn api(self, upgrade_url: impl Into<String>) -> Gate {
        Gate::api(self, upgrade_url.into())
    }

    /// Does `work` if `of` may use the feature now, which is when it is handled, whatever was
    /// allowed when it was queued. `None`: it may not, or there is no such customer; `work` is
    /// dropped without having begun, and the message is done with: trying it again would be
    /// the same. Counted as `billing_messages_dropped_total`, and told nowhere else.
    ///
    /// # Errors
    ///
    /// [`GateError::Engine`] where nobody could be asked; the message is to come again.
    pub async fn when_allowed<W: Future>(
        &self,
        of: &CustomerRef,
        work: W,
    ) -> Result<Option<W::Output>, GateError> {
        match self.ask(of).await {
            Ok(Answer::Allowed { .. }) => Ok(Some(work.await)),
            Ok(Answer::Denied { .. }) | Err(GateError::NoSuchCustomer) => {
                let feature = self.name.clone();
                metrics::counter!("billing_messages_dropped_total", "feature" => feature)
                    .increment(1);
                Ok(None)
            }
            Err(error @ GateError::Engine(_)) => Err(error),
        }
    }

    pub(crate) async fn ask(&self, of: &CustomerRef) -> Result<Answer, GateError> {
        let need = match &self.need {
            Needed::Some => Need::Some,
            Needed::Amount(amount) => Need::Amount(*amount),
            Needed::Level(level) => Need::Level(level),
        };
        self.billing.gate(of, &self.name, need).await
    }
}
