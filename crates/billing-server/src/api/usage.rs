//! Metered use: reported by hosts, read against what is included, and limited.

use billing_domain::entitlement::Limit;
use billing_domain::money::{Currency, Money};
use billing_domain::time::Timestamp;
use billing_domain::usage::{MAX_EVENT_TEXT, MAX_EVENTS, UsagePeriod};
use billing_engine::{
    CustomerRef, UsageError, UsageNotTaken, UsageReport, UsageStanding, UsageTaken,
};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::customers::customer_ref;
use crate::api::views::MoneyView;
use crate::api::{Answer, Done, Group};
use crate::auth::{BillingSession, ReadKey, WriteKey};
use crate::problem::Problem;
use crate::state::AppState;

/// What was used.
#[derive(Debug, Object)]
#[oai(rename = "UsageEvents")]
pub(crate) struct EventsBody {
    /// The events, 1000 at most.
    events: Vec<EventBody>,
    /// The same, read.
    #[oai(skip)]
    read: Vec<Reported>,
}

/// Use of a feature.
#[derive(Debug, Object)]
#[oai(rename = "UsageEvent")]
pub(crate) struct EventBody {
    /// What names it: sent again under the same id, it counts once.
    id: String,
    /// What was used, as in `calls`.
    feature: String,
    /// How much. Absent: 1. Not looked at where names are counted.
    value: Option<u64>,
    /// What is counted once in a period, where names are.
    name: Option<String>,
    /// When. Absent: now.
    at: Option<String>,
}

/// An event as read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reported {
    id: String,
    feature: String,
    value: u64,
    name: Option<String>,
    at: Option<Timestamp>,
}

impl ReadBody for EventsBody {
    fn read(fields: &mut Fields) -> Self {
        let read = fields.objects("events", MAX_EVENTS, |fields| Reported {
            id: fields.required_text("id", MAX_EVENT_TEXT),
            feature: fields.required_text("feature", MAX_TEXT),
            value: fields.natural("value").unwrap_or(1),
            name: fields.text("name", MAX_EVENT_TEXT),
            at: fields.instant("at"),
        });
        Self {
            events: Vec::new(),
            read,
        }
    }
}

/// The most that is charged for the use of one period.
#[derive(Debug, Object)]
#[oai(rename = "SpendingLimit")]
pub(crate) struct LimitBody {
    /// The currency, as in `usd`.
    currency: String,
    /// Minor units, zero or more. Absent: all that is used is charged.
    amount: Option<i64>,
    /// The same, read.
    #[oai(skip)]
    read: Option<CurrencyRead>,
}

/// A currency as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurrencyRead(Currency);

impl ReadBody for LimitBody {
    fn read(fields: &mut Fields) -> Self {
        let currency = fields.parsed::<Currency>("currency");
        let currency = fields.required("currency", currency);
        Self {
            currency: String::new(),
            amount: fields.minor_units("amount"),
            read: currency.map(CurrencyRead),
        }
    }
}

/// What became of reported events.
#[derive(Debug, Object)]
#[oai(rename = "UsageTaken")]
pub(crate) struct TakenView {
    /// How many were counted now.
    counted: usize,
    /// How many had been counted before.
    known: usize,
    /// Those that were not taken in, in their order; those beside them count.
    refused: Vec<NotTakenView>,
}

/// An event that was not taken in.
#[derive(Debug, Object)]
#[oai(rename = "UsageNotTaken")]
pub(crate) struct NotTakenView {
    /// Its place among the events, from 0.
    place: usize,
    /// Its id.
    id: String,
    /// `not_metered`, `not_held`, `bad_value`, `bad_name`, `bad_id`, `in_future` or
    /// `too_late`.
    code: String,
    /// The same in words.
    detail: String,
}

impl From<UsageNotTaken> for NotTakenView {
    fn from(refused: UsageNotTaken) -> Self {
        Self {
            place: refused.place,
            id: refused.id,
            code: refused.why.as_str().to_owned(),
            detail: refused.why.to_string(),
        }
    }
}

impl From<UsageTaken> for TakenView {
    fn from(taken: UsageTaken) -> Self {
        Self {
            counted: taken.counted,
            known: taken.known,
            refused: taken.refused.into_iter().map(NotTakenView::from).collect(),
        }
    }
}

/// What is used in the period that lasts, against what is included.
#[derive(Debug, Object)]
#[oai(rename = "Usage")]
pub(crate) struct UsageView {
    /// When the period began. Absent: nothing that is held is metered.
    #[oai(skip_serializing_if_is_none)]
    period_start: Option<String>,
    /// When it ends.
    #[oai(skip_serializing_if_is_none)]
    period_end: Option<String>,
    /// The subscription whose cycle it is. Absent: it is a calendar month.
    #[oai(skip_serializing_if_is_none)]
    subscription: Option<String>,
    /// Each metered feature that is held.
    features: Vec<FigureView>,
    /// What is charged for it so far, when the period ends. Absent: nothing.
    #[oai(skip_serializing_if_is_none)]
    cost: Option<MoneyView>,
    /// The most that is charged for one period, one amount per currency.
    spending_limits: Vec<MoneyView>,
}

