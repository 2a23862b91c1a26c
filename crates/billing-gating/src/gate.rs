//! A gate before a route: who passes, and what the others are answered. Knows no web framework.

use billing_domain::access::Gate as Answer;
use billing_domain::entitlement::Limit;
use billing_domain::time::Timestamp;
use billing_engine::{CustomerRef, GateError};
use http::Extensions;

use crate::feature::Feature;
use crate::refusal::{Denial, Refusal};

/// A gate before a page or an API route.
#[derive(Clone, Debug)]
pub struct Gate {
    feature: Feature,
    form: Form,
}

/// In which form somebody is refused.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// Led to this page.
    Page(String),
    /// A problem that names this address.
    Api(String),
}

/// What whoever has passed a gate may use: in the request's extensions, for the route behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How much of the feature. `None`: it is not counted.
    pub limit: Option<Limit>,
    /// The first instant at which this may be another. `None`: it stays.
    pub until: Option<Timestamp>,
}

impl Gate {
    pub(crate) const fn page(feature: Feature, plans_page: String) -> Self {
        let form = Form::Page(plans_page);
        Self { feature, form }
    }

    pub(crate) const fn api(feature: Feature, upgrade_url: String) -> Self {
        let form = Form::Api(upgrade_url);
        Self { feature, form }
    }

    /// Lets whoever the host's login has named in `extensions` pass, noting what is allowed
    /// there; or says what to answer instead. With billing switched off everybody passes.
    pub(crate) async fn pass(&self, extensions: &mut Extensions) -> Result<(), Refusal> {
        let Some(of) = extensions.get::<CustomerRef>().cloned() else {
            return Err(self.denied(&Denial::NOT_SIGNED_IN));
        };
        match self.feature.ask(&of).await {
            Ok(Answer::Allowed { limit, until }) => {
                extensions.insert(Allowance { limit, until });
                Ok(())
            }
            Ok(Answer::Denied {
                reason,
                plan_held,
                plan_needed,
            }) => Err(self.denied(&Denial {
                signed_in: true,
                reason: reason.as_str(),
                plan_held,
                plan_needed,
            })),
            Err(GateError::NoSuchCustomer) => Err(self.denied(&Denial::NO_CUSTOMER)),
            Err(GateError::Engine(error)) => {
                let feature = self.feature.name();
                tracing::error!(%error, feature, "gate could not be asked; refused for now");
                Err(Refusal::unavailable())
            }
        }
    }

    fn denied(&self, denial: &Denial) -> Refusal {
        Refusal::denied(&self.form, self.feature.name(), denial)
    }
}
