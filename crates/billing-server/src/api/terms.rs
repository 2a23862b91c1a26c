//! Terms negotiated with one customer, noted by operators.

use billing_domain::catalog::{Billing as Charged, PlanKey, ProviderKey, QuantityRule};
use billing_domain::entitlement::FeatureKey;
use billing_domain::money::{Currency, Money};
use billing_domain::time::Timestamp;
use billing_engine::{NegotiateError, NewTerms};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::checkouts::interval;
use crate::api::customers::customer_ref;
use crate::api::views::{BoundsView, NegotiatedView};
use crate::api::{Created, Group};
use crate::auth::WriteKey;
use crate::problem::Problem;
use crate::state::AppState;

/// What was negotiated.
#[derive(Debug, Object)]
#[oai(rename = "NewNegotiatedTerms")]
pub(crate) struct TermsBody {
    /// The plan.
    plan: String,
    /// What one piece costs, in minor units.
    amount: i64,
    /// The currency, as in `usd`.
    currency: String,
    /// `month`, `3 months`, or `once`.
    interval: String,
    /// What one piece costs in the first cycle, in minor units. Absent: the same.
    first_cycle: Option<i64>,
    /// The quantities that may be held, for plans sold by the piece; `step` is 1
    /// when absent. Absent: as the plan says.
    quantity: Option<BoundsView>,
    /// Where it is paid, as in `manual`. Absent: at the preferred provider.
    provider: Option<String>,
    /// When they can no longer be taken up. Absent: they stay open.
    expires_at: Option<String>,
    /// The same, read.
    #[oai(skip)]
    money: Option<MoneyRead>,
    /// The same, read.
    #[oai(skip)]
    charged: Option<Charged>,
    /// The same, read.
    #[oai(skip)]
    bounds: Option<Bounds>,
    /// The same, read.
    #[oai(skip)]
    paid_at: Option<ProviderKey>,
    /// The same, read.
    #[oai(skip)]
    end: Option<Timestamp>,
}

/// The price of a piece, and in the first cycle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MoneyRead {
    unit: Money,
    first_cycle: Option<Money>,
}

/// Quantities as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    min: u32,
    max: u32,
    step: u32,
}

impl ReadBody for TermsBody {
    fn read(fields: &mut Fields) -> Self {
        let amount = fields.minor_units("amount");
        let amount = fields.required("amount", amount);
        let currency: Option<Currency> = fields.parsed("currency");
        let currency = fields.required("currency", currency);
        let first = fields.minor_units("first_cycle");
        let every = fields.required_text("interval", MAX_TEXT);
        let charged = match every.as_str() {
            "once" => Some(Charged::Once),
            text => interval(text).map(Charged::Recurring),
        };
        if charged.is_none() && !every.is_empty() {
            fields.wrong("interval", "must be as in month, year, 3 months or once");
        }
        let bounds = fields.object("quantity", |fields| {
            let (min, max) = (fields.count("min"), fields.count("max"));
            Some(Bounds {
                min: fields.required("min", min)?,
                max: fields.required("max", max)?,
                step: fields.count("step").unwrap_or(1),
            })
        });
        Self {
            plan: fields.required_text("plan", MAX_TEXT),
            amount: 0,
            currency: String::new(),
            interval: String::new(),
            first_cycle: None,
            quantity: None,
            provider: None,
            expires_at: None,
            money: amount.zip(currency).map(|(amount, currency)| MoneyRead {
                unit: Money::new(amount, currency),
                first_cycle: first.map(|first| Money::new(first, currency)),
            }),
            charged,
            bounds: bounds.flatten(),
            paid_at: fields.parsed("provider"),
            end: fields.instant("expires_at"),
        }
    }
}

pub(crate) struct TermsApi;

#[OpenApi(tag = "Group::Customers")]
impl TermsApi {
    /// Notes what was negotiated with a customer. A checkout that names these
    /// terms buys under them.
    #[oai(
        path = "/v1/customers/:customer/negotiated-terms",
        method = "post",
        operation_id = "create_negotiated_terms"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        body: Body<TermsBody>,
    ) -> Result<Created<NegotiatedView>, Problem> {
        let of = customer_ref(&customer)?;
        let body = body.0;
        let no_such_plan = || Problem::field("plan", NO_SUCH_PLAN);
        let plan = PlanKey::new(body.plan).map_err(|_invalid| no_such_plan())?;
        let quantity = match body.bounds {
            None => None,
            Some(bounds) => {
                let revision = state.billing.catalog().await?;
                let held = revision.catalog.plan(plan.as_str());
                let held = held.ok_or_else(no_such_plan)?;
                let own = held.quantity.as_ref();
                let feature = own.map(|own| own.feature.clone());
                Some(bounds.of(feature.ok_or_else(not_by_the_piece)?))
            }
        };
        // A body without them was refused.
        let money = body.money.ok_or_else(Problem::internal)?;
        let new = NewTerms {
            plan,
            unit: money.unit,
            billing: body.charged.ok_or_else(Problem::internal)?,
            first_cycle: money.first_cycle,
            quantity,
            provider: body.paid_at,
            expires_at: body.end,
        };
        let actor = by.actor();
        let agreed = state.billing.negotiate(&of, new, Some(&actor)).await;
        Ok(Created::new(agreed.map_err(refused)?.into()))
    }
}

impl Bounds {
    const fn of(self, feature: FeatureKey) -> QuantityRule {
        QuantityRule {
            feature,
            min: self.min,
            max: self.max,
            step: self.step,
        }
    }
}

const NO_SUCH_PLAN: &str = "is not in the catalog";

fn not_by_the_piece() -> Problem {
    Problem::field("quantity", "the plan is not sold by the piece")
}

fn refused(error: NegotiateError) -> Problem {
    match error {
        NegotiateError::NoSuchCustomer => Problem::customer_not_found(),
        NegotiateError::NoSuchPlan => Problem::field("plan", NO_SUCH_PLAN),
        NegotiateError::BadPrice => Problem::field("amount", error.to_string()),
        NegotiateError::BadQuantity => Problem::field("quantity", error.to_string()),
        NegotiateError::NoProvider => Problem::field("provider", error.to_string()),
        NegotiateError::TooMany => Problem::unprocessable(error.to_string()),
        NegotiateError::Engine(error) => error.into(),
    }
}