/// What is used of one feature.
#[derive(Debug, Object)]
#[oai(rename = "UsageFigure")]
pub(crate) struct FigureView {
    /// The feature, as in `calls`.
    feature: String,
    /// How events add up: `sum`, `max` or `unique`.
    meter: String,
    /// How much was used.
    used: u64,
    /// How much is included. Absent: any amount.
    #[oai(skip_serializing_if_is_none)]
    included: Option<u64>,
    /// How much of what was used is beyond that.
    over: u64,
    /// What `overage_per` pieces beyond cost. Absent: none is sold.
    #[oai(skip_serializing_if_is_none)]
    overage: Option<MoneyView>,
    /// So many pieces or bytes.
    #[oai(skip_serializing_if_is_none)]
    overage_per: Option<u64>,
    /// Whether no more of it may be used.
    limit_reached: bool,
}

impl UsageView {
    fn of(standing: UsageStanding) -> Self {
        let UsageStanding {
            period,
            figures,
            cost,
            spending_limits,
        } = standing;
        let limit = period.as_ref().and_then(UsagePeriod::currency);
        let limit = spending_limits
            .iter()
            .find(|held| Some(held.currency) == limit)
            .copied();
        let mut features = Vec::new();
        if let Some(period) = &period {
            for (key, metered) in &period.meters {
                let used = figures.get(key).copied().unwrap_or(0);
                features.push(FigureView {
                    feature: key.to_string(),
                    meter: metered.meter.as_str().to_owned(),
                    used,
                    included: match metered.included {
                        Limit::AtMost(included) => Some(included),
                        Limit::Unlimited => None,
                    },
                    over: metered.over(used),
                    overage: metered.overage.map(|overage| overage.amount.into()),
                    overage_per: metered.overage.map(|overage| overage.per),
                    limit_reached: period.is_reached(key.as_str(), &figures, limit),
                });
            }
        }
        let held = period.as_ref();
        Self {
            period_start: held.map(|held| held.period.start.to_string()),
            period_end: held.map(|held| held.period.end.to_string()),
            subscription: held.and_then(|held| Some(held.subscription?.to_string())),
            features,
            cost: cost.map(MoneyView::from),
            spending_limits: spending_limits.into_iter().map(Money::into).collect(),
        }
    }
}

pub(crate) struct UsageApi;

#[OpenApi(tag = "Group::Customers")]
impl UsageApi {
    /// Counts what a customer used. An event that was counted before is not counted
    /// again; one that cannot be counted is named, and those beside it count.
    #[oai(
        path = "/v1/customers/:customer/usage",
        method = "post",
        operation_id = "record_usage"
    )]
    async fn record(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        body: Body<EventsBody>,
    ) -> Answer<TakenView> {
        let _actor = by.actor();
        let of = customer_ref(&customer)?;
        let EventsBody { read, .. } = body.0;
        let events: Vec<UsageReport> = read.into_iter().map(UsageReport::from).collect();
        let taken = state.billing.record_usage(&of, &events).await;
        Ok(Json(taken.map_err(refused)?.into()))
    }

    /// What a customer uses, against what is included and what it will spend.
    #[oai(
        path = "/v1/customers/:customer/usage",
        method = "get",
        operation_id = "get_usage"
    )]
    async fn get(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        customer: Path<String>,
    ) -> Answer<UsageView> {
        by.checked();
        Ok(Json(used_by(&state, &customer_ref(&customer)?).await?))
    }

    /// Sets the most that is charged for one period of a customer's use, in a currency.
    #[oai(
        path = "/v1/customers/:customer/spending-limit",
        method = "put",
        operation_id = "set_spending_limit"
    )]
    async fn limit(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        customer: Path<String>,
        body: Body<LimitBody>,
    ) -> Result<Done, Problem> {
        let of = customer_ref(&customer)?;
        limited(&state, &of, body.0, &by.actor()).await
    }

    /// Sets the most that is charged for one period of the customer's own use, in a
    /// currency.
    #[oai(
        path = "/v1/me/spending-limit",
        method = "put",
        operation_id = "set_my_spending_limit"
    )]
    async fn limit_mine(
        &self,
        state: Data<&AppState>,
        by: BillingSession,
        body: Body<LimitBody>,
    ) -> Result<Done, Problem> {
        limited(&state, &by.customer(), body.0, &by.actor()).await
    }
}

impl From<Reported> for UsageReport {
    fn from(read: Reported) -> Self {
        Self {
            id: read.id,
            feature: read.feature,
            value: read.value,
            name: read.name,
            at: read.at,
        }
    }
}

/// What `of` uses in the period that lasts.
pub(crate) async fn used_by(state: &AppState, of: &CustomerRef) -> Result<UsageView, Problem> {
    let standing = state.billing.usage(of).await.map_err(refused)?;
    Ok(UsageView::of(standing))
}

async fn limited(
    state: &AppState,
    of: &CustomerRef,
    body: LimitBody,
    actor: &str,
) -> Result<Done, Problem> {
    let CurrencyRead(currency) = body
        .read
        .ok_or_else(|| Problem::field("currency", "is required"))?;
    let limit = body.amount;
    let set = state
        .billing
        .set_spending_limit(of, currency, limit, Some(actor));
    set.await.map_err(refused)?;
    Ok(Done)
}

/// A command about use that failed, as a problem.
pub(crate) fn refused(error: UsageError) -> Problem {
    match error {
        UsageError::NoSuchCustomer => Problem::customer_not_found(),
        UsageError::TooMany => Problem::field("events", error.to_string()),
        UsageError::Refused(refusal) => Problem::field("amount", refusal.to_string()),
        UsageError::Engine(error) => error.into(),
    }
}
